"""Data sets of the Hugging Face hub, loaded with bounded waiting times."""

import os
import re
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnlab.errors import DataError

PROBE_SECONDS = 2.0
STALL_SECONDS = 30.0
REVISION = re.compile(r"[/\\]([0-9a-f]{40})[/\\]")  # in the path of a file in the cache


def hub_is_reachable(seconds: float = PROBE_SECONDS) -> bool:
    """Whether the hub answers one HTTP request within this time.

    Behind a proxy the probe cannot know, so it says yes; HF_HUB_OFFLINE=1 is a no.
    """
    if is_offline():
        return False
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return True
    return not hub_silence(seconds)


def is_offline() -> bool:
    """Whether the user said that the hub is not to be asked."""
    return os.environ.get("HF_HUB_OFFLINE", "0").upper() in {"1", "TRUE", "YES", "ON"}


def hub_address() -> str:
    """Where the hub is, or the mirror in its place."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def hub_silence(seconds: float = PROBE_SECONDS) -> str:
    """Why the hub does not answer one HTTP request within this time; empty if it does.

    Asked in a thread, since the look-up of a name has no time limit of its own.
    """
    reasons = [f"no answer within {seconds:g} s"]

    def attempt() -> None:
        reasons[:] = [failure(f"{hub_address()}/", 2 * seconds)]  # the join below is the limit

    asking = threading.Thread(target=attempt, daemon=True)
    asking.start()
    asking.join(seconds)
    return reasons[0]


def failure(url: str, seconds: float) -> str:
    """Why there is no answer to a HEAD request; empty where there is one, whatever it says."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    try:
        urlopen(Request(url, method="HEAD"), timeout=seconds).close()
    except HTTPError:
        return ""
    except URLError as error:
        return "" if isinstance(error.reason, ssl.SSLError) else str(error.reason)
    except (OSError, HTTPException) as error:
        return str(error) or type(error).__name__
    return ""


def load_from_hub(
    name: str, splits: Sequence[str], config: str | None = None, revision: str | None = None
) -> dict[str, Any]:
    """Splits of a data set of the Hugging Face hub, as `datasets` gives them.

    Args:
        name: of the data set.
        splits: names of its splits.
        config: one of its versions, where it has several.
        revision: a branch; refs/convert/parquet holds the hub's own copy of one made by a script.

    It is given up when the hub does not answer at all, and when nothing was written to its caches
    for as many seconds as the environment variable RNNLAB_HUB_SECONDS says (30).

    Raises:
        DataError: it could not be had; says why and what to choose instead.
    """
    if not is_offline() and (reason := hub_silence()):
        raise hub_error(name, f"{hub_address()} cannot be reached ({reason})")
    import datasets

    given = {"name": config, "revision": revision}
    chosen = {key: value for key, value in given.items() if value is not None}
    datasets.disable_progress_bars()

    def load() -> dict[str, Any]:
        return {split: datasets.load_dataset(name, split=split, **chosen) for split in splits}

    try:
        loaded: dict[str, Any] = while_it_grows(load, hub_folders(name), stall_seconds())
    except StalledError as error:
        waited = f"{stall_seconds():g} s (RNNLAB_HUB_SECONDS allows more)"
        raise hub_error(name, f"{hub_address()} sent nothing for {waited}") from error
    except Exception as error:  # datasets raises errors of a dozen libraries
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise hub_error(name, reason) from error
    return loaded


def hub_error(name: str, reason: str) -> DataError:
    """What to say of a data set that could not be had."""
    return DataError(
        f"the hub's data set {name} could not be loaded: {reason}. Is the network there? "
        "data.source=local reads your own copy (data.path); data.source=embedded, where there is "
        "one, needs no network"
    )


def stall_seconds() -> float:
    """How long a download may stand still.

    Raises:
        DataError: RNNLAB_HUB_SECONDS is no positive number.
    """
    given = os.environ.get("RNNLAB_HUB_SECONDS", str(STALL_SECONDS))
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise DataError(f"RNNLAB_HUB_SECONDS={given}: must be a number of seconds above zero")
    return seconds


def hub_folders(name: str) -> list[Path]:
    """The folders that the libraries of the hub write a data set into."""
    from datasets import config
    from huggingface_hub import constants

    return [
        Path(constants.HF_HUB_CACHE) / f"datasets--{name.replace('/', '--')}",
        Path(config.HF_DATASETS_CACHE) / name.replace("/", "___"),
    ]


class StalledError(RuntimeError):
    """Nothing was written for too long."""


def while_it_grows(load: Callable[[], Any], folders: Sequence[Path], seconds: float) -> Any:
    """What `load` returns, as long as files in these folders come or grow while it works.

    It works in a thread of its own, which is left alone when it is given up: what it waits for
    cannot be interrupted.

    Raises:
        StalledError: nothing was written for so many seconds.
    """
    answer: Future[Any] = Future()

    def work() -> None:
        try:
            answer.set_result(load())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    size, changed = (0, 0), time.monotonic()
    while not wait([answer], timeout=min(1.0, seconds / 4)).done:
        if (now := written(folders)) != size:
            size, changed = now, time.monotonic()
        elif time.monotonic() - changed > seconds:
            raise StalledError
    return answer.result()


def written(folders: Sequence[Path]) -> tuple[int, int]:
    """Files in these folders, and their bytes."""
    files, total = 0, 0
    for file in (file for folder in folders for file in folder.rglob("*")):
        with suppress(OSError):  # renamed since
            files, total = files + 1, total + file.stat().st_size
    return files, total


def revision_of(loaded: Any) -> str:
    """The commit of the hub's data set that a loaded split is of; empty where it is not known."""
    for place in getattr(loaded, "cache_files", ()):
        if found := REVISION.search(place["filename"]):
            return found.group(1)
    return ""
