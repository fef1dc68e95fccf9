"""The door's manners: errors in words instead of tracebacks."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rnnlab.errors import ConfigError, DataError, did_you_mean

USAGE_ERROR, STOPPED = 2, 130


@contextmanager
def in_words(arguments: Sequence[str]) -> Iterator[None]:
    """Print what the user can mend as one clear message, and exit with 2; leave bugs as they are.

    Args:
        arguments: the command line, without the program.
    """
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # let Hydra's errors through to us
    try:
        check_resume(arguments)
        yield
    except (ConfigError, DataError) as error:
        fail(str(error))
    except Exception as error:
        from hydra.errors import HydraException
        from omegaconf.errors import OmegaConfBaseException

        if isinstance(error, HydraException | OmegaConfBaseException):
            fail(explain(error))
        if type(error).__name__ == "RunStopped":
            print(str(error), file=sys.stderr)
            sys.exit(STOPPED)
        raise


def fail(message: str) -> None:
    """Print a message to stderr and exit."""
    from rich.console import Console

    console = Console(stderr=True, soft_wrap=True)
    for line in message.splitlines():
        console.print("[bold red]error[/]", end=" ")
        console.print(line, highlight=False, markup=False)
    sys.exit(USAGE_ERROR)


def check_resume(arguments: Sequence[str]) -> None:
    """A resumed run takes its settings from its folder.

    Raises:
        ConfigError: another setting was given.
    """
    settings = [word for word in arguments if "=" in word and not word.startswith(("-", "hydra."))]
    others = [word for word in settings if not word.startswith("resume=")]
    resumed = [word for word in settings if word.startswith("resume=") and word != "resume=null"]
    if resumed and others:
        raise ConfigError(
            f"{resumed[0]} goes on with the settings of that run, so {' '.join(others)} cannot be "
            "given too: drop it, or start a new run with it"
        )


def explain(error: Exception) -> str:
    """Hydra's complaint about the command line, with the nearest valid name."""
    from hydra.errors import MissingConfigException

    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return explain_choice(error)
    cause: Any = error.__cause__
    key = getattr(cause, "full_key", None)
    parent = getattr(cause, "parent_node", None)
    if key and parent is not None:
        name = str(cause.key)
        known = [str(member) for member in parent]
        return (
            f"{key}: no such setting; {did_you_mean(name, known)}. One that the class takes, but "
            f"that is not listed, is given as +{key}=..."
        )
    return str(error).split("\n")[0] + (f" ({cause})" if cause else "")


def explain_choice(error: Any) -> str:
    """A choice that its group has not."""
    group, _, given = str(error.missing_cfg_file).rpartition("/")
    options = error.options or []
    return f"{group}={given}: {did_you_mean(given, options)}"
