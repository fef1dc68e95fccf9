"""Settings of the process of a command."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from rnnlab.sweeps import workers

ROOT = Path(__file__).parents[2]
CODE = """
import os, sys
from rnnlab.runtime.process import prepare_process
prepare_process()
print(os.environ.get("OMP_WAIT_POLICY"), "torch" in sys.modules)
"""
PROGRAMS = [
    *(ROOT / "src/rnnlab/commands").glob("[!_]*.py"),
    *(Path(workers.__path__[0]) / name for name in ("worker.py", "rank.py")),
    *(ROOT / name for name in ("train.py", "sweep.py", "src/rnnlab/data/__main__.py")),
]


@pytest.mark.parametrize(
    ("variables", "policy"),
    [
        ({}, "passive"),
        ({"OMP_WAIT_POLICY": "active"}, "active"),
        ({"GOMP_SPINCOUNT": "100"}, "None"),
        ({"KMP_BLOCKTIME": "0"}, "None"),
    ],
)
def test_waiting_threads_sleep_unless_the_environment_says_otherwise(
    variables: dict[str, str], policy: str
) -> None:
    environment = {"PYTHONPATH": str(ROOT / "src"), **variables}
    result = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == [policy, "False"]


@pytest.mark.parametrize("file", PROGRAMS, ids=lambda file: file.stem)
def test_every_program_prepares_its_process(file: Path) -> None:
    last = ast.parse(file.read_text(encoding="utf-8")).body[-1]
    assert isinstance(last, ast.If), "ends with: if __name__ == '__main__'"
    first = ast.unparse(last.body[0])
    assert first.startswith(("run_program(main", "prepare_process()"))
