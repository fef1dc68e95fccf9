"""Folders of trials, and the trials that they belong to."""

from pathlib import Path

from rnnlab.sweeps.study.folders import clear_folder, is_foreign, mark_folder, trial_origin
from rnnlab.sweeps.workers.messages import Job, TrialResult, load_result
from rnnlab.sweeps.workers.trial import take_folder

FIRST = trial_origin("abc", 0, ["optimizer.lr=0.1", "seed=1"])
OTHER_STUDY = trial_origin("xyz", 0, ["optimizer.lr=0.1", "seed=1"])
OTHER_SETTINGS = trial_origin("abc", 0, ["optimizer.lr=0.2", "seed=1"])


def test_the_folder_of_another_trial_is_moved_aside(tmp_path: Path) -> None:
    folder = tmp_path / "0000"
    mark_folder(folder, FIRST)
    TrialResult(1, "complete", origin=FIRST).write(folder)
    assert clear_folder(folder, FIRST) == ""
    assert "is now 0000.other-1" in clear_folder(folder, OTHER_SETTINGS)
    assert load_result(tmp_path / "0000.other-1") is not None
    mark_folder(folder, OTHER_SETTINGS)
    assert "is now 0000.other-2" in clear_folder(folder, OTHER_STUDY)
    assert not folder.exists()


def test_the_process_of_a_trial_moves_it_too_where_it_is_on_another_machine(tmp_path: Path) -> None:
    folder = tmp_path / "0000"
    mark_folder(folder, FIRST)
    take_folder(Job(str(folder), 1, origin=OTHER_STUDY))
    assert not is_foreign(folder, OTHER_STUDY)
    assert (tmp_path / "0000.other-1").exists()


def test_the_result_of_another_trial_is_no_result(tmp_path: Path) -> None:
    TrialResult(1, "complete", origin=FIRST).write(tmp_path)
    assert load_result(tmp_path, origin=FIRST) is not None
    for origin in (OTHER_STUDY, OTHER_SETTINGS):
        assert load_result(tmp_path, origin=origin) is None
        assert load_result(tmp_path, 1, origin) is None
