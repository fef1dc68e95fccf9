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
    CommandExit,
    ConfigError,
    DataError,
    ExitStatus,
    Problem,
    RunStopped,
    UserError,
    did_you_mean,
    nearest_names,
)

INTERRUPTED = "interrupted"  # name of the error of Ctrl-C outside of a training
TRAINING_LIMITS = (
    "max_epochs",
    "max_steps",
    "max_time",
)  # they extend a run


@contextmanager
def readable_errors() -> Iterator[None]:
    """Print an error of the user as one message and exit with its status; others pass."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises its errors, whatever the user's shell says
    try:
        yield
    except RunStopped as error:
        print(hide_passwords(str(error)), file=sys.stderr)
        raise CommandExit(error) from error
    except UserError as error:
        print_error(str(error))
        raise CommandExit(error) from error
    except KeyboardInterrupt as error:
        raise CommandExit(RunStopped("interrupted"), INTERRUPTED) from error
    except Exception as error:
        if not is_composition_error(error):
            raise
        problem = explain(error)
        print_error(problem)
        raise CommandExit(ConfigError(problem)) from error


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
        sys.exit(ExitStatus.PIPE_CLOSED)


@contextmanager
def advise_options(names: Iterable[str]) -> Iterator[None]:
    """Replace arguments of Python in errors by the options of a command: `top_k=0` by `--top-k 0`.

    Args:
        names: of the arguments.
    """
    try:
        yield
    except (ConfigError, DataError) as error:
        pattern = "|".join(names)
        raise type(error)(*(name_option(pattern, one) for one in error.problems)) from error


def name_option(names: str, problem: Problem) -> Problem:
    """Return the problem of an argument of Python as that of an option of a command.

    Args:
        names: pattern of the arguments.
        problem: to rename.
    """
    pattern = rf"(?<![\w.])({names})(=|(?=: no such option))"
    begin, mark, choices = re.sub(pattern, format_option, problem).partition("no such option; ")
    choices = re.sub(rf"\b({names})()\b", format_option, choices)
    setting = problem.setting and re.sub(rf"^({names})()$", format_option, problem.setting)
    parts = problem.value, problem.choices, problem.suggestions
    return Problem(begin + mark + choices, setting, *parts)


def format_option(match: re.Match[str]) -> str:
    """Return the option of a command with the name of an argument, and a space for its `=`."""
    return f"--{match[1].replace('_', '-')}{match[2].replace('=', ' ')}"


def print_error(message: str) -> None:
    """Print a message to stderr with each line marked as an error."""
    from rich.text import Text

    from rnnlab.runtime.console import PlainConsole
    from rnnlab.runtime.texts import show_hidden

    console = PlainConsole(stderr=True)
    for line in show_hidden(hide_passwords(message)).splitlines():
        console.print(Text.assemble(("error ", "bold red"), line), soft_wrap=True)


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
        message = (
            f"{resume[0]} goes on with the settings of that run, so {' '.join(others)} cannot be "
            "given too: drop it, or start a new run with it"
        )
        key, _, value = others[0].partition("=")
        raise ConfigError(Problem(message, key, value, suggestions=resume))


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


def explain(error: Exception) -> Problem:
    """Return Hydra's message about the command line, with the nearest valid name."""
    from hydra.errors import MissingConfigException

    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        options = error.options or []
        suggestions = [f"{group}={name}" for name in nearest_names(choice, options)]
        message = f"{group}={choice}: {did_you_mean(choice, options)}"
        return Problem(message, group, choice, options, suggestions)
    cause: Any = error.__cause__
    if getattr(cause, "full_key", None) and getattr(cause, "parent_node", None) is not None:
        return explain_key(str(cause.full_key), str(cause.key), cause.parent_node)
    setting = getattr(error, "full_key", None) or getattr(cause, "full_key", None)
    return Problem(str(error).split("\n")[0] + (f" ({cause})" if cause else ""), setting)


def unlisted_key(error: Exception) -> str | None:
    """Return the key that a composition lacks, if the constructor of its section accepts it."""
    cause: Any = error.__cause__
    path, parent = getattr(cause, "full_key", None), getattr(cause, "parent_node", None)
    if not path or parent is None:
        return None
    return str(path) if str(cause.key) in constructor_names(str(path), parent) else None


def explain_key(path: str, name: str, parent: Any) -> Problem:
    """Explain a key that neither the config nor the constructor has."""
    keys = [str(member) for member in parent if member not in ("_target_", "hydra")]
    names = {*keys, *constructor_names(path, parent)}
    near = get_close_matches(name, names, n=1, cutoff=NEAR)
    if not near and (others := suggest_settings(name, setting_names(parent._get_root()))):
        message = f"{path}: no such setting; did you mean {' or '.join(others)}?"
        return Problem(message, path, suggestions=others)
    if not names:
        return Problem(f"{path}: no such setting; {path.rpartition('.')[0]} has none", path)
    section = path.removesuffix(name)
    suggestions = [f"{section}{other}" for other in nearest_names(name, sorted(names))]
    message = f"{path}: no such setting; {did_you_mean(name, names)}"
    return Problem(message, path, None, names, suggestions)


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
