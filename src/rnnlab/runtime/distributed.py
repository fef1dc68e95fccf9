"""The processes of one distributed run: rank, gathering, and the folder that they share."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

RUN_DIR = "RNNLAB_RUN_DIR"  # tells the processes that Lightning starts the folder of their run


def is_first_process() -> bool:
    """Return whether this is the process of the run that writes and prints."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", 0))) == 0


def world_size() -> int:
    """Return the number of processes that the environment of this one declares."""
    return int(os.environ.get("WORLD_SIZE", 1))


@contextmanager
def share_folder(path: Path) -> Iterator[None]:
    """Declare the folder of this run to the processes that Lightning starts for it."""
    previous = os.environ.get(RUN_DIR)
    os.environ[RUN_DIR] = str(path)
    try:
        yield
    finally:
        os.environ.pop(RUN_DIR)
        if previous is not None:
            os.environ[RUN_DIR] = previous


def gather_lists(members: list[Any]) -> list[Any]:
    """Return the lists of all processes as one list, in the order of their ranks."""
    from torch import distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        return members
    lists: list[list[Any]] = [[] for _ in range(distributed.get_world_size())]
    distributed.all_gather_object(lists, members)
    return [member for part in lists for member in part]
