"""Commands that a user can type again, with the program of this process."""

import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rnnlab.config.overrides import format_override, parse_override
from rnnlab.config.paths import absolute_path, is_path
from rnnlab.config.quoting import quote
from rnnlab.errors import ConfigError

PASSWORD = re.compile(r"(://[^/\s:@]*):\S*@")  # in a URL
INTERPOLATION = "${"  # of OmegaConf
BACKSLASHES = re.compile(r"(\\*)\$\{")  # before it: an odd number escapes it, and is halved


def format_command(name: str, arguments: Sequence[str]) -> str:
    """Return a command line of train or sweep, quoted for a shell.

    The installed program is `rnnlab <name>`, the script of a checkout `python <name>.py`.
    """
    is_installed = Path(sys.argv[0]).stem == "rnnlab"
    program = ["rnnlab", name] if is_installed else ["python", f"{name}.py"]
    words = [hide_passwords(argument) for argument in arguments]
    return shlex.join([*program, *words])


def join_command(name: str, arguments: Sequence[str], piped: str = "") -> str:
    """Return a command line that uses a run, quoted for a shell.

    Args:
        name: of the command.
        arguments: of it.
        piped: text for its standard input; empty for none.
    """
    is_installed = Path(sys.argv[0]).stem == "rnnlab"
    program = ["rnnlab", name] if is_installed else [find_python(), "-m", f"rnnlab.{name}"]
    words = ["./" + word if word.startswith("-") and word != "-" else word for word in arguments]
    return (f"echo {shlex.quote(piped)} | " if piped else "") + shlex.join([*program, *words])


def find_python() -> str:
    """Return what to type for the interpreter of this process: `python`, or its path."""
    program, here = Path(sys.executable), Path.cwd()
    if shutil.which("python") == str(program):
        return "python"
    return str(program.relative_to(here) if program.is_relative_to(here) else program)


def hide_passwords(text: str) -> str:
    """Return a text in which the passwords of URLs are replaced by ***.

    >>> hide_passwords("storage=postgresql+psycopg://me:secret@db:5432/studies n_trials=3")
    'storage=postgresql+psycopg://me:***@db:5432/studies n_trials=3'
    """
    return PASSWORD.sub(r"\1:***@", text)


def text_override(key: str, value: str) -> str:
    """Return the override that sets a text, with quotes of Hydra only where they are needed.

    >>> print(text_override("resume", "my (1) runs"), text_override("resume", "a,b"))
    resume=my (1) runs resume='a,b'
    """
    word = f"{key}={value}"
    if INTERPOLATION in value:
        return f"{key}={quote(escape_interpolations(value))}"
    try:
        is_same = parse_override(word).value == value
    except ConfigError:
        is_same = False
    return word if is_same else f"{key}={format_override(value)}"


def escape_interpolations(text: str) -> str:
    r"""Return a text that OmegaConf reads as this one, without an interpolation.

    >>> print(escape_interpolations(r"${x} and \${"))
    \${x} and \\\${
    """
    return BACKSLASHES.sub(r"\1\1\\${", text)


def absolute_override(text: str) -> str:
    """Return an override that means the same from any directory: paths are absolute.

    >>> absolute_override("data.seq_len=5"), absolute_override("+data.path='/a, b.csv'")
    ('data.seq_len=5', "+data.path='/a, b.csv'")
    """
    key = text.partition("=")[0]
    value = parse_override(text).value if is_path(key.lstrip("+")) else None
    if not isinstance(value, str) or any(len(b) % 2 == 0 for b in BACKSLASHES.findall(value)):
        return text
    path = BACKSLASHES.sub(lambda found: found[1][: len(found[1]) // 2] + INTERPOLATION, value)
    return text_override(key, str(absolute_path(path)))


def program_note(name: str) -> str:
    """Return a line with the folder of the script if it is another one than the current folder."""
    script = Path(sys.argv[0])
    if script.name != f"{name}.py" or script.resolve().parent == Path.cwd().resolve():
        return ""
    return f"\n(python {name}.py: in the folder {shlex.quote(str(script.resolve().parent))})"
