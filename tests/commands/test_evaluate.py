"""A checkpoint that is loaded gives the scores that the run reported."""

import json
import shlex
from itertools import product
from pathlib import Path

import pytest

from rnnlab.commands import predict
from rnnlab.commands.evaluate import evaluate, main
from rnnlab.errors import ConfigError, DataError
from rnnlab.experiment.run import Run, run
from rnnlab.report.folder import RunFolder
from tests.helpers.combinations import cover
from tests.helpers.configs import choices, compose, is_preset, small
from tests.helpers.run_folders import write_run


def short(*overrides: str, data: str, folder: Path) -> Run:
    plain = small(data, folder, *overrides)
    plain["trainer"] |= {"max_epochs": 1, "limit_train_batches": 2, "limit_val_batches": 1}
    return run(plain)


ARCHITECTURES = [name for name in choices("model") if not is_preset("model", name)]
PRESETS = [name for name in choices("model") if is_preset("model", name)]
MODELS_AND_DATA = [
    *cover(ARCHITECTURES, ["sine", "imdb"]),
    *(pytest.param(*pair, marks=pytest.mark.slow) for pair in product(PRESETS, ["sine", "imdb"])),
]


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not what is asked."""
    monkeypatch.setattr("rnnlab.plots.figures.save_figure", lambda figure, path: path)


@pytest.mark.parametrize(("model", "data"), MODELS_AND_DATA)
def test_the_same_scores_again(model: str, data: str, tmp_path: Path) -> None:
    done = short(f"model={model}", data=data, folder=tmp_path)
    again = evaluate(done.folder.path)
    assert again
    for name, score in again.items():
        assert score == pytest.approx(done.report["scores"][name], abs=1e-6), name


@pytest.mark.parametrize("data", ["text_file", "numbers", "copying", "csv_series"])
def test_of_every_task(data: str, tmp_path: Path) -> None:
    done = short("model=lstm", data=data, folder=tmp_path)
    again = evaluate(done.folder.path)
    judged = {name for name in done.report["scores"] if name.startswith("test/")}
    assert set(again) == judged, "what only the whole split tells is scored again, too"
    for name, score in again.items():
        assert score == pytest.approx(done.report["scores"][name], abs=1e-6), name


@pytest.mark.slow
@pytest.mark.parametrize("words", [["callbacks=ema"], ["callbacks.best=null"]])
def test_the_weights_that_were_tested(words: list[str], tmp_path: Path) -> None:
    done = short(*words, data="sine", folder=tmp_path)
    for name, score in evaluate(done.folder.path).items():
        assert score == pytest.approx(done.report["scores"][name], abs=1e-6), name


def test_what_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = short(data="sine", folder=tmp_path)
    main([str(done.folder.path)])
    assert "the same to 1e-06" in capsys.readouterr().out


def test_another_score_is_told_from_the_reported_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = short(data="sine", folder=tmp_path)
    report = json.loads(done.folder.report.read_text())
    report["scores"]["test/mse"] += 1e-3
    done.folder.write_report(report)
    with pytest.raises(SystemExit) as ended:
        main([str(done.folder.path)])
    assert ended.value.code == 1
    assert "not the same: test/mse" in capsys.readouterr().out


def test_other_data_is_refused(tmp_path: Path) -> None:
    done = short(data="imdb", folder=tmp_path)
    table = tmp_path / "reviews.csv"
    table.write_text(table.read_text().replace("worda", "wordz"))
    with pytest.raises(DataError, match="bring the old data back"):
        evaluate(done.folder.path)


def test_what_is_no_finished_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no run is there"):
        evaluate(tmp_path)
    done = short("test=false", data="sine", folder=tmp_path)
    with pytest.raises(ConfigError, match="was not tested"):
        evaluate(done.folder.path)


def test_the_config_of_several_devices_is_read_by_one(tmp_path: Path) -> None:
    from rnnlab.inference.evaluation import single_process_config

    plain = compose("data=sine", "trainer=ddp", "trainer.accelerator=cpu")
    assert single_process_config(plain).trainer.devices == 1


def test_the_next_step_of_new_data_predicts_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(write_run("imdb", tmp_path).folder)
    folder.write_report({**folder.read_report(), "scores": {"test/accuracy": 0.5}})
    main([str(folder.path), "--data", str(tmp_path / "reviews.csv")])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("next")]
    words = shlex.split(line)[1:]
    assert words[1:3] == ["-m", "rnnlab.predict"]
    predict.main(words[3:])
    assert len(capsys.readouterr().out.splitlines()) == 101
