"""The door's manners: what the user can mend is said in words, not in tracebacks."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rnnlab.errors import ConfigError, DataError, RunStopped, did_you_mean

USAGE_ERROR, STOPPED = 2, 130


@contextmanager
def readable_errors() -> Iterator[None]:
    """Print what the user can mend as one clear message and exit with 2; let bugs through."""
    os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # Hydra's own errors come through to us, too
    try:
        yield
    except (ConfigError, DataError) as error:
        fail(str(error))
    except RunStopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(STOPPED)
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    except Exception as error:
        if is_composition_error(error):
            fail(explain(error))
        raise


def fail(message: str) -> None:
    """Print a message to stderr, each line marked as an error, and exit."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    for line in message.splitlines():
        text = Text.assemble(("error ", "bold red"), line)
        console.print(text, soft_wrap=True)
    sys.exit(USAGE_ERROR)


def check_resume(arguments: Sequence[str]) -> None:
    """A resumed run takes its settings from its folder.

    Args:
        arguments: the command line, without the program.

    Raises:
        ConfigError: another setting was given.
    """
    given = [word for word in arguments if "=" in word or word.startswith("~")]
    settings = [word for word in given if not word.startswith(("-", "hydra."))]
    resumed = [word for word in settings if word.startswith("resume=") and word != "resume=null"]
    others = [word for word in settings if not word.startswith("resume=")]
    if resumed and others:
        raise ConfigError(
            f"{resumed[0]} goes on with the settings of that run, so {' '.join(others)} cannot be "
            "given too: drop it, or start a new run with it"
        )


def is_composition_error(error: Exception) -> bool:
    """Whether Hydra or OmegaConf refused the command line."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    refused = isinstance(error, HydraException | OmegaConfBaseException)
    return refused or str(error).startswith("Config group override must be")


def explain(error: Exception) -> str:
    """Hydra's complaint about the command line, with the nearest valid name."""
    from hydra.errors import MissingConfigException

    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, given = str(error.missing_cfg_file).rpartition("/")
        return f"{group}={given}: {did_you_mean(given, error.options or [])}"
    cause: Any = error.__cause__
    if getattr(cause, "full_key", None) and getattr(cause, "parent_node", None) is not None:
        return explain_key(str(cause.full_key), str(cause.key), cause.parent_node)
    return str(error).split("\n")[0] + (f" ({cause})" if cause else "")


def explain_key(path: str, name: str, parent: Any) -> str:
    """A setting that is not in the config: misspelt, or one that has to be added with a plus."""
    listed = [str(member) for member in parent if member not in ("_target_", "hydra")]
    taken = constructor_names(path, parent)
    if name in taken:
        return f"{path}: is a setting, but not one that is listed; add it with +{path}=..."
    return f"{path}: no such setting; {did_you_mean(name, {*listed, *taken})}"


def constructor_names(path: str, parent: Any) -> list[str]:
    """What the constructor takes beyond what its YAML file lists."""
    from rnnlab.config.schema import TrainerConfig
    from rnnlab.config.signature import RUNTIME, configurable_parameters, locate

    section = path.split(".")[0]
    target: Any = TrainerConfig if section == "trainer" else parent.get("_target_")
    if target is None:
        return []
    builder = locate(target) if isinstance(target, str) else target
    return list(configurable_parameters(builder, RUNTIME.get(section, frozenset()))[0])
