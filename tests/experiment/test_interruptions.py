"""A run that is interrupted anywhere, and resumed, equals the undisturbed run bit for bit.

All schedulers x callbacks x budgets are interrupted at points that a seed draws: within an epoch,
at its end, after a validation, before and after a checkpoint is written, after the training,
during the test and while figures are drawn; by SIGKILL, SIGTERM and an exception. Weights, states
of optimizer and schedule, scores, metrics.csv, report and the list of files are compared.

RNNLAB_INTERRUPTIONS=3000 RNNLAB_INTERRUPTIONS_SEED=1 draws more cases, and others.
"""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.helpers import interruptions
from tests.helpers.processes import run_forked

CASES = int(os.environ.get("RNNLAB_INTERRUPTIONS", "300"))
SEED = os.environ.get("RNNLAB_INTERRUPTIONS_SEED", "0")
NUMBERS = range(len(interruptions.COMBINATIONS))
PARTS = 9  # that several processes may share


def describe(result: dict) -> str:
    """Return what a person needs to repeat a case."""
    points = ", ".join(f"{kind} at {name} {number}" for name, number, kind in result["points"])
    return f"{' '.join(result['settings'])}\n{points}:\n{result['problem']}"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(PARTS))
def test_an_interrupted_run_equals_the_undisturbed_one(part: int, tmp_path: Path) -> None:
    numbers = [str(number) for number in NUMBERS[part::PARTS]]
    words = [str(tmp_path / "runs"), SEED, str(CASES), *numbers]
    command = [sys.executable, interruptions.__file__, *words]
    done = run_forked(command, capture_output=True, text=True, timeout=1700)
    assert done.returncode == 0, done.stderr[-3000:]
    results = [json.loads(line) for line in done.stdout.splitlines()]
    problems = [describe(result) for result in results if result["problem"]]
    assert not problems, "\n\n".join(problems)
    assert len(results) == sum(interruptions.count_cases(CASES, int(n)) for n in numbers)


def test_the_cases_of_all_combinations_are_as_many_as_asked_for() -> None:
    counts = [interruptions.count_cases(CASES, number) for number in NUMBERS]
    assert sum(counts) == CASES
    assert min(counts) >= CASES // len(counts)
