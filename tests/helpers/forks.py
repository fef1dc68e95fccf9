"""Python commands as forks of one process that has imported the libraries of this project.

    python forks.py < requests

The imports of a new interpreter take four CPU seconds, a small run takes less than one. The code of
the project itself is imported by each command, so that a command sees files that are written
before it.
"""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, Self

LIBRARIES = (
    *("datasets", "hydra", "hydra.main", "lightning.pytorch", "matplotlib.backends.backend_agg"),
    *("optuna", "pandas", "pydantic", "scipy.stats", "sklearn.feature_extraction.text"),
    *("torch", "torch._dynamo", "torchmetrics.classification", "torchmetrics.text"),
)


class Completed(NamedTuple):
    """The exit status of a command and what it printed."""

    status: int
    output: str


class CommandServer:
    """Runs commands of Python, one at a time, in one folder and environment."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.output = folder / ".output"
        command = [sys.executable, __file__]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=pipe, stdout=pipe, text=True, bufsize=1
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()

    def run(self, words: Sequence[str]) -> Completed:
        """Run a script, or -m and a module, with its arguments."""
        assert self.process.stdin
        assert self.process.stdout
        request = json.dumps({"words": [*words], "output": str(self.output)})
        self.process.stdin.write(f"{request}\n")
        status = int(self.process.stdout.readline())
        return Completed(status, self.output.read_text(encoding="utf-8"))


def serve() -> tuple[list[str], str]:
    """Fork for each line of the standard input; return in the fork, with its request."""
    for line in sys.stdin:
        process = os.fork()
        if process == 0:
            request = json.loads(line)
            return request["words"], request["output"]
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    sys.exit()


def run(words: list[str], output: str) -> None:
    """Run a command as the interpreter runs it."""
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate((nothing, file, file)):
        os.dup2(descriptor, number)
    sys.path[0] = str(Path.cwd())
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    for name in LIBRARIES:
        import_module(name)
    run(*serve())
