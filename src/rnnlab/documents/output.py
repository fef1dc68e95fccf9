"""One JSON document on stdout instead of text: what `--json` makes of any command."""

import json
import math
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from dataclasses import dataclass
from typing import IO, Any

from rnnlab.config.messages import readable_errors, tolerant_output
from rnnlab.config.program import hide_passwords
from rnnlab.errors import CommandExit, ExitStatus, Problem
from rnnlab.runtime.distributed import is_first_process

JSON_FLAG = "--json"
SCHEMA_VERSION = 1  # a key that goes or changes its meaning is a new version; a new key is none
INTERNAL = "internal"  # name of the error of a defect of this package


@dataclass
class CommandDocument:
    """The document of one command.

    Attributes:
        command: name of the command.
        stream: the stdout of the user.
        result: of the command, as it publishes it.
        warnings: what a person would read beside the result.
        is_printed: whether the document was printed; it is printed once.
    """

    command: str
    stream: IO[str]
    result: Any = None
    warnings: Sequence[str] = ()
    is_printed: bool = False

    def write(self, exit_status: int, error: Mapping[str, Any] | None = None) -> None:
        """Print the document, once, in the first process of a run."""
        content = {
            "schema": SCHEMA_VERSION,
            "command": self.command,
            "exit_status": exit_status,
            "result": self.result,
            "warnings": self.warnings,
            "error": error,
        }
        if not self.is_printed and is_first_process():
            text = json.dumps(plain_value(content), indent=2, allow_nan=False)
            print(text, file=self.stream, flush=True)
        self.is_printed = True


DOCUMENT: ContextVar[CommandDocument | None] = ContextVar("DOCUMENT", default=None)


def prints_json() -> bool:
    """Return whether the command of this process prints a JSON document."""
    return DOCUMENT.get() is not None


def publish(result: Any, warnings: Sequence[str] = (), *, at_once: bool = False) -> None:
    """Set the result of this command; without --json nothing reads it.

    Args:
        result: plain values; numbers that are not finite become null.
        warnings: what a person would read beside the result.
        at_once: print the document now, for a command that goes on, such as a server.
    """
    document = DOCUMENT.get()
    if document is None:
        return
    document.result, document.warnings = result, warnings
    if at_once:
        document.write(ExitStatus.OK)


def run_with_document(
    name: str, command: Callable[[Sequence[str]], Any], arguments: Sequence[str]
) -> None:
    """Run a command, print its document, and exit with its status unless that is 0.

    Everything else that it prints goes to stderr.
    """
    with redirect_output() as stream:
        document = CommandDocument(name, stream)
        token = DOCUMENT.set(document)
        try:
            status, error = run_to_end(command, arguments)
        finally:
            DOCUMENT.reset(token)
        with redirect_stdout(stream), tolerant_output():
            document.write(status, error)
    if status:
        sys.exit(status)


def run_to_end(
    command: Callable[[Sequence[str]], Any], arguments: Sequence[str]
) -> tuple[int, dict[str, Any] | None]:
    """Run a command; return its exit status, and its error for programs."""
    try:
        with readable_errors():
            command(arguments)
    except CommandExit as end:
        return end.status, describe_error(end.name, end.problems)
    except SystemExit as end:
        return (end.code if isinstance(end.code, int) else int(end.code is not None)), None
    except Exception as error:
        traceback.print_exc()
        problem = Problem(f"{type(error).__name__}: {error}")
        return int(ExitStatus.DIFFERENT), describe_error(INTERNAL, [problem])
    return int(ExitStatus.OK), None


def describe_error(name: str, problems: Sequence[Problem]) -> dict[str, Any]:
    """Return the error of a document: its name, its message, and the parts of each problem."""
    parts = ("setting", "value", "choices", "suggestions")
    return {
        "code": name,
        "message": "\n".join(problems),
        "problems": [
            {"message": str(one), **{part: getattr(one, part) for part in parts}}
            for one in problems
        ],
    }


@contextmanager
def redirect_output() -> Iterator[IO[str]]:
    """Yield the stdout of the user, while all other output goes to stderr.

    That of C code and of other processes too, if stdout is that of the process.
    """
    stdout = sys.stdout
    if not is_process_output(stdout):
        with redirect_stdout(sys.stderr):
            yield stdout
        return
    stdout.flush()
    descriptor = os.dup(1)
    os.dup2(2, 1)
    try:
        with (
            redirect_stdout(sys.stderr),
            os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as stream,
        ):
            yield stream
    finally:
        os.dup2(descriptor, 1)
        os.close(descriptor)


def is_process_output(stream: Any) -> bool:
    """Return whether a stream is the standard output of the process, not a substitute."""
    try:
        return bool(stream.fileno() == 1)
    except (AttributeError, OSError, ValueError):
        return False


def plain_value(value: Any) -> Any:
    """Return a value as JSON can hold it, without passwords.

    >>> plain_value({"a": (float("nan"), 1.5), 2: None})
    {'a': [None, 1.5], '2': None}
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain_value(member) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_value(member) for member in value]
    if hasattr(value, "tolist"):  # of numpy
        return plain_value(value.tolist())
    return hide_passwords(str(value))
