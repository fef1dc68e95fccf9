"""Data sets that are read once, prepared, and found again: where from, into which folder."""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from rnnlab.data.base import DataModule
from rnnlab.data.readers.files import check_file
from rnnlab.data.sources.cache import cached, file_sha256, is_cached
from rnnlab.data.sources.hub import hub_is_reachable
from rnnlab.data.sources.provenance import Provenance, SourceName
from rnnlab.errors import ConfigError, DataError

CHOSEN = "RNNLAB_SOURCE"  # tells the processes that DDP starts what the first one took


@dataclass(frozen=True)
class Source:
    """One place that a data set can be read from.

    Attributes:
        provenance: what is known of it before it is read.
        read: gives the raw data; what that is, the data set says.
        kind: how the files are parsed; the same bytes as .csv and as .tsv are different data.
    """

    provenance: Provenance
    read: Callable[[], Any]
    kind: str = ""


@dataclass(frozen=True)
class Prepared:
    """What `prepare` made of the raw data, beside the files that it wrote.

    Attributes:
        sizes: split -> number of targets.
        notes: what was repaired or left out, with counts.
        facts: plain values that `open` needs.
        sha256: of what was read, for sources that have no file of their own.
        version: of what was read, where only reading it tells: the hub's revision.
    """

    sizes: Mapping[str, int]
    notes: list[str]
    facts: Mapping[str, Any]
    sha256: str = ""
    version: str = ""


class PreparedDataModule(DataModule):
    """Base of the data sets that are read from somewhere.

    A data set defines its places (`embedded`, `hub`, `local`), `settings`, `prepare` and `open`.

    Args:
        source: auto | embedded | hub | local. auto takes your file if `path` is given, else the hub
            if it was read before or can be reached, else the data of an installed package.
        path: of your file or folder.
        batch_size: see DataModule, as the two below.
        seed: of the order of the batches.
        shuffle: draw the batches anew in each epoch.

    Attributes:
        places: where this data set can be had, of embedded, hub and local.
        version: of what `prepare` writes; raise it when that changes.
        folder: where the prepared data stands, known after `prepare_data`.
    """

    available_sources: ClassVar[tuple[str, ...]] = ("local",)
    version: ClassVar[int] = 1
    folder: Path

    def __init__(
        self, source: SourceName, path: str | None, batch_size: int, seed: int, shuffle: bool
    ) -> None:
        super().__init__(batch_size, seed, shuffle)
        if source == "local" and path is None:
            raise ConfigError("data.source=local needs data.path=<your file or folder>")
        if path is not None and source not in ("auto", "local"):
            raise ConfigError(f"data.path is read by data.source=local, not {source}: drop one")
        if path is not None and "local" not in self.available_sources:
            raise ConfigError(
                "data.path: this data set comes with a package, and reads no file of yours"
            )
        if source not in ("auto", *self.available_sources):
            known = " | ".join(["auto", *self.available_sources])
            raise ConfigError(f"data.source={source}: this data set has no such copy; {known}")
        if path is None and self.available_sources == ("local",):
            raise ConfigError("data.path: must be given, your own file or folder")
        self.source, self.path = source, path
        self._note = ""

    # Where it is read from.

    def packaged(self) -> Source:
        """The data that comes with an installed package."""
        raise NotImplementedError

    def hub(self) -> Source:
        """The data on the Hugging Face hub."""
        raise NotImplementedError

    def local(self) -> Source:
        """The user's own file or files."""
        raise NotImplementedError

    def one_file(self, read: Callable[[Path], Any], kind: str = "") -> Source:
        """The user's own file, read by this function."""
        file = check_file(self.given_path())
        known = Provenance("local", str(self.path), sha256=file_sha256(file))
        return Source(known, lambda: read(file), kind)

    def given_path(self) -> Path:
        """What `path` names."""
        return Path(str(self.path)).expanduser()

    def resolve_source(self) -> tuple[Source, str]:
        """The source to read, and what there is to say about the choice.

        Raises:
            DataError: with `auto` and no `path`, none of its places can be read.
        """
        named = self.source
        if int(os.environ.get("LOCAL_RANK", 0)) > 0:
            named = os.environ.get(CHOSEN, named)  # type: ignore[assignment]
        makers = {"embedded": self.packaged, "hub": self.hub, "local": self.local}
        if named == "auto" and self.path is not None:
            named = "local"
        if named != "auto":
            return makers[named](), ""
        if "hub" in self.available_sources:
            hub = self.hub()
            if is_cached(self._key(hub)):
                return hub, "a cached copy of the hub's data"
            if hub_is_reachable():
                return hub, ""
            if "embedded" not in self.available_sources:
                raise DataError(
                    f"{hub.provenance.name}: the hub cannot be reached, and there is no embedded "
                    "copy of this data set. Give your own copy with data.path=<file or folder>"
                )
            return self.packaged(), "the hub cannot be reached"
        return self.packaged(), ""

    # Preparing, once.

    def settings(self) -> Mapping[str, Any]:
        """All settings that the prepared data depends on, as plain values."""
        raise NotImplementedError

    def prepare(self, raw: Any, folder: Path) -> Prepared:
        """Check, split and encode what a source gave; write it into an empty folder."""
        raise NotImplementedError

    def open(self, facts: Mapping[str, Any]) -> None:
        """Map what `prepare` wrote into memory, and say the sizes: `self.spec`."""
        raise NotImplementedError

    def prepare_data(self) -> None:
        """Read and prepare, or find what was prepared before."""
        if hasattr(self, "folder"):
            return
        source, self._note = self.resolve_source()
        os.environ[CHOSEN] = source.provenance.source
        self.folder = cached(self._key(source), lambda folder: self._build(source, folder))
        self._name = source.provenance.name

    def _key(self, source: Source) -> dict[str, Any]:
        known = source.provenance
        return {
            "kind": [cls.__name__ for cls in type(self).__mro__ if cls.__module__ != "builtins"],
            "version": self.version,
            "source": [known.source, known.version, known.sha256 or known.name, source.kind],
            "settings": self.settings(),
        }

    def _build(self, source: Source, folder: Path) -> None:
        made = self.prepare(source.read(), folder)
        known = source.provenance
        provenance = replace(
            known,
            version=known.version or made.version,
            notes=[*known.notes, *made.notes],
            sizes=made.sizes,
            sha256=known.sha256 or made.sha256,
        )
        meta = {"provenance": provenance.plain(), "facts": made.facts}
        (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")

    def setup(self, stage: str | None = None) -> None:
        """Map what was prepared into memory."""
        if hasattr(self, "spec"):
            return
        self.prepare_data()
        meta = json.loads((self.folder / "meta.json").read_text(encoding="utf-8"))
        # The same bytes may have been prepared under another path.
        self.provenance = replace(Provenance(**meta["provenance"]), name=self._name)
        if self._note:
            notes = [self._note, *self.provenance.notes]
            self.provenance = replace(self.provenance, notes=notes)
        self.open(meta["facts"])
