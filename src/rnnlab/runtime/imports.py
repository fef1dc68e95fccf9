"""Imports of packages that take seconds, without work that nobody needs.

The garbage collector examines all objects again and again while torch and Lightning create 600,000
of them, and nothing of it is garbage: a fifth of the CPU time of the imports, and of the exit.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

SIGNAL = "scipy.signal"


@contextmanager
def pause_collector() -> Iterator[None]:
    """Import within this context: the garbage collector leaves the new objects alone.

    They count as old afterwards. In a process that has frozen objects, as that of a command (see
    rnnlab.runtime.process), they are frozen: no later collection examines them.
    """
    is_enabled, num_modules = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > num_modules:
            has_frozen = gc.get_freeze_count() > 0  # takes 10 ms where a million objects are frozen
            gc.freeze()
            if not has_frozen:
                gc.unfreeze()
        if is_enabled:
            gc.enable()


class DeferredModule(ModuleType):
    """Module that is imported when a name or module in it is used that it was not given."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":  # inspect looks at those of all modules
            raise AttributeError(name)
        remove_module(self)
        return getattr(import_module(self.__name__), name)


def remove_module(module: ModuleType) -> None:
    """Let the next import of this name search for the module again."""
    if sys.modules.get(module.__name__) is module:
        del sys.modules[module.__name__]


def import_torchmetrics() -> None:
    """Import torchmetrics without scipy.signal, a quarter of its CPU time.

    torchmetrics imports it to add `hamming`, a name that SciPy removed and only SRMRpy needs.
    """
    if SIGNAL not in sys.modules and "torchmetrics" not in sys.modules:
        deferred: Any = DeferredModule(SIGNAL)
        deferred.hamming = None
        sys.modules[SIGNAL] = deferred
        try:
            import_module("torchmetrics")
        finally:
            remove_module(deferred)


def import_lightning() -> None:
    """Import Lightning, and torch and torchmetrics with it."""
    with pause_collector():
        import_torchmetrics()
        import_module("lightning.pytorch")
