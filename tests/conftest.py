import gc
import os
import signal
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"  # no test asks the network
os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_SILENT"] = "true"

settings.register_profile(  # no example fails because the machine is busy
    "busy", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")

gc.disable()  # until all tests are collected: little of what imports make is garbage

SHARED = Path(os.environ.get("RNNLAB_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no file for its slow tests that has none."""
    if config.option.markexpr != "slow" or collection_path.suffix != ".py":
        return None
    return "slow" not in collection_path.read_text(encoding="utf-8") or None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, which have time limits of their own: none ends alone.

    Each worker of xdist gets a part of the list, one after another, and other workers take over
    from its end. So each part begins with some of the longest.
    """
    long = [item for item in items if item.get_closest_marker("timeout")]
    short = [item for item in items if not item.get_closest_marker("timeout")]
    workers, total = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)), len(items)
    items.clear()
    for worker in range(workers):
        first = long[worker::workers]
        rest = (total - len(items)) // (workers - worker) - len(first)
        items += first + short[: max(0, rest)]
        del short[: max(0, rest)]
    items += short


def pytest_collection_finish() -> None:
    """Let the collector of garbage leave modules and tests alone: they are a million objects."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> None:
    """A shell starts what it runs in the background with Ctrl-C ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of this run of tests, which all its workers share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def _own_cache(shared_folder: Path) -> None:
    """Prepared data of the tests stands in a folder of their own, shared by the whole run."""
    os.environ.setdefault("RNNLAB_CACHE", str(shared_folder / "cache"))


@pytest.fixture(scope="session", autouse=True)
def _writes_are_not_flushed() -> Iterator[None]:
    """Tests end processes and not machines: no write must be on the disk at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def _environment_is_read_once() -> Iterator[None]:
    """A run asks git for its commit, and its trainers the files of all packages for plugins."""
    from importlib.metadata import entry_points

    from rnnlab.runtime import environment

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "git_state", cache(environment.git_state))
        plugins = "lightning.fabric.utilities.registry.entry_points"
        patch.setattr(plugins, cache(entry_points))
        yield


@pytest.fixture(scope="session", autouse=True)
def _choices_are_composed_once(shared_folder: Path) -> Iterator[None]:
    """Hydra reads the same files for each command line."""
    from tests.helpers.compositions import FOLDER, remember_compositions

    folder = shared_folder / "compositions"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, remember_compositions():
        patch.setenv(FOLDER, str(folder))
        yield


@pytest.fixture(scope="session", autouse=True)
def _searches_are_composed_once() -> Iterator[None]:
    """Many tests begin with the same search of the project, whose files do not change."""
    from rnnlab.sweeps import settings as searches

    compose = searches.compose_sweep
    compose_once = cache(compose)

    def compose_sweep(folder: Path, name: str, overrides: Sequence[str]) -> dict[str, Any]:
        if folder != Path(__file__).parents[1] / "sweeps":
            return compose(folder, name, overrides)
        return deepcopy(compose_once(folder, name, tuple(overrides)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(searches, "compose_sweep", compose_sweep)
        yield


@pytest.fixture
def forked_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker of a search that this process runs is a fork; see tests/helpers/fork_server.py."""
    from tests.helpers.processes import ForkedProcess

    monkeypatch.setattr("subprocess.Popen", ForkedProcess)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real benchmark data beside the project; tests that need it are skipped without it."""
    if not SHARED.is_dir():
        pytest.skip(f"no benchmark data at {SHARED}; set RNNLAB_SHARED_DATA")
    return SHARED


def find_cases(kind: str) -> Path:
    """Files of users beside the project; each folder has the command and what is expected."""
    cases = SHARED.parent / "cases" / kind
    if not cases.is_dir():
        pytest.skip(f"no files of users at {cases}; set RNNLAB_SHARED_DATA")
    return cases


@pytest.fixture(scope="session")
def series_cases() -> Path:
    """Tables of series."""
    return find_cases("series")


@pytest.fixture(scope="session")
def text_cases() -> Path:
    """Texts, labelled texts and sentence pairs."""
    return find_cases("text")


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are built, and a dot is written for each: drawing takes longer than a small run."""
    from tests.helpers.fork_server import write_dots

    write_dots(monkeypatch.setattr)


@pytest.fixture
def no_network_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run builds no figures of its network and its training, which know little of the data."""
    for name in ("draw_internals", "draw_health"):
        monkeypatch.setattr(f"rnnlab.experiment.results.{name}", lambda parts: [])
    curves = "rnnlab.experiment.results.save_learning_curves"
    monkeypatch.setattr(curves, lambda *values: Path("learning_curves.png"))


@pytest.fixture
def no_plots(monkeypatch: pytest.MonkeyPatch, no_network_plots: None) -> None:
    """A run builds no figures, for tests whose figures others draw from the same data."""
    from rnnlab.analysis import AnalysisResult

    save = AnalysisResult.save

    def save_files(result: AnalysisResult, folder: Path) -> list[Path]:
        return save(replace(result, figures={}), folder)

    monkeypatch.setattr(AnalysisResult, "save", save_files)
