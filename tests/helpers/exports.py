"""Examples of exported networks, run as a person would who has neither torch nor rnnlab."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any


def run_example(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Return the lines that the example of an export prints, in a process without torch and rnnlab.

    The folder is moved first: an export does not depend on its place.
    """
    moved = folder.rename(folder.with_name("moved"))
    absent = moved.parent / "absent"
    absent.mkdir(exist_ok=True)
    for name in ("torch", "rnnlab", "onnx"):
        (absent / f"{name}.py").write_text(f"raise ImportError('{name} is not here')\n")
    command = [sys.executable, str(moved / "example.py"), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(absent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines()]
