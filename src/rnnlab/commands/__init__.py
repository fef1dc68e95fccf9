"""Commands of `rnnlab`: each file of this folder is the command of the same name.

A command has `main(arguments)`, which takes the command line after its name; the first line of its
docstring appears in `rnnlab --help`.
`python -m rnnlab.<command>` runs the same code.
"""

import ast
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from rnnlab.config.messages import readable_errors
from rnnlab.errors import ConfigError, did_you_mean
from rnnlab.runtime.process import prepare_process

FOLDER = Path(__file__).parent
COMPLETION = ("-sc", "--shell-completion")


def run_program(command: Callable[[Sequence[str]], Any]) -> None:
    """Run a command as the program of this process, with its command line."""
    prepare_process()
    with readable_errors():
        command(sys.argv[1:])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `rnnlab <arguments>`; None for the command line of this process."""
    if arguments is None:
        run_program(run_named)
    else:
        run_named(arguments)


def run_named(arguments: Sequence[str]) -> None:
    """Run the command that the first argument names."""
    name, *rest = arguments or ["--help"]
    with readable_errors():
        if name in ("-h", "--help"):
            print(list_summaries())
        elif name in COMPLETION:
            complete(rest)
        elif name not in list_commands():
            raise ConfigError(
                f"rnnlab {name}: no such command; {did_you_mean(name, list_commands())}"
            )
        else:
            import_module(f"{__name__}.{name}").main(rest)


def list_commands() -> list[str]:
    """Return the names of the commands."""
    return sorted(file.stem for file in FOLDER.glob("*.py") if not file.stem.startswith("_"))


def list_summaries() -> str:
    """Return the help text of `rnnlab`."""
    lines = [f"  {name:<12}{read_summary(FOLDER / f'{name}.py')}" for name in list_commands()]
    usage, hint = "usage: rnnlab <command> [arguments]", "rnnlab <command> --help explains one."
    return "\n".join([usage, "", *lines, "", hint])


def read_summary(file: Path) -> str:
    """Return the first line of a module's docstring, without importing the module."""
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def complete(arguments: Sequence[str]) -> None:
    """Answer the shell: complete the name of a command, or the overrides of `rnnlab train`.

    The script of `rnnlab train -sc install=bash` calls `rnnlab -sc query=bash` and passes the line
    in COMP_LINE.
    """
    program, *words = os.environ.get("COMP_LINE", "rnnlab").split(" ")
    if len(words) < 2:
        print(" ".join(name for name in list_commands() if name.startswith("".join(words))))
    elif words[0] == "train":
        os.environ["COMP_LINE"] = " ".join([program, *words[1:]])
        import_module(f"{__name__}.train").main(["-sc", *arguments])
