"""A trained run, used from its folder alone."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import rnnlab
from rnnlab.data.symbols import SymbolsDataModule
from rnnlab.errors import ConfigError, DataError
from rnnlab.experiment.build import build_data
from rnnlab.experiment.run import run
from rnnlab.inference.trained_run import TrainedRun
from tests.helpers.configs import small


@pytest.fixture(autouse=True)
def _no_pictures(no_plots: None) -> None:
    """They are not what is asked."""


def train(data: str, folder: Path, *overrides: str) -> Path:
    """Train a few steps; return the folder of the run in a place of its own."""
    plain = small(data, folder, *overrides)
    plain["trainer"] |= {"max_epochs": 1, "limit_train_batches": 2, "limit_val_batches": 1}
    done = run(plain)
    return Path(shutil.move(done.folder.path, folder / "moved"))


def test_a_moved_run_forecasts_without_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = train("csv_series", tmp_path, "model=gru")
    series = pd.read_csv(tmp_path / "series.csv")
    (tmp_path / "series.csv").unlink()
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "empty"))
    trained = rnnlab.load(folder)
    table = trained.predict(series, steps=5)
    assert list(table) == [*("date", "target", "step", "block", "forecast", "lower_90", "upper_90")]
    assert table["target"].tolist() == ["one"] * 5 + ["two"] * 5
    hours = pd.date_range(series["date"].iloc[-1], periods=6, freq="h")[1:]
    assert table["date"].tolist() == [*hours] * 2
    assert np.isfinite(table["forecast"]).all()
    assert trained.report["status"] == "finished"
    again = TrainedRun(folder, "last").predict(series)
    assert len(again) == 6


@pytest.mark.parametrize("model", ["gru", "bilstm"])
def test_a_wave_is_forecast_as_in_the_test(model: str, tmp_path: Path) -> None:
    trained = rnnlab.load(train("sine", tmp_path, f"model={model}"))
    data: Any = opened(trained)
    windows = data.windows["test"]
    first = int(windows.first[3])
    history = pd.DataFrame({"value": windows.values[:first, 0]})
    (forecast,) = trained.predict(history)["forecast"]
    tested = trained.answer(data.gather("test", np.array([3])))
    assert forecast == pytest.approx(float(tested), abs=1e-6)


def opened(trained: TrainedRun) -> Any:
    """The data of the run."""
    from rnnlab.config.schema import parse

    data = build_data(parse(trained.model.hyper_parameters["config"]))
    data.prepare_data()
    data.setup()
    return data


def test_symbols_are_classified_as_in_the_test(tmp_path: Path) -> None:
    trained = rnnlab.load(train("copying", tmp_path, "model=lstm"))
    data: SymbolsDataModule = opened(trained)
    rows = np.arange(3)
    texts = [data.example("test", row)["text"] for row in rows]
    table = trained.predict(texts)
    tested = trained.answer(data.gather("test", rows))  # (3, steps, classes)
    classes = [data.symbol_name(i) for i in range(data.symbols)]
    np.testing.assert_allclose(table[classes], tested.flatten(0, 1), atol=1e-6)
    assert table["prediction"].tolist() == [
        data.symbol_name(i) for i in tested.argmax(dim=2).flatten().tolist()
    ]
    assert set(table["sequence"]) == {1, 2, 3}
    with pytest.raises(Exception, match="sequence 1: '99' is no symbol; choices: _, <go>, 1, 2"):
        trained.predict(["1 2 99"])
    with pytest.raises(Exception, match="sequence 1 has 1 symbols, but the network gives a class"):
        trained.predict(["1"])


def test_the_sum_of_a_sequence(tmp_path: Path) -> None:
    trained = rnnlab.load(train("adding", tmp_path))
    data: Any = opened(trained)
    inputs = data.inputs["test"][5]
    (prediction,) = trained.predict(pd.DataFrame(inputs, columns=["number", "marker"]))[
        "prediction"
    ]
    assert prediction == pytest.approx(
        float(trained.answer(data.gather("test", np.array([5])))), abs=1e-6
    )


def test_a_run_of_an_older_version_says_so(tmp_path: Path) -> None:
    folder = train("sine", tmp_path)
    (folder / "processor.json").unlink()
    with pytest.raises(ConfigError, match=r"has no processor\.json"):
        rnnlab.load(folder).predict(pd.DataFrame({"value": np.zeros(99)}))


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path: Path) -> None:
    folder = train("sine", tmp_path)

    class Malicious:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "touched",)

    torch.save({"state_dict": Malicious()}, folder / "checkpoints" / "best.ckpt")
    with pytest.raises(Exception, match=r"best\.ckpt|[Ww]eights"):
        rnnlab.load(folder)
    assert not (tmp_path / "touched").exists()


# Classification.


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A run on 100 reviews, moved to another folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnlab.plots.figures.save_figure", lambda figure, path: path)
        return rnnlab.load(train("imdb", tmp_path_factory.mktemp("run"), "model=bigru"))


def test_texts_are_classified_as_in_the_test(classifier: TrainedRun) -> None:
    data: Any = opened(classifier)
    rows = np.arange(len(data.labels["test"]))
    tested = classifier.answer(data.gather("test", rows))
    texts = [data.example("test", int(row))["text"] for row in rows]
    table = classifier.predict(texts, batch_size=3)
    names = [f"p({name})" for name in data.spec.class_names]
    assert list(table) == ["text", "prediction", "probability", *names]
    np.testing.assert_allclose(table[names], tested, atol=1e-6)
    assert table["prediction"].tolist() == [
        data.spec.class_names[i] for i in tested.argmax(dim=1).tolist()
    ]
    np.testing.assert_allclose(table["probability"], tested.max(dim=1).values, atol=1e-6)
    accuracy = (tested.argmax(dim=1).numpy() == data.labels["test"]).mean()
    assert accuracy == pytest.approx(classifier.report["scores"]["test/accuracy"], abs=1e-6)


TEXTS = ["worda wordb, wordc", "", "wordz un he ard", "wordd " * 20]


@pytest.mark.parametrize("suffix", ["txt", "csv", "tsv", "jsonl", "parquet"])
def test_a_file_of_any_format_is_classified_with_its_columns(
    suffix: str, classifier: TrainedRun, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"id": ["a", "b", "c", "d"], "text": TEXTS})
    file = tmp_path / f"texts.{suffix}"
    if suffix == "txt":
        file.write_text("\n".join(TEXTS) + "\n")
    elif suffix == "parquet":
        frame.to_parquet(file)
    elif suffix == "jsonl":
        frame.to_json(file, orient="records", lines=True)
    else:
        frame.to_csv(file, index=False, sep="," if suffix == "csv" else "\t")
    table = classifier.predict(file)
    expected = classifier.predict(TEXTS)
    pd.testing.assert_frame_equal(
        table.drop(columns="id", errors="ignore"), expected, check_dtype=False, rtol=1e-6
    )
    if suffix != "txt":
        assert table["id"].tolist() == ["a", "b", "c", "d"]
    notes = table.attrs["notes"]
    assert notes[0] == "1 of 4 texts are empty"
    assert notes[1].endswith("of the tokens are not in the vocabulary")


def test_many_texts_are_read_in_parts(classifier: TrainedRun, tmp_path: Path) -> None:
    file = tmp_path / "many.txt"
    file.write_text("".join(f"word{chr(97 + i % 26)} wordb\n" for i in range(2500)))
    parts = list(classifier.predict_parts(file, probabilities=False))
    assert [len(part) for part in parts] == [1000, 1000, 500]
    assert list(parts[0]) == ["text", "prediction", "probability"]


def test_tables_that_cannot_be_classified_are_refused(classifier: TrainedRun) -> None:
    with pytest.raises(DataError, match=r"there is no column 'text'; did you mean Text\?"):
        classifier.predict(pd.DataFrame({"Text": ["a"]}))
    with pytest.raises(DataError, match="has a column 'prediction' already; rename it"):
        classifier.predict(pd.DataFrame({"text": ["a"], "prediction": [1]}))
    with pytest.raises(ConfigError, match="batch_size=0: must be at least 1"):
        classifier.predict(["a"], batch_size=0)
    with pytest.raises(ConfigError, match="steps: no such option"):
        classifier.predict(["a"], steps=3)
    with pytest.raises(DataError, match=r"text.*(object|list)"):
        classifier.predict(pd.DataFrame({"text": [{"body": "a"}]}))
    with pytest.raises(ConfigError, match="the inputs must be a list of texts or a file"):
        classifier.predict(3)  # type: ignore[arg-type]
