"""Data sets of the Hugging Face hub, loaded with bounded waiting times."""

import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnlab.errors import DataError
from rnnlab.runtime.network import probe

PROBE_SECONDS = 2.0
STALL_SECONDS = 30.0
HUB_SPLITS = {"train": "train", "val": "validation", "test": "test"}  # our name -> the hub's
REVISION_PATTERN = re.compile(r"[/\\]([0-9a-f]{40})[/\\]")  # in the path of a file in the cache


def hub_is_reachable(seconds: float = PROBE_SECONDS) -> bool:
    """Return whether the hub answers one HTTP request within this time.

    True behind a proxy, where a probe is no evidence; False with HF_HUB_OFFLINE=1.
    """
    if is_offline():
        return False
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return True
    return not probe_hub(seconds)


def is_offline() -> bool:
    """Return whether the user disabled access to the hub."""
    return os.environ.get("HF_HUB_OFFLINE", "0").upper() in {"1", "TRUE", "YES", "ON"}


def hub_address() -> str:
    """Return the address of the hub, or of the mirror in its place."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def probe_hub(seconds: float = PROBE_SECONDS) -> str:
    """Return why the hub does not answer within this time; empty if it does."""
    return probe(f"{hub_address()}/", seconds)


def load_from_hub(
    name: str, splits: Sequence[str], config: str | None = None, revision: str | None = None
) -> dict[str, Any]:
    """Return splits of a data set of the Hugging Face hub, as `datasets` loads them.

    The revision refs/convert/parquet is the hub's own copy of a data set with a script. Loading
    stops if the hub does not answer, or if nothing is written to its caches for the number of
    seconds in the environment variable RNNLAB_HUB_SECONDS (30).

    Raises:
        DataError: it cannot be loaded; names the reason and the alternatives.
    """
    if not is_offline() and (reason := probe_hub()):
        raise hub_error(name, f"{hub_address()} cannot be reached ({reason})")
    import datasets

    options = {"name": config, "revision": revision}
    options = {key: value for key, value in options.items() if value is not None}
    datasets.disable_progress_bars()

    def load() -> dict[str, Any]:
        return {split: datasets.load_dataset(name, split=split, **options) for split in splits}

    try:
        parts: dict[str, Any] = call_with_stall_limit(load, hub_folders(name), stall_seconds())
    except StalledError as error:
        duration = f"{stall_seconds():g} s (RNNLAB_HUB_SECONDS allows more)"
        raise hub_error(name, f"{hub_address()} sent nothing for {duration}") from error
    except Exception as error:  # datasets raises errors of a dozen libraries
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise hub_error(name, reason) from error
    return parts


def hub_error(name: str, reason: str) -> DataError:
    """Return the error for a data set that cannot be loaded."""
    return DataError(
        f"the hub's data set {name} could not be loaded: {reason}. Check the network; "
        "data.source=local reads your own copy (data.path); data.source=embedded, if available, "
        "needs no network"
    )


def stall_seconds() -> float:
    """Return the seconds that a download may stall.

    Raises:
        DataError: RNNLAB_HUB_SECONDS is not a positive number.
    """
    text = os.environ.get("RNNLAB_HUB_SECONDS", str(STALL_SECONDS))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise DataError(f"RNNLAB_HUB_SECONDS={text}: must be a number of seconds above zero")
    return seconds


def hub_folders(name: str) -> list[Path]:
    """Return the folders that the libraries of the hub write a data set to."""
    from datasets import config
    from huggingface_hub import constants

    return [
        Path(constants.HF_HUB_CACHE) / f"datasets--{name.replace('/', '--')}",
        Path(config.HF_DATASETS_CACHE) / name.replace("/", "___"),
    ]


class StalledError(RuntimeError):
    """A download that wrote nothing for too long."""


def call_with_stall_limit(load: Callable[[], Any], folders: Sequence[Path], seconds: float) -> Any:
    """Return the result of `load`, which must add or grow files in these folders while it runs.

    It runs in a thread of its own, abandoned after a stall, since it cannot be interrupted.

    Raises:
        StalledError: nothing was written for this many seconds.
    """
    result: Future[Any] = Future()

    def work() -> None:
        try:
            result.set_result(load())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    size, last_growth = (0, 0), time.monotonic()
    while not wait([result], timeout=min(1.0, seconds / 4)).done:
        if (new_size := folder_size(folders)) != size:
            size, last_growth = new_size, time.monotonic()
        elif time.monotonic() - last_growth > seconds:
            raise StalledError
    return result.result()


def folder_size(folders: Sequence[Path]) -> tuple[int, int]:
    """Return the number of files in these folders and their bytes."""
    files, total = 0, 0
    for file in (file for folder in folders for file in folder.rglob("*")):
        with suppress(OSError):  # renamed in the meantime
            files, total = files + 1, total + file.stat().st_size
    return files, total


def find_revision(split: Any) -> str:
    """Return the commit of the data set that a split is loaded from; empty if it is unknown."""
    for file in getattr(split, "cache_files", ()):
        if match := REVISION_PATTERN.search(file["filename"]):
            return match.group(1)
    return ""
