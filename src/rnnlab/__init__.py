"""Experiments with recurrent networks: any architecture on any data set, one command."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnlab.api import compare_folders as compare
    from rnnlab.api import compose_config as compose
    from rnnlab.api import load_run as load
    from rnnlab.api import search_settings as sweep
    from rnnlab.api import train_run as run

__version__ = "0.1.0"
__all__ = ["__version__", "compare", "compose", "load", "run", "sweep"]
__path__.append(str(Path(__file__).parent / "commands"))  # python -m rnnlab.<command>

PUBLIC = {  # imported when used
    "compare": "compare_folders",
    "compose": "compose_config",
    "load": "load_run",
    "run": "train_run",
    "sweep": "search_settings",
}


def __getattr__(name: str) -> Any:
    """Return a public function of rnnlab.api."""
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("rnnlab.api"), PUBLIC[name])
