"""Any logger of Lightning works by its `_target_` alone."""

import csv
from pathlib import Path

import pytest

from rnnlab.errors import ConfigError
from rnnlab.experiment.run import check, run
from tests.helpers.configs import small
from tests.helpers.extend_page import load_settings

pytestmark = pytest.mark.usefixtures("no_figures")

TABLE = "+logger.table._target_=lightning.pytorch.loggers.CSVLogger"


@pytest.mark.slow
@pytest.mark.parametrize("folder", [None, "elsewhere"])
def test_a_logger_of_lightning_writes_below_the_run_or_where_its_save_dir_says(
    folder: str | None, tmp_path: Path
) -> None:
    words = [f"+logger.table.save_dir={tmp_path / folder}"] if folder else []
    result = run(small("sine", tmp_path, TABLE, *words, "trainer.max_epochs=1"))
    place = tmp_path / folder if folder else result.folder.path
    (table,) = place.glob("lightning_logs/version_*/metrics.csv")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    (score,) = [float(row["val/mse"]) for row in rows if row["val/mse"]]
    assert score == pytest.approx(result.report["scores"]["val/mse"])
    assert (table.parent / "hparams.yaml").exists()


@pytest.mark.slow
def test_the_logger_of_the_page_is_a_yaml_alone(tmp_path: Path) -> None:
    config = small("sine", tmp_path, "trainer.max_epochs=1")
    settings = load_settings("conf/logger/sessions.yaml")
    config["logger"]["sessions"] = settings["sessions"]
    result = run(config)
    assert list(result.folder.path.glob("sessions/version_*/metrics.csv"))


@pytest.mark.slow
def test_a_run_without_our_csv_logger_has_the_same_scores(tmp_path: Path) -> None:
    words = ["trainer.max_epochs=1", TABLE]
    reports = [run(small("sine", tmp_path, *words, *more)) for more in ([], ["logger.csv=null"])]
    first, second = (result.report["scores"] for result in reports)
    assert first == second


def test_the_folder_of_our_loggers_cannot_be_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"logger\.csv\.folder: no such setting"):
        check(small("sine", tmp_path, "+logger.csv.folder=x"))


@pytest.mark.slow
def test_tensorboard_writes_below_the_run(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    board = "+logger.board._target_=lightning.pytorch.loggers.TensorBoardLogger"
    result = run(small("sine", tmp_path, board, "trainer.max_epochs=1"))
    assert list(result.folder.path.glob("lightning_logs/version_*/events.*"))
