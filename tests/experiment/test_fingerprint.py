"""A run goes on with the data that it was started with, or not at all."""

import json
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest

from rnnlab.commands.evaluate import evaluate
from rnnlab.errors import DataChangedError, RunStopped
from rnnlab.experiment.run import run
from rnnlab.report.folder import RunFolder
from tests.helpers.configs import compose, small

pytestmark = pytest.mark.usefixtures("no_plots")


class Stop(L.Callback):
    """Ends the run after its first epoch, as Ctrl-C does."""

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        raise RunStopped


def start_and_stop(plain: dict[str, Any], folder: Path) -> RunFolder:
    """Return the folder of a run that stopped after its first epoch."""
    with pytest.raises(RunStopped):
        run({**plain, "run_dir": str(folder / "run")}, [Stop()])
    return RunFolder(folder / "run")


def files_of(folder: RunFolder) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.path.rglob("*") if path.is_file()}


def resume(folder: RunFolder) -> Any:
    return run(compose(f"resume={folder.path}"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "suffix"), [("imdb", "a new text,1\n"), ("text_file", "wa wb wc\n")]
)
def test_a_changed_file_is_rejected_before_anything_is_written(
    data: str, suffix: str, tmp_path: Path
) -> None:
    plain = small(data, tmp_path)
    file = Path(plain["data"]["path"])
    folder, content = start_and_stop(plain, tmp_path), file.read_text()
    before = files_of(folder)
    file.write_text(content + suffix * 20)
    with pytest.raises(DataChangedError, match=r"has changed .*sha256 .*bring the old data back"):
        resume(folder)
    assert files_of(folder) == before
    file.write_text(content)
    assert resume(folder).report["status"] == "finished"


def test_another_vocabulary_of_the_same_file_is_rejected(tmp_path: Path) -> None:
    folder = start_and_stop(small("imdb", tmp_path), tmp_path)
    report = json.loads(folder.report.read_text())
    folder.write_report({**report, "data": {**report["data"], "vocabulary_sha256": "0" * 64}})
    with pytest.raises(DataChangedError, match="the vocabulary had sha256 000000000000, now"):
        resume(folder)


def test_a_run_that_read_no_data_yet_can_be_resumed(tmp_path: Path) -> None:
    folder = start_and_stop(small("imdb", tmp_path), tmp_path)
    folder.report.unlink()
    assert resume(folder).report["data"]["vocabulary_sha256"]


def test_a_run_knows_its_file_from_any_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = small("imdb", tmp_path)
    plain["data"]["path"] = Path(plain["data"]["path"]).name
    monkeypatch.chdir(tmp_path)
    folder = start_and_stop(plain, tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    done = resume(folder)
    assert done.report["status"] == "finished"
    scores = evaluate(folder.path)
    assert scores == pytest.approx({name: done.report["scores"][name] for name in scores})
