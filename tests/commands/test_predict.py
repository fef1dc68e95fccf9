"""`rnnlab predict`: what is printed and written."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import rnnlab
from rnnlab.commands.predict import main
from rnnlab.errors import ConfigError, DataError
from rnnlab.experiment.run import run
from rnnlab.report.folder import RunFolder
from tests.helpers.configs import ROOT, small


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run on two hourly walks."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnlab.plots.figures.save_figure", lambda figure, path: path)
        plain = small("csv_series", folder)
        plain["trainer"] |= {"max_epochs": 1, "limit_train_batches": 2, "limit_val_batches": 1}
        return run(plain).folder.path


def series(trained: Path) -> Path:
    """The file that the run was trained on."""
    return Path(RunFolder(trained).read_config()["data"]["path"])


def test_what_is_printed_is_what_python_returns(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(trained), str(series(trained)), "--steps", "4"])
    printed = pd.read_csv(io.StringIO(capsys.readouterr().out), parse_dates=["date"])
    expected = rnnlab.load(trained).predict(series(trained), steps=4)
    pd.testing.assert_frame_equal(printed, expected, check_dtype=False, rtol=1e-12)


@pytest.mark.parametrize("name", ["answers.csv", "answers.jsonl", "answers.parquet"])
def test_the_predictions_are_written(
    name: str, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(trained), str(series(trained)), "--output", str(tmp_path / name)])
    errors = capsys.readouterr().err.splitlines()
    assert errors[-2].endswith(f"{name}: 6 rows")
    assert errors[-1].startswith("next")
    assert errors[-1].endswith(f"serve {trained}")
    assert (tmp_path / name).stat().st_size > 100


@pytest.mark.slow
def test_the_standard_input_and_a_reader_that_has_enough(trained: Path) -> None:
    command = [sys.executable, "-m", "rnnlab.predict", str(trained), "-", "--steps", "900"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with series(trained).open("rb") as file:
        process = subprocess.Popen(
            command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
        )
        assert process.stdout is not None
        assert process.stderr is not None
        header = b"date,target,step,block,forecast,lower_90,upper_90\n"
        assert process.stdout.readline() == header
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
        assert process.wait(60) == 141


def test_what_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'\.xls' is no format"):
        main([str(trained), "x.csv", "--output", str(tmp_path / "a.xls")])
    with pytest.raises(DataError, match=r"nothing\.csv: .*not found|no such file"):
        main([str(trained), str(tmp_path / "nothing.csv")])
    with pytest.raises(ConfigError, match="there is no such checkpoint"):
        main([str(tmp_path), "x.csv"])
