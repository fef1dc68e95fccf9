"""docs/extend.md is followed as it is written, in a copy of the project."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.configs import ROOT
from tests.helpers.extend_page import BLOCK, BLOCKS, PAGE, Block
from tests.helpers.processes import LibraryFork, run_forked

SMALLER = "tests/helpers/configs.py"  # what the page adds to a file that is there
COPIED = (
    *("src", "conf", "sweeps", "tests", "docs", "benchmarks"),
    *("train.py", "sweep.py", "pyproject.toml", "README.md"),
)


FILES = [block for block in BLOCKS if block.kind != "bash"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this one, without what runs left in it, but with compiled files and types."""
    folder = tmp_path_factory.mktemp("project")
    for name in COPIED:
        place = ROOT / name
        if place.is_dir():
            shutil.copytree(place, folder / name)
        else:
            shutil.copy(place, folder / name)
    if (ROOT / ".mypy_cache").is_dir():
        shutil.copytree(ROOT / ".mypy_cache", folder / ".mypy_cache")
    return folder


def run_command(words: list[str], project: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the page in the copy."""
    source = str(project / "src")
    paths = {"PYTHONPATH": source, "MYPYPATH": source, "RNNLAB_SHARED_DATA": str(project / "none")}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    command, environment = [sys.executable, *words], os.environ | paths
    return run_forked(command, fork=LibraryFork, cwd=project, env=environment, **streams)


def write(block: Block, project: Path) -> None:
    assert block.path, f"a block of code says which file it is:\n{block.text}"
    file = project / block.path
    if block.path == SMALLER:
        kept = file.read_text(encoding="utf-8")
        assert kept.count("\nSMALL: ") == 1
        file.write_text(kept.replace("\nSMALL: ", f"\n{block.text}\n\nSMALL: "), encoding="utf-8")
    else:
        assert not file.exists(), f"{block.path} is there already"
        file.write_text(block.text, encoding="utf-8")


def test_there_is_one_of_each() -> None:
    folders = {str(Path(block.path or "").parent) for block in FILES}
    assert {"src/rnnlab/models", "src/rnnlab/data", "src/rnnlab/tasks"} <= folders
    assert {"conf/model", "conf/data", "conf/task", "conf/logger"} <= folders


def test_a_member_is_at_most_two_files_and_one_yaml() -> None:
    for section in PAGE.split("\n## ")[1:]:
        paths = [m["path"] for m in BLOCK.finditer(section) if m["path"]]
        assert len([path for path in paths if path.endswith(".py")]) <= 2, section[:20]
        assert len([path for path in paths if path.endswith(".yaml")]) <= 1, section[:20]


def test_the_page_runs_every_check_of_the_project() -> None:
    commands = "\n".join(block.text for block in BLOCKS if block.kind == "bash")
    checks = ("ruff check", "ruff format --check", "mypy", "pytest tests/test_contracts.py")
    assert all(f"python -m {check}" in commands for check in checks)


def test_the_examples_are_clean(project: Path, tmp_path: Path) -> None:
    """Style and format are those of the project."""
    for number, block in enumerate(block for block in FILES if block.path != SMALLER):
        if block.kind == "python":
            (tmp_path / f"example_{number}.py").write_text(block.text, encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    settings = ["--config", str(ROOT / "pyproject.toml"), str(tmp_path)]
    for action in (["check"], ["format", "--check"]):
        done = subprocess.run([*ruff, *action, *settings], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_page_works_as_it_is_written(project: Path) -> None:
    """File after file, command after command."""
    for block in BLOCKS:
        if block.kind != "bash":
            write(block, project)
            continue
        for command in block.text.replace("\\\n", "").splitlines():
            words = shlex.split(command, comments=True)
            assert words[0] == "python"
            done = run_command(words[1:], project)
            assert done.returncode == 0, f"{command}\n{done.stdout}"
    assert "counting" in run_command(["train.py", "--help"], project).stdout
