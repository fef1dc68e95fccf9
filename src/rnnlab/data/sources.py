"""Where raw data comes from: a pip package, the Hugging Face hub, or the user's own files."""

import importlib.util
import os
import re
import socket
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlparse

from rnnlab.errors import DataError

SourceName = Literal["auto", "embedded", "hub", "local"]
PROBE_SECONDS = 2.0
REVISION = re.compile(r"@([0-9a-f]{40})/")


@dataclass(frozen=True)
class Provenance:
    """What was read, for the report.

    Attributes:
        source: embedded | hub | local | generated.
        name: package, hub data set or path.
        version: of the package or the hub's revision; empty for files.
        sha256: of what was read.
        notes: what differs from the other sources, what was repaired or left out, with counts.
        sizes: split -> number of targets.
    """

    source: str
    name: str
    version: str = ""
    sha256: str = ""
    notes: Sequence[str] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As a plain dictionary."""
        return {**asdict(self), "notes": list(self.notes), "sizes": dict(self.sizes)}

    def line(self) -> str:
        """One line that says what was taken."""
        sizes = ", ".join(f"{count:,} {split}" for split, count in self.sizes.items())
        release = f" {self.version}" if self.version else ""
        return f"{self.source} ({self.name}{release}): {sizes}"


def package_file(package: str, path: str) -> Path:
    """A data file of an installed package, found without importing the package.

    Raises:
        DataError: the package is not installed, or has no such file.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        distribution = package.replace("_", "-")
        raise DataError(
            f"the embedded data needs the package {distribution}, which is not installed: "
            f"pip install {distribution}, or choose data.source=hub or data.source=local"
        )
    file = Path(found.origin).parent / path
    if not file.is_file():
        raise DataError(f"{file}: the installed {package} has no such file; install it again")
    return file


def package_version(distribution: str) -> str:
    """The installed version of a distribution."""
    return version(distribution)


def hub_is_reachable(seconds: float = PROBE_SECONDS) -> bool:
    """Whether one TCP connection to the hub can be made within this time.

    Behind a proxy the probe cannot know, so it says yes; HF_HUB_OFFLINE=1 is a no.
    """
    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in {"1", "TRUE", "YES", "ON"}:
        return False
    if os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy"):
        return True
    address = urlparse(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    port = address.port or (443 if address.scheme == "https" else 80)
    return _connects(address.hostname or "huggingface.co", port, seconds)


def _connects(host: str, port: int, seconds: float) -> bool:
    """One connection, in a thread: name resolution has no time limit of its own."""
    finished, connected = threading.Event(), threading.Event()

    def attempt() -> None:
        try:
            socket.create_connection((host, port), timeout=seconds).close()
            connected.set()
        except OSError:
            pass
        finished.set()

    threading.Thread(target=attempt, daemon=True).start()
    finished.wait(seconds)
    return connected.is_set()


def load_from_hub(name: str, splits: Sequence[str]) -> dict[str, Any]:
    """Splits of a data set of the Hugging Face hub, as `datasets` gives them.

    Raises:
        DataError: it could not be had; says why and what to choose instead.
    """
    import datasets

    datasets.disable_progress_bars()
    try:
        return {split: datasets.load_dataset(name, split=split) for split in splits}
    except Exception as error:  # datasets raises errors of a dozen libraries
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"the hub's data set {name} could not be loaded: {reason}. Is the network there? "
            "data.source=embedded needs none; data.source=local reads your own files"
        ) from error


def revision_of(loaded: Any) -> str:
    """The commit of the hub's data set that a loaded split is of; empty where it is not known."""
    info = getattr(loaded, "info", None)
    for address in getattr(info, "download_checksums", None) or {}:
        if found := REVISION.search(address):
            return found.group(1)
    return ""
