"""New data with targets is scored as the test split of a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rnnlab
from rnnlab.commands.evaluate import main
from rnnlab.errors import ConfigError, DataError
from rnnlab.inference.evaluation import Evaluation, score, single_process_config
from rnnlab.report.folder import RunFolder
from tests.helpers.run_folders import UntrainedRun, write_run


def score_test(run: UntrainedRun) -> Evaluation:
    """The scores of the test split, as the run reports them."""
    model = rnnlab.load(run.folder).model
    config = single_process_config(model.hyper_parameters["config"])
    return score(model, run.data, config, RunFolder(run.folder), with_baselines=True)


def check_equal(new: Evaluation, test: Evaluation) -> None:
    """The same scores; the baselines that need no training are the same, too."""
    assert new.targets == test.targets
    assert new.scores == pytest.approx(dict(test.scores), abs=1e-6)
    assert new.baselines
    for name, scores in new.baselines.items():
        assert scores == pytest.approx(dict(test.baselines[name]), abs=1e-6), name


# Series.


def last_rows(run: UntrainedRun, table: pd.DataFrame, transform: str) -> pd.DataFrame:
    """The rows of the test split, and those that the first window reads."""
    data: Any = run.data
    before = data.seq_len + (transform in ("difference", "log_return"))
    return table.iloc[int(data.windows["test"].first[0]) - before :]


@pytest.mark.parametrize(
    ("model", "transform"),
    [
        ("gru", "last"),
        ("bilstm", "difference"),
        pytest.param("attention_gru", "none", marks=pytest.mark.slow),
        pytest.param("lstm", "log_return", marks=pytest.mark.slow),
    ],
)
def test_the_rows_of_the_test_have_the_scores_of_the_test(
    model: str, transform: str, tmp_path: Path
) -> None:
    units = ["data.report_in=original"] if transform == "log_return" else []
    run = write_run("csv_series", tmp_path, f"model={model}", f"data.transform={transform}", *units)
    file = tmp_path / "series.csv"
    new = last_rows(run, pd.read_csv(file), transform)
    file.unlink()
    evaluation = rnnlab.load(run.folder).evaluate(new)
    check_equal(evaluation, score_test(run))
    assert {"persistence", "seasonal naive"} == evaluation.baselines.keys()
    assert {"test/mse", "test/mae", "test/mase", "test/smape"} <= evaluation.scores.keys()
    assert "fitted to the training split" in evaluation.missing_baselines["ridge"]


def test_rows_after_a_date_are_scored(tmp_path: Path) -> None:
    run = write_run("csv_series", tmp_path)
    trained, file = rnnlab.load(run.folder), tmp_path / "series.csv"
    data: Any = run.data
    first = pd.read_csv(file)["date"][int(data.windows["test"].first[0])]
    check_equal(trained.evaluate(file, start=first), score_test(run))
    with pytest.raises(DataError, match="has no target to score from 2030-01-01 on"):
        trained.evaluate(file, start="2030-01-01")
    with pytest.raises(ConfigError, match="start=soon: give a date"):
        trained.evaluate(file, start="soon")
    with pytest.raises(ConfigError, match="steps: no such option"):
        trained.evaluate(file, steps=3)


def test_gaps_are_not_scored_and_scales_are_those_of_training(tmp_path: Path) -> None:
    run = write_run("csv_series", tmp_path, "data.channels=independent")
    trained, table = rnnlab.load(run.folder), pd.read_csv(tmp_path / "series.csv")
    new = table.iloc[100:].reset_index(drop=True)
    new.loc[40:60, "one"] = np.nan
    shifted = new.assign(one=new["one"] + 1000)
    scores, far = trained.evaluate(new), trained.evaluate(shifted)
    assert scores.targets < 2 * (len(new) - run.data.seq_len - 2)  # type: ignore[attr-defined]
    assert np.isfinite(list(scores.scores.values())).all()
    network, persistence = (
        (e.scores["test/mse"], e.baselines["persistence"]["test/mse"]) for e in (scores, far)
    )
    assert network[1] == pytest.approx(persistence[1], rel=1e-6), "differences do not change"


def test_series_that_cannot_be_scored_are_refused(tmp_path: Path) -> None:
    run = write_run("csv_series", tmp_path)
    trained, table = rnnlab.load(run.folder), pd.read_csv(tmp_path / "series.csv")
    with pytest.raises(DataError, match=r"has 14 rows up to .*a score needs 15: 12 that the .*"):
        trained.evaluate(table.tail(14))
    assert trained.evaluate(table.tail(15)).targets == 1
    with pytest.raises(DataError, match="'two'"):
        trained.evaluate(table.drop(columns="two"))
    empty = table.tail(40).assign(two=[1.0] * 12 + [np.nan] * 28)
    with pytest.raises(DataError, match="'two' has no value to score"):
        trained.evaluate(empty)
    with pytest.raises(ConfigError, match="must be a file or a pandas table, not list"):
        trained.evaluate([1.0, 2.0])  # type: ignore[arg-type]


def test_a_series_of_several_that_is_new_is_refused(tmp_path: Path) -> None:
    run = write_run("stocks", tmp_path)
    trained = rnnlab.load(run.folder)
    stocks = tmp_path / "stocks"
    evaluation = trained.evaluate(stocks / "AAA_2020.csv")
    assert evaluation.scores["test/mse"] > 0
    renamed = (stocks / "BBB_2020.csv").rename(stocks / "BBC_2020.csv")
    with pytest.raises(DataError, match=r"the series 'BBC' was not in training.*mean BBB"):
        trained.evaluate(renamed)


def test_a_wave_is_scored_by_the_metrics_of_its_test(tmp_path: Path) -> None:
    run = write_run("sine", tmp_path)
    data: Any = run.data
    wave = pd.DataFrame({"value": data.windows["test"].values[:60, 0]})
    trained, batch = rnnlab.load(run.folder), data.gather("test", np.arange(20))
    errors = trained.answer(batch) - batch.targets
    evaluation = trained.evaluate(wave, start=40)
    assert evaluation.targets == 20
    assert evaluation.scores["test/mse"] == pytest.approx(float(errors.square().mean()), abs=1e-6)
    assert evaluation.scores["test/mae"] == pytest.approx(float(errors.abs().mean()), abs=1e-6)


# Classification.


@pytest.fixture
def reviews(tmp_path: Path) -> tuple[UntrainedRun, pd.DataFrame]:
    """A run on reviews with class names, and the texts of its test with their labels."""
    run = write_run("imdb", tmp_path, "+data.class_names={0: bad, 1: good}")
    data: Any = run.data
    labels = data.labels["test"]
    texts = [data.example("test", row)["text"] for row in range(len(labels))]
    return run, pd.DataFrame({"text": texts, "label": labels})


WRITE: dict[str, Callable[[pd.DataFrame, Path], object]] = {
    "csv": lambda frame, path: frame.to_csv(path, index=False),
    "tsv": lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
    "jsonl": lambda frame, path: frame.to_json(path, orient="records", lines=True),
    "parquet": lambda frame, path: frame.to_parquet(path),
}


def test_labelled_texts_have_the_scores_of_the_test(
    reviews: tuple[UntrainedRun, pd.DataFrame], tmp_path: Path
) -> None:
    run, frame = reviews
    trained, test = rnnlab.load(run.folder), score_test(run)
    (tmp_path / "reviews.csv").unlink()
    check_equal(trained.evaluate(frame), test)
    names = frame.assign(label=frame["label"].map({0: "bad", 1: "good"}))
    check_equal(trained.evaluate(names), test)
    check_equal(trained.evaluate(frame.assign(label=frame["label"].astype(float))), test)
    for suffix, write in WRITE.items():
        write(frame, tmp_path / f"new.{suffix}")
        check_equal(trained.evaluate(tmp_path / f"new.{suffix}"), test)


def test_texts_in_folders_of_classes_are_scored(
    reviews: tuple[UntrainedRun, pd.DataFrame], tmp_path: Path
) -> None:
    run, frame = reviews
    for row, (text, label) in enumerate(frame.itertuples(index=False)):
        folder = tmp_path / "new" / ("bad", "good")[label]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{row}.txt").write_text(text)
    check_equal(rnnlab.load(run.folder).evaluate(tmp_path / "new"), score_test(run))


def test_labels_that_training_did_not_have_are_refused(
    reviews: tuple[UntrainedRun, pd.DataFrame],
) -> None:
    run, frame = reviews
    trained = rnnlab.load(run.folder)
    labels = frame["label"].astype(object)
    labels[3] = "goood"
    with pytest.raises(DataError) as refused:
        trained.evaluate(frame.assign(label=labels))
    assert str(refused.value) == (
        "table, row 4: the label 'goood' (a total of 1 rows) was not in training; did you mean "
        "good? choices: bad, good. Rename it, or remove its rows"
    )
    labels[3] = ""
    with pytest.raises(DataError, match="row 4: the label is ''"):
        trained.evaluate(frame.assign(label=labels))
    with pytest.raises(DataError, match=r"no column 'label'.*data\.label_column"):
        trained.evaluate(frame[["text"]])
    one = trained.evaluate(frame[frame["label"] == 1])
    assert "test/auroc" not in one.scores
    assert "of the file are of class 'good'" in one.undefined["auroc"]
    empty = pd.concat([frame, pd.DataFrame({"text": [" "], "label": [0]})])
    assert "1 empty texts of table were left out" in trained.evaluate(empty).notes


def test_generated_targets_are_not_in_files(tmp_path: Path) -> None:
    trained = rnnlab.load(write_run("copying", tmp_path).folder)
    with pytest.raises(ConfigError, match=r"are generated.*rnnlab evaluate <run>"):
        trained.evaluate(["1 2"])


# The command.


def test_the_command_prints_the_scores_of_a_file(
    reviews: tuple[UntrainedRun, pd.DataFrame], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, frame = reviews
    scores = dict(score_test(run).scores)
    folder = RunFolder(run.folder)
    folder.write_report({**folder.read_report(), "scores": scores})
    frame.to_csv(tmp_path / "new.csv", index=False)
    main([str(run.folder), "--data", str(tmp_path / "new.csv")])
    printed = capsys.readouterr().out
    network, own = (
        next(line for line in printed.splitlines() if name in line)
        for name in ("network ", "network in its own test")
    )
    assert f"{scores['test/accuracy']:.4f}" in network
    assert network.split("│")[2:] == own.split("│")[2:]
    assert "majority" in printed
    assert "no linear: is fitted to the training split" in printed
    with pytest.raises(ConfigError, match="give it with --data <file>"):
        main([str(run.folder), "--start", "2024-01-01"])


@pytest.mark.parametrize("model", ["gru", pytest.param("bilstm", marks=pytest.mark.slow)])
def test_new_pairs_have_the_scores_of_the_test(model: str, tmp_path: Path) -> None:
    """In each form; some sources are longer than data.seq_len."""
    run = write_run("parallel_text", tmp_path, f"model={model}", seq_len=6)
    data: Any = run.data
    rows = np.arange(data.provenance.sizes["test"])
    sources, targets = (data.original_texts("test", side, rows) for side in ("source", "target"))
    assert max(len(text.split()) for text in sources) > 6
    new = tmp_path / "new"
    new.mkdir()
    for name, texts in (("a.txt", sources), ("b.txt", targets)):
        (new / name).write_text("\n".join(texts) + "\n")
    frame = pd.DataFrame({"source": sources, "target": targets})
    frame.to_csv(new / "pairs.csv", index=False)
    frame.to_csv(new / "pairs.tsv", index=False, header=False, sep="\t")
    for name in ("pairs.source", "pairs.target"):
        (tmp_path / name).unlink()
    trained, test = rnnlab.load(run.folder), score_test(run)
    evaluation = trained.evaluate(new / "a.txt", reference=new / "b.txt")
    check_equal(evaluation, test)
    assert {"test/bleu", "test/chrf", "test/exact_match", "test/loss"} <= evaluation.scores.keys()
    assert evaluation.baselines["copy the source"].keys() >= {"test/bleu"}
    assert "token frequency" in evaluation.missing_baselines
    for inputs in (frame, new / "pairs.csv", new / "pairs.tsv"):
        check_equal(trained.evaluate(inputs), test)
    (new / "b.txt").write_text("\n".join(targets[:5]) + "\n")
    with pytest.raises(DataError, match=r"line 6: has no partner"):
        trained.evaluate(new / "a.txt", reference=new / "b.txt")
    with pytest.raises(DataError, match=r"pair 2: is a pair with an empty side"):
        trained.evaluate(pd.DataFrame({"source": ["aa", "bb"], "target": ["AA", ""]}))


@pytest.mark.parametrize("tokens", ["words", pytest.param("characters", marks=pytest.mark.slow)])
def test_a_new_text_has_the_scores_of_the_test(tokens: str, tmp_path: Path) -> None:
    run = write_run("text_file", tmp_path, "model=gru", f"data.tokens={tokens}")
    lines = (tmp_path / "text.txt").read_text().splitlines()[-20:]
    (tmp_path / "text.txt").unlink()
    new = tmp_path / "new.txt"
    new.write_text("\n".join(lines) + "\n")
    trained, test = rnnlab.load(run.folder), score_test(run)
    assert trained.evaluate(new).targets == run.data.provenance.sizes["test"]
    for inputs in (new, lines):
        assert trained.evaluate(inputs).scores == pytest.approx(dict(test.scores), abs=1e-6)
    assert {"bigram", "unigram"} == trained.evaluate(new).missing_baselines.keys()
    assert "<unk> replaces" in trained.evaluate(["zebra wa"]).notes[0] or tokens == "characters"
    with pytest.raises(DataError, match="has no tokens"):
        trained.evaluate([])


def test_the_command_scores_pairs_of_two_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(write_run("parallel_text", tmp_path).folder)
    folder.write_report({**folder.read_report(), "scores": {"test/bleu": 1.0}})
    files = [str(tmp_path / f"pairs.{side}") for side in ("source", "target")]
    main([str(folder.path), "--data", files[0], "--reference", files[1]])
    printed = capsys.readouterr().out
    assert "copy the source" in printed
    assert "120 targets" in printed
    with pytest.raises(ConfigError, match="--reference: is about targets of a new file"):
        main([str(folder.path), "--reference", files[1]])
    with pytest.raises(ConfigError, match=r"--start: no such option; choices: --reference"):
        main([str(folder.path), "--data", files[0], "--start", "2024-01-01"])
