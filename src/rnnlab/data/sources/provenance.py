"""Record of where the data of a run comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

SourceName = Literal["auto", "embedded", "hub", "local"]


@dataclass(frozen=True)
class Provenance:
    """Source of a data set and what was changed, for the report.

    Attributes:
        source: embedded | hub | local | generated.
        name: package, hub data set or path.
        version: version of the package or revision of the hub data set; empty for files.
        sha256: checksum of the raw data.
        notes: differences from the other sources, repairs and omissions, with counts.
        sizes: split -> number of targets.
    """

    source: str
    name: str
    version: str = ""
    sha256: str = ""
    notes: Sequence[str] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """Return the fields as a plain dictionary."""
        return {**asdict(self), "notes": list(self.notes), "sizes": dict(self.sizes)}

    def line(self) -> str:
        """Return a summary in one line."""
        sizes = ", ".join(f"{count:,} {split}" for split, count in self.sizes.items())
        release = f" {self.version}" if self.version else ""
        return f"{self.source} ({self.name}{release}): {sizes}"
