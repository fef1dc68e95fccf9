"""Examples of exported networks, run as a person would who has neither torch nor rnnlab."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

WITHOUT = ("torch", "rnnlab", "onnx")  # modules that an example does not need


def run_example(
    folder: Path, *arguments: str, without: Sequence[str] = WITHOUT
) -> list[dict[str, Any]]:
    """Return the lines that the example of an export prints.

    The folder is moved first: an export does not depend on its place.
    """
    moved = folder.rename(folder.with_name("moved"))
    words = [str(moved / "example.py"), *arguments]
    return run_without_rnnlab(words, moved.parent / "absent", without)


def run_without_rnnlab(
    words: Sequence[str], absent: Path, without: Sequence[str] = WITHOUT
) -> list[dict[str, Any]]:
    """Return the JSON Lines that a program prints in a process without some modules.

    Args:
        words: the program and its arguments.
        absent: folder for modules that raise an ImportError.
        without: their names.
    """
    absent.mkdir(exist_ok=True)
    for name in without:
        (absent / f"{name}.py").write_text(f"raise ImportError('{name} is not here')\n")
    command = [sys.executable, *words]
    environment = {**os.environ, "PYTHONPATH": str(absent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]
