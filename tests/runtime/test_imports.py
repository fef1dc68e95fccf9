"""Imports of large packages."""

import gc
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module

import pytest

from rnnlab.runtime.imports import DeferredModule, pause_collector, remove_module

UNUSED = "sndhdr"  # a small module that nothing imports


@pytest.fixture
def deferred() -> Iterator[DeferredModule]:
    module = sys.modules[UNUSED] = DeferredModule(UNUSED)
    vars(module)["added"] = 1
    yield module
    sys.modules.pop(UNUSED, None)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_deferred_module_is_imported_when_it_is_used(deferred: DeferredModule) -> None:
    assert import_module(UNUSED) is deferred
    assert deferred.added == 1
    assert not hasattr(deferred, "__file__")  # inspect asks all modules
    assert sys.modules[UNUSED] is deferred
    names: dict[str, object] = {}
    exec(f"from {UNUSED} import what", names)
    assert callable(names["what"])
    assert sys.modules[UNUSED] is not deferred
    remove_module(deferred)
    assert UNUSED in sys.modules, "the real module stays"


@pytest.mark.parametrize("is_enabled", [True, False])
def test_the_collector_pauses_and_goes_on_as_before(is_enabled: bool) -> None:
    frozen = gc.get_freeze_count()
    (gc.enable if is_enabled else gc.disable)()
    try:
        with pause_collector():
            assert not gc.isenabled()
        assert gc.isenabled() == is_enabled
        assert (gc.get_freeze_count() > 0) == (frozen > 0)
    finally:
        gc.enable()


@pytest.mark.slow
def test_lightning_is_imported_without_scipy_signal_which_works_afterwards() -> None:
    code = """
import gc, sys
from rnnlab.runtime.imports import import_lightning
from rnnlab.runtime.process import prepare_process
prepare_process()
import_lightning()
assert "scipy.signal" not in sys.modules and "torchmetrics" in sys.modules
assert gc.isenabled() and gc.get_freeze_count() > 100_000
from torchmetrics.functional.audio import signal_noise_ratio
import scipy.signal
from scipy.signal.windows import hamming
assert hamming(3)[1] == 1 and len(scipy.signal.butter(2, 0.5)) == 2
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
