"""Commands of `rnnlab`: each file of this folder is the command of the same name.

A command has `main(arguments)`, which takes the command line after its name; the first line of its
docstring appears in `rnnlab --help`.
`python -m rnnlab.<command>` runs the same code. With --json a command prints one JSON document with
what its main publishes; see rnnlab.documents.output.
"""

import argparse
import ast
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from rnnlab.config.messages import readable_errors
from rnnlab.documents.output import JSON_FLAG, run_with_document
from rnnlab.errors import (
    CommandExit,
    ConfigError,
    Problem,
    UsageError,
    did_you_mean,
    nearest_names,
)
from rnnlab.runtime.process import prepare_process

FOLDER = Path(__file__).parent
COMPLETION = ("-sc", "--shell-completion")
HELP_WORDS = frozenset({"-h", "--help"})


class CommandParser(argparse.ArgumentParser):
    """Parser of the options of a command, with its docstring as the help text."""

    def __init__(self, name: str, description: str | None) -> None:
        super().__init__(
            prog=f"rnnlab {name}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.add_argument(JSON_FLAG, action="store_true", help="print one JSON document instead")

    def error(self, message: str) -> NoReturn:
        """Print the usage and what is wrong, and end the command."""
        self.print_usage(sys.stderr)
        print(f"{self.prog}: error: {message}", file=sys.stderr)
        name = getattr(sys.exception(), "argument_name", None)  # argparse calls this in a handler
        choices = [
            str(choice)
            for action in self._actions
            if name in ("/".join(action.option_strings), action.dest, action.metavar)
            for choice in action.choices or ()
        ]
        raise CommandExit(UsageError(Problem(message, name, None, choices)))


def run_program(command: Callable[[Sequence[str]], Any]) -> None:
    """Run a command as the program of this process, with its command line."""
    prepare_process()
    run_command(command, sys.argv[1:])


def run_command(command: Callable[[Sequence[str]], Any], arguments: Sequence[str]) -> None:
    """Run a command; with --json it prints one JSON document, errors included."""
    options = [*arguments, "--"][: [*arguments, "--"].index("--")]  # what follows is text
    words = [word for word in options if word != JSON_FLAG] + [*arguments[len(options) :]]
    if JSON_FLAG in options and not HELP_WORDS & set(words):
        file = sys.modules[command.__module__].__file__ or ""
        name = (words or [""])[0] if command is run_named else Path(file).stem
        run_with_document(name, command, words)
        return
    with readable_errors():
        command(words)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run `rnnlab <arguments>`; None for the command line of this process."""
    if arguments is None:
        run_program(run_named)
    else:
        run_command(run_named, arguments)


def run_named(arguments: Sequence[str]) -> None:
    """Run the command that the first argument names."""
    name, *rest = arguments or ["--help"]
    if name in HELP_WORDS:
        print(list_summaries())
    elif name in COMPLETION:
        complete(rest)
    elif name not in (names := list_commands()):
        message = f"rnnlab {name}: no such command; {did_you_mean(name, names)}"
        suggestions = [f"rnnlab {one}" for one in nearest_names(name, names)]
        raise ConfigError(Problem(message, "command", name, names, suggestions))
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
