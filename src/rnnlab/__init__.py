"""Experiments with recurrent networks: any architecture on any data set, one command."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnlab.api import compose_config as compose
    from rnnlab.api import load_run as load
    from rnnlab.api import search_settings as sweep
    from rnnlab.api import train_run as run
    from rnnlab.comparison.compare import compare_runs as compare

__version__ = "0.1.0"
__all__ = ["__version__", "compare", "compose", "load", "run", "sweep"]
__path__.append(str(Path(__file__).parent / "commands"))  # python -m rnnlab.<command>

PUBLIC = {  # module and function, imported when used
    "compare": ("rnnlab.comparison.compare", "compare_runs"),
    "compose": ("rnnlab.api", "compose_config"),
    "load": ("rnnlab.api", "load_run"),
    "run": ("rnnlab.api", "train_run"),
    "sweep": ("rnnlab.api", "search_settings"),
}


def __getattr__(name: str) -> Any:
    """Return a public function."""
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, function = PUBLIC[name]
    return getattr(import_module(module), function)
