"""Examples of exported networks, run as a person would who has neither torch nor rnnlab."""

import contextlib
import io
import json
import os
import runpy
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest import mock

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


def run_example_here(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Return the lines that the example of an export prints; quick, in this process."""
    output = io.StringIO()
    modules = {name: part for name, part in sys.modules.items() if not is_beside(part, folder)}
    program = [str(folder / "example.py"), *arguments]
    with (
        mock.patch.dict(sys.modules, modules, clear=True),
        mock.patch.object(sys, "argv", program),
        mock.patch.object(sys, "path", [str(folder), *sys.path]),
        contextlib.redirect_stdout(output),
    ):
        runpy.run_path(program[0], run_name="__main__")
    return [json.loads(line) for line in output.getvalue().splitlines()]


def is_beside(module: Any, folder: Path) -> bool:
    """Whether a module is one of an export, such as network and tokenizer."""
    return str(getattr(module, "__file__", "")).startswith(str(folder.parent))


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
