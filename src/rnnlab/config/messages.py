"""User errors as readable messages instead of tracebacks."""

import io
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from rnnlab.config.program import hide_passwords
from rnnlab.config.suggestions import NEAR, setting_names, suggest_settings
from rnnlab.errors import (
    ConfigError,
    DataError,
    DivergedError,
    OutageError,
    RunStopped,
    did_you_mean,
)

USAGE_ERROR, STOP_STATUS, PIPE_STATUS = 2, 130, 141  # exit status
TRAINING_LIMITS = (
    "max_epochs",
    "max_steps",
    "max_time",
)  # they extend a run


@contextmanager
def readable_errors() -> Iterator[None]:
    """Print an error of the user as one message and exit with 2; other exceptions pass."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises its errors, whatever the user's shell says
    try:
        yield
    except (ConfigError, DataError, DivergedError, OutageError) as error:
        fail(str(error))
    except RunStopped as error:
        print(hide_passwords(str(error)), file=sys.stderr)
        sys.exit(STOP_STATUS)
    except KeyboardInterrupt:
        sys.exit(STOP_STATUS)
    except Exception as error:
        if is_composition_error(error):
            fail(explain(error))
        raise


@contextmanager
def tolerant_output() -> Iterator[None]:
    """Print a stream of texts of any script, as long as somebody reads it.

    Characters that the encoding of the output lacks are escaped. If the reader has ended, as `head`
    does, exit as a program that SIGPIPE ended.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        sys.exit(PIPE_STATUS)


@contextmanager
def advise_options(names: Iterable[str]) -> Iterator[None]:
    """Replace arguments of Python in errors by the options of a command: `top_k=0` by `--top-k 0`.

    Args:
        names: of the arguments.
    """
    try:
        yield
    except (ConfigError, DataError) as error:
        name = "|".join(names)
        pattern = rf"(?<![\w.])({name})(=|(?=: no such option))"
        message = re.sub(pattern, format_option, str(error))
        begin, mark, choices = message.partition("no such option; ")
        choices = re.sub(rf"\b({name})()\b", format_option, choices)
        raise type(error)(begin + mark + choices) from error


def format_option(match: re.Match[str]) -> str:
    """Return the option of a command with the name of an argument, and a space for its `=`."""
    return f"--{match[1].replace('_', '-')}{match[2].replace('=', ' ')}"


def fail(message: str) -> None:
    """Print a message to stderr with each line marked as an error, and exit."""
    from rich.text import Text

    from rnnlab.runtime.console import PlainConsole, show_hidden

    console = PlainConsole(stderr=True)
    for line in show_hidden(hide_passwords(message)).splitlines():
        console.print(Text.assemble(("error ", "bold red"), line), soft_wrap=True)
    sys.exit(USAGE_ERROR)


def check_resume(arguments: Sequence[str]) -> None:
    """Raise ConfigError if a resumed run has other settings than limits of its training.

    It takes them from its folder.
    """
    overrides = [text for text in arguments if "=" in text or text.startswith("~")]
    settings = [text for text in overrides if not text.startswith(("-", "hydra."))]
    resume = [text for text in settings if text.startswith("resume=") and text != "resume=null"]
    limits = tuple(f"trainer.{name}=" for name in TRAINING_LIMITS)
    others = [text for text in settings if not text.lstrip("+").startswith(("resume=", *limits))]
    if resume and others:
        raise ConfigError(
            f"{resume[0]} goes on with the settings of that run, so {' '.join(others)} cannot be "
            "given too: drop it, or start a new run with it"
        )


def select_resume(plain: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return the config of a new run, or `resume` and the typed limits of the training.

    >>> plain = {"resume": "x", "seed": 0, "trainer": {"max_epochs": 30, "max_steps": None}}
    >>> select_resume(plain, ["resume=x", "trainer.max_epochs=30"])
    {'resume': 'x', 'trainer': {'max_epochs': 30}}
    """
    if not plain["resume"]:
        return dict(plain)
    keys = [text.lstrip("+").partition("=")[0] for text in overrides]
    limits = [name for name in TRAINING_LIMITS if f"trainer.{name}" in keys]
    trainer = {name: plain["trainer"][name] for name in limits}
    return {"resume": plain["resume"], "trainer": trainer}


def is_composition_error(error: Exception) -> bool:
    """Return whether Hydra or OmegaConf rejected the command line."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    is_library_error = isinstance(error, HydraException | OmegaConfBaseException)
    return is_library_error or str(error).startswith("Config group override must be")


def explain(error: Exception) -> str:
    """Return Hydra's message about the command line, with the nearest valid name."""
    from hydra.errors import MissingConfigException

    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        return f"{group}={choice}: {did_you_mean(choice, error.options or [])}"
    cause: Any = error.__cause__
    if getattr(cause, "full_key", None) and getattr(cause, "parent_node", None) is not None:
        return explain_key(str(cause.full_key), str(cause.key), cause.parent_node)
    return str(error).split("\n")[0] + (f" ({cause})" if cause else "")


def unlisted_key(error: Exception) -> str | None:
    """Return the key that a composition lacks, if the constructor of its section accepts it."""
    cause: Any = error.__cause__
    path, parent = getattr(cause, "full_key", None), getattr(cause, "parent_node", None)
    if not path or parent is None:
        return None
    return str(path) if str(cause.key) in constructor_names(str(path), parent) else None


def explain_key(path: str, name: str, parent: Any) -> str:
    """Explain a key that neither the config nor the constructor has."""
    keys = [str(member) for member in parent if member not in ("_target_", "hydra")]
    names = {*keys, *constructor_names(path, parent)}
    near = get_close_matches(name, names, n=1, cutoff=NEAR)
    if not near and (others := suggest_settings(name, setting_names(parent._get_root()))):
        return f"{path}: no such setting; did you mean {' or '.join(others)}?"
    if not names:
        return f"{path}: no such setting; {path.rpartition('.')[0]} has none"
    return f"{path}: no such setting; {did_you_mean(name, names)}"


def constructor_names(path: str, parent: Any) -> list[str]:
    """Return the parameters of the constructor, also those that its YAML file does not list."""
    from rnnlab.config.light_import import locate_light
    from rnnlab.config.schema import RunConfig, TrainerConfig
    from rnnlab.config.signature import RUNTIME, configurable_parameters, locate

    section, dot, _ = path.partition(".")
    sections: dict[str, Any] = {"": RunConfig, "trainer": TrainerConfig}
    target: Any = sections.get(section if dot else "") or parent.get("_target_")
    if target is None:
        return []
    builder = locate_light(target) or locate(target) if isinstance(target, str) else target
    return list(configurable_parameters(builder, RUNTIME.get(section, frozenset()))[0])
