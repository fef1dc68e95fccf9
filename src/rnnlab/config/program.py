"""Commands that a user can type again, with the program of this process."""

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from rnnlab.config.overrides import format_override, parse_override
from rnnlab.errors import ConfigError

PASSWORD = re.compile(r"(://[^/\s:@]*):[^/\s@]*@")  # in a URL


def format_command(name: str, arguments: Sequence[str]) -> str:
    """Return a command line of train or sweep, quoted for a shell.

    The installed program is `rnnlab <name>`, the script of a checkout `python <name>.py`.
    """
    is_installed = Path(sys.argv[0]).stem == "rnnlab"
    program = ["rnnlab", name] if is_installed else ["python", f"{name}.py"]
    words = [hide_passwords(argument) for argument in arguments]
    return shlex.join([*program, *words])


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
    try:
        is_same = parse_override(word).value == value
    except ConfigError:
        is_same = False
    return word if is_same else f"{key}={format_override(value)}"
