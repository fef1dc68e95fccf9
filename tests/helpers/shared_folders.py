"""Folders that all workers of a test run share, and one of them makes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def make_shared_folder(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]
) -> Path:
    """Return a folder that the first worker which asks for it has made; the others wait for it."""
    base = factory.getbasetemp()
    place = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"shared_{name}"
    with FileLock(f"{place}.lock"):
        if not (place / "made").exists():
            place.mkdir()
            make(place)
            (place / "made").touch()
    return place
