"""Each case in ../shared/cases has a test: one that reads its files, or one listed here."""

import re
from pathlib import Path

import pytest

from tests.helpers.configs import ROOT

RUNS = {  # a case is a command line -> the tests of the same situation
    "budget-samples": ("tests/sweeps/study/test_budget.py", "test_a_budget_in_samples_ends"),
    "early-stopping-best": ("tests/sweeps/report/test_best.py", "test_best_holds_the_network"),
    "go-on-command": ("tests/config/test_program.py", "test_commands_work_in_folders_of_any_name"),
    "hydra-quoting-hint": ("tests/config/test_command_line.py", "test_a_path_is_taken_as_it_is"),
    "markup-crash": ("tests/experiment/test_bracket_names.py", "test_a_run_prints_columns"),
    "max-steps-resume": ("tests/experiment/test_interruptions.py", "test_an_interrupted_run"),
    "moved-run-resume": ("tests/callbacks/test_checkpoint.py", "test_a_run_folder_that_was_moved"),
    "on-change-force": ("tests/sweeps/study/test_open.py", "test_a_change_that_a_study_cannot"),
    "plateau-check-val": ("tests/experiment/test_budget.py", "test_limits_that_leave_no_batch"),
    "plateau-resume": ("tests/experiment/test_interruptions.py", "test_an_interrupted_run"),
    "stale-verdict": ("tests/sweeps/study/test_open.py", "test_the_folder_of_another_study"),
    "storage-tracebacks": ("tests/sweeps/study/test_storage.py", "test_a_storage_that_cannot_be"),
    "trainer-gpu-default": ("tests/experiment/test_precision.py", "test_the_precision_of_trainer"),
}


@pytest.mark.parametrize("case", RUNS)
def test_a_listed_test_exists(case: str) -> None:
    file, name = RUNS[case]
    assert re.search(rf"^def {name}", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_case_has_a_test(shared_data: Path) -> None:
    texts = [file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("*.py")]
    folders = [folder for folder in (shared_data.parent / "cases").glob("*/*") if folder.is_dir()]
    assert len(folders) > 50
    missing = [folder.name for folder in folders if not any(folder.name in text for text in texts)]
    assert not missing
