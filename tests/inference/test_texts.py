"""Language models and translators, used from their folders alone."""

import io
import json
import math
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import rnnlab
from rnnlab.commands.predict import main
from rnnlab.data.base import DataModule
from rnnlab.data.loaders.streams import EVAL_STEPS
from rnnlab.data.processors.base import load_processor
from rnnlab.errors import ConfigError, DataError
from rnnlab.experiment.run import run
from rnnlab.inference.trained_run import TrainedRun
from rnnlab.models import RecurrentModel
from tests.helpers.configs import small, small_text_file
from tests.helpers.run_folders import write_run

TOKENS = {"words": 20, "characters": 20, "bpe": 270}


def write_splits(folder: Path) -> Path:
    """Three files; the test has several windows, unknown words, empty lines and Windows' ends."""
    lines = Path(small_text_file(folder)["path"]).read_text().splitlines()
    place = folder / "splits"
    place.mkdir()
    (place / "train.txt").write_text("\n".join(lines[:120]) + "\n")
    (place / "valid.txt").write_text("\n".join(lines[120:130]) + "\n")
    test = [*lines[130:150], "", "Zebra, wb wc", " wd  we ", *lines[150:]]
    (place / "test.txt").write_bytes("\r\n".join([*test, ""]).encode())
    return place


def test_perplexity_of(data: DataModule, model: RecurrentModel) -> tuple[int, float]:
    """The number of test tokens, and their perplexity as the test computes it."""
    scores = []
    with torch.inference_mode():
        for batch in data.test_dataloader():
            scores.append(model.predictions(batch, "test").flatten())
    values = torch.cat(scores).double()
    return len(values), math.exp(-float(values.mean()))


test_perplexity_of.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("tokens", "model"),
    [("words", "gru"), ("words", "rnn"), ("characters", "lstm"), ("bpe", "deep_lstm")],
)
def test_the_test_text_has_the_perplexity_of_the_test(
    tokens: str, model: str, tmp_path: Path
) -> None:
    path = write_splits(tmp_path)
    settings = {"tokens": tokens, "vocab_size": TOKENS[tokens], "path": str(path)}
    made = write_run("text_file", tmp_path, f"model={model}", **settings)
    count, expected = test_perplexity_of(made.data, made.model)
    assert count > 2 * EVAL_STEPS
    text = (path / "test.txt").read_bytes().decode()
    trained = moved(made.folder, tmp_path, "splits", "text.txt")
    (row,) = trained.perplexity(text).itertuples()
    assert row.tokens == count
    assert row.perplexity == pytest.approx(expected, rel=1e-6)
    assert row.log_probability == pytest.approx(-count * math.log(expected), rel=1e-6)


def moved(folder: Path, place: Path, *data: str) -> TrainedRun:
    """The run in another place, without its data and the cache."""
    for name in data:
        path = place / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return rnnlab.load(shutil.move(folder, place / "moved"))


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    folder = tmp_path_factory.mktemp("run")
    return rnnlab.load(write_run("text_file", folder, "model=lstm", vocab_size=40).folder)


def test_texts_of_any_length_are_scored_alone(language_model: TrainedRun) -> None:
    words = " ".join(f"w{chr(97 + i % 20)}" for i in range(2 * EVAL_STEPS + 7))
    texts = ["wa wb\n", words, "", "wa", "wa wb wc wd\nwe\n", words[:900], "zebra\n"] * 2
    together = language_model.perplexity(texts, batch_size=3)
    alone = pd.concat([language_model.perplexity([text]) for text in texts], ignore_index=True)
    pd.testing.assert_frame_equal(together, alone, rtol=1e-6)
    assert together["text"].tolist() == texts
    assert together["tokens"].tolist()[:5] == [3, 2 * EVAL_STEPS + 7, 0, 1, 7]
    assert np.isnan(together["perplexity"][2])
    assert together["log_probability"][2] == 0
    assert together.attrs["notes"][0] == "2 of 14 texts are empty"


def test_the_probability_of_a_text_is_that_of_its_tokens(language_model: TrainedRun) -> None:
    processor: Any = language_model.processor
    (row,) = language_model.perplexity(["wa wc\n"]).itertuples()
    tokens = torch.tensor([[2, *processor.encode("wa wc\n")]])
    model: Any = language_model.model
    with torch.inference_mode():
        outputs, _ = model(model.task.embed(tokens[:, :-1]))
        scores = model.task.head(outputs, torch.tensor([3])).log_softmax(dim=2)
    expected = scores.gather(2, tokens[:, 1:, None]).sum()
    assert row.log_probability == pytest.approx(float(expected), rel=1e-5)
    assert row.perplexity == pytest.approx(math.exp(-float(expected) / 3), rel=1e-5)


def test_a_language_model_predicts_the_perplexity_of_lines(
    language_model: TrainedRun, tmp_path: Path
) -> None:
    lines = ["wa wb", "", "wc zebra wd we"] * 400
    (tmp_path / "lines.txt").write_text("\r\n".join(lines) + "\r\n", newline="")
    parts = list(language_model.predict_parts(tmp_path / "lines.txt"))
    assert [len(part) for part in parts] == [1000, 200]
    table = language_model.predict(lines)
    scored = language_model.perplexity([f"{line}\n" for line in lines])
    assert table["text"].tolist() == lines
    pd.testing.assert_frame_equal(table.drop(columns="text"), scored.drop(columns="text"))
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), table)
    assert table["tokens"].tolist()[:3] == [3, 1, 5]
    assert parts[0].attrs["notes"] == [
        "333 of 1,000 texts are empty",
        "11% of the tokens are not in the vocabulary",
    ]


def test_texts_are_generated_for_one_or_several_prompts(language_model: TrainedRun) -> None:
    one = language_model.generate("wa wb", tokens=5, samples=2, seed=3)
    assert list(one) == ["prompt", "sample", "text"]
    assert one["sample"].tolist() == [1, 2]
    assert all(text.startswith("wa wb") for text in one["text"])
    several = language_model.generate(np.array(["wa wb", "zebra"]), tokens=5, samples=2, seed=3)
    assert several["text"][:2].tolist() == one["text"].tolist()
    assert several["prompt"].tolist() == ["wa wb"] * 2 + ["zebra"] * 2
    assert several.attrs["notes"] == [
        "1 of 3 tokens of the prompt are not in the vocabulary: <unk>"
    ]
    greedy = {"temperature": 0, "seed": 1}
    whole, half = (language_model.generate(tokens=n, **greedy)["text"][0] for n in (8, 4))
    assert whole.startswith(half)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tokens": 0}, "tokens=0: must be 1..1,000,000"),
        ({"tokens": 1.5}, "tokens=1.5: must be a whole number"),
        ({"top_p": 2.0}, "top_p=2.0: must be more than 0 and at most 1"),
        ({"seed": -1}, "seed=-1: must be 0"),
        ({"prompt": "a\udcff"}, "text: character 2 is the byte 0xff"),
        ({"prompt": ["a", None]}, "text 2: is None, not a text"),
    ],
)
def test_settings_of_a_generation_that_are_wrong(
    settings: Any, message: str, language_model: TrainedRun
) -> None:
    with pytest.raises(ConfigError, match=message):
        language_model.generate(**settings)


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("vocabulary", {"tokenizer": "none"}),
        ("vocabulary", {"state": {"unknown": 1}}),
        ("vocabulary", {"tokens": 5}),
        (None, {"vocabulary": []}),
        (None, {"context": [10**6]}),
        (None, {"context": "end"}),
    ],
)
def test_a_damaged_processor_is_refused(
    part: str | None, changes: dict[str, Any], language_model: TrainedRun, tmp_path: Path
) -> None:
    content = json.loads((language_model.folder.path / "processor.json").read_text())
    state = content["state"]
    (state[part] if part else state).update(changes)
    (tmp_path / "processor.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"processor\.json: is damaged"):
        load_processor(tmp_path)


# Translation.


@pytest.mark.parametrize(
    ("model", "tokens", "beam_size"),
    [("gru", "bpe", 5), ("bilstm", "words", 1), ("attention_gru", "characters", 3)],
)
def test_sentences_are_translated_as_in_the_test(
    model: str, tokens: str, beam_size: int, tmp_path: Path
) -> None:
    settings = {"tokens": tokens, "vocab_size": 300, "seq_len": 100, "lower": True}
    made = write_run("multi30k", tmp_path, f"model={model}", seed=1, **settings)
    made.model.task.beam_size = beam_size
    data: Any = made.data
    rows = np.arange(12)
    with torch.inference_mode():
        batch = data.gather("test", rows)
        answer = made.model.predict_step(batch, 0).tolist()
        best = made.model.task.search(made.model.encode(batch), beam_size, 1)  # type: ignore[operator]
    context = data.evaluation_context("test", rows)
    expected = [context["detokenize"](tokens) for tokens in answer]
    assert len(set(expected)) > 1
    trained = moved(made.folder, tmp_path, "multi30k")
    table = trained.translate(context["sources"], beam_size=beam_size, batch_size=5)
    assert list(table) == ["sentence", "rank", "translation", "score"]
    assert table["translation"].tolist() == expected
    np.testing.assert_allclose(table["score"], [row[0].score for row in best], atol=1e-5)
    predicted = trained.predict(context["sources"], beam_size=beam_size)
    assert list(predicted) == ["text", "translation", "score"]
    assert predicted["translation"].tolist() == expected


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    folder = tmp_path_factory.mktemp("run")
    settings = {"tokens": "bpe", "vocab_size": 300, "lower": True}
    return rnnlab.load(write_run("multi30k", folder, "model=gru", **settings).folder)


SENTENCES = ["aa bb", "", "CC aa\nbb", "bb " * 90]


def test_a_sentence_is_translated_alone(translator: TrainedRun) -> None:
    together = translator.translate(SENTENCES, n_best=2)
    alone = pd.concat([translator.translate(text, n_best=2) for text in SENTENCES])
    pd.testing.assert_frame_equal(together, alone.reset_index(drop=True), atol=1e-5)
    assert together["sentence"].tolist() == [
        text for text in SENTENCES for _ in range(2 if text else 1)
    ]
    assert together["rank"].tolist() == [1, 2, 1, 1, 2, 1, 2]
    assert tuple(together.loc[2, ["translation", "score"]]) == ("", 0.0)
    counts = together.attrs["counts"]
    assert counts["tokens"] > 90
    assert counts["unknown"] == 0


@pytest.mark.parametrize("suffix", ["txt", "csv", "jsonl", "parquet"])
def test_files_of_sentences_are_translated(
    suffix: str, translator: TrainedRun, tmp_path: Path
) -> None:
    texts = ["aa bb", "", "cc aa"]
    frame = pd.DataFrame({"id": [7, 8, 9], "de": texts})
    file = tmp_path / f"sentences.{suffix}"
    if suffix == "txt":
        file.write_text("\n".join(texts) + "\n")
    elif suffix == "parquet":
        frame.to_parquet(file)
    elif suffix == "jsonl":
        frame.to_json(file, orient="records", lines=True)
    else:
        frame.to_csv(file, index=False)
    table = translator.predict(file, n_best=3)
    expected = translator.translate(texts, n_best=3)
    names = ["rank", "translation", "score"]
    pd.testing.assert_frame_equal(table[names], expected[names], check_dtype=False)
    if suffix != "txt":
        assert [int(i) for i in table["id"]] == [7, 7, 7, 8, 9, 9, 9]
    assert table.attrs["notes"] == ["1 of 3 texts are empty"]
    only = pd.DataFrame({"anything": texts})
    assert translator.predict(only)["translation"].tolist() == list(
        table["translation"][table["rank"] == 1]
    )


def test_sentences_that_cannot_be_translated(translator: TrainedRun) -> None:
    with pytest.raises(ConfigError, match=r"n_best=9: a beam of 5 .* give beam_size=9 or more"):
        translator.translate(["aa"], n_best=9)
    with pytest.raises(ConfigError, match="beam_size=0: must be a whole number from 1 to 1,000"):
        translator.translate(["aa"], beam_size=0)
    with pytest.raises(ConfigError, match="batch_size=0: must be at least 1"):
        translator.predict(["aa"], batch_size=0)
    with pytest.raises(ConfigError, match=r"probabilities: no such option"):
        translator.predict(["aa"], probabilities=True)
    with pytest.raises(DataError, match=r"there is no column 'de'; did you mean"):
        translator.predict(pd.DataFrame({"id": [1], "dee": ["aa"]}))
    with pytest.raises(DataError, match="has a column 'score' already; rename it"):
        translator.predict(pd.DataFrame({"de": ["aa"], "score": [1]}))
    with pytest.raises(DataError, match=r"sentence 1,002: has 40,000 characters"):
        translator.predict(["aa"] * 1001 + ["aa b" * 10_000], beam_size=1)
    with pytest.raises(ConfigError, match=r"text 2: is nan, not a text"):
        translator.translate(pd.Series(["aa", math.nan]))


# Both.


def test_a_run_of_another_task_names_its_command(
    translator: TrainedRun, language_model: TrainedRun, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"task=translation, which is no .*: rnnlab translate /"):
        translator.generate("aa")
    with pytest.raises(ConfigError, match=r"task=translation, which is no .*: rnnlab translate /"):
        translator.perplexity(["aa"])
    with pytest.raises(ConfigError, match=r"task=language_modeling, which does.*rnnlab generate /"):
        language_model.translate(["aa"])
    series = rnnlab.load(write_run("csv_series", tmp_path).folder)
    with pytest.raises(ConfigError, match=r"task=forecasting, .*: rnnlab predict /.* <file>$"):
        series.translate(["aa"])


def test_the_command_predicts_every_family(
    translator: TrainedRun,
    language_model: TrainedRun,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "texts.txt"
    file.write_text("aa bb\ncc\n")
    for trained, options in ((translator, {"n_best": 2, "beam_size": 3}), (language_model, {})):
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        main([str(trained.folder.path), str(file), *words])
        printed = pd.read_csv(io.StringIO(capsys.readouterr().out))
        expected = trained.predict(["aa bb", "cc"], **options)
        pd.testing.assert_frame_equal(printed, expected, check_dtype=False, rtol=1e-6)
    with pytest.raises(ConfigError, match=r"^--n-best 9: a beam of 5 .* give --beam-size 9 or"):
        main([str(translator.folder.path), str(file), "--n-best", "9"])
    with pytest.raises(ConfigError, match=r"^--n-best: no such option; choices: --batch-size$"):
        main([str(language_model.folder.path), str(file), "--n-best", "2"])


@pytest.mark.slow
@pytest.mark.parametrize(("data", "model"), [("text_file", "lstm"), ("parallel_text", "bilstm")])
def test_the_report_is_found_again(data: str, model: str, tmp_path: Path, no_figures: None) -> None:
    plain = small(data, tmp_path, f"model={model}")
    if data == "text_file":
        plain["data"]["path"] = str(write_splits(tmp_path))
    plain["trainer"] |= {"max_epochs": 2}
    done = run(plain)
    trained = rnnlab.load(done.folder.path)
    predictions = pd.read_csv(done.folder.path / "predictions.csv", keep_default_na=False)
    if data == "text_file":
        text = (tmp_path / "splits" / "test.txt").read_bytes().decode()
        (row,) = trained.perplexity(text).itertuples()
        assert row.perplexity == pytest.approx(done.report["scores"]["test/perplexity"], rel=1e-6)
        total = predictions["log_probability"].astype(float).sum()
        assert row.log_probability == pytest.approx(total, rel=1e-6)
    else:
        table = trained.translate(predictions["source"])
        assert table["translation"].tolist() == predictions["translation"].tolist()


def test_threads_share_a_language_model(language_model: TrainedRun) -> None:
    """Texts of several windows, whose states must not be exchanged."""
    texts = [[f"{word} wb wc {word} " * EVAL_STEPS] for word in ("wa", "wd", "we", "wf")]
    expected = [language_model.perplexity(text)["log_probability"][0] for text in texts]
    for _ in range(3):
        with ThreadPoolExecutor(len(texts)) as pool:
            tables = list(pool.map(language_model.perplexity, texts))
        assert [table["log_probability"][0] for table in tables] == pytest.approx(expected)


@pytest.mark.parametrize("text", ["a line", "a line\n" * 500])
def test_a_text_is_no_path(text: str, language_model: TrainedRun) -> None:
    with pytest.raises(DataError, match=r"no such file; .* One text is a list: \['.*line.*'\]"):
        language_model.predict(text)
