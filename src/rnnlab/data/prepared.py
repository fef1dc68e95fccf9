"""Base class of the data sets that are read from a source, prepared once and cached."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from rnnlab.data.base import DataModule
from rnnlab.data.sources.cache import file_sha256, is_cached, load_or_build
from rnnlab.data.sources.hub import hub_is_reachable
from rnnlab.data.sources.provenance import Provenance, SourceName
from rnnlab.errors import ConfigError, DataError
from rnnlab.runtime.files import expand_path, is_disk_full

PREPARED_VERSION = 2  # of the facts that are stored with the prepared files of every data set
SOURCE_VARIABLE = "RNNLAB_SOURCE"  # the choice of the first process, for those that DDP starts


@dataclass(frozen=True)
class Source:
    """Source that a data set can be read from.

    Attributes:
        provenance: facts that are available before reading.
        read: returns the raw data, in a form that the data set defines.
        format: of the files; the same bytes as .csv and as .tsv are different data.
    """

    provenance: Provenance
    read: Callable[[], Any]
    format: str = ""


@dataclass(frozen=True)
class Prepared:
    """Result of `prepare`, besides the files that it writes.

    Attributes:
        sizes: split -> number of targets.
        notes: repairs and omissions, with counts.
        facts: plain values that `open` needs.
        sha256: checksum of the raw data, for sources without a file.
        version: version of the raw data if only reading it tells: the revision of the hub.
    """

    sizes: Mapping[str, int]
    notes: list[str]
    facts: Mapping[str, Any]
    sha256: str = ""
    version: str = ""


class PreparedDataModule(DataModule):
    """Base class of the data sets that are read from a source.

    A data set defines its sources (`packaged`, `hub`, `local`), `settings`, `prepare` and `open`.

    Args:
        source: auto | embedded | hub | local. auto takes your file if `path` is given, else the hub
            if it was read before or can be reached, else the data of an installed package.
        path: of your file or folder.
        batch_size, seed, shuffle: see DataModule.

    Attributes:
        available_sources: of embedded, hub and local.
        path_settings: settings that name a file or a folder of the user.
        version: of the files that `prepare` writes; raise it when they change.
        folder: of the prepared data, set by `prepare_data`.
    """

    available_sources: ClassVar[tuple[str, ...]] = ("local",)
    path_settings: ClassVar[tuple[str, ...]] = ("path",)
    version: ClassVar[int] = 1
    folder: Path

    def __init__(
        self, source: SourceName, path: str | None, batch_size: int, seed: int, shuffle: bool
    ) -> None:
        super().__init__(batch_size, seed, shuffle)
        if source == "local" and path is None:
            raise ConfigError("data.source=local: needs data.path=<your file or folder>")
        if path is not None and source not in ("auto", "local"):
            raise ConfigError(
                f"data.path={path}: is read by data.source=local, not {source}; drop one"
            )
        if path is not None and "local" not in self.available_sources:
            raise ConfigError(
                "data.path: this data set comes with a package and reads no file of yours"
            )
        if source not in ("auto", *self.available_sources):
            choices = " | ".join(["auto", *self.available_sources])
            raise ConfigError(f"data.source={source}: not available for this data set; {choices}")
        if path is None and self.available_sources == ("local",):
            raise ConfigError("data.path: must be given, your own file or folder")
        self.source, self.path = source, path
        self._note = ""

    # Sources.

    def packaged(self) -> Source:
        """Return the data of an installed package."""
        raise NotImplementedError

    def hub(self) -> Source:
        """Return the data of the Hugging Face hub."""
        raise NotImplementedError

    def local(self) -> Source:
        """Return the data of the user's own files."""
        raise NotImplementedError

    def file_source(
        self,
        files: Iterable[Path],
        read: Callable[[], Any],
        format: str = "",
        notes: Sequence[str] = (),
    ) -> Source:
        """Return the user's own files as a source that is read by this function."""
        sha256 = "+".join(map(file_sha256, files))
        return Source(Provenance("local", str(self.path), sha256=sha256, notes=notes), read, format)

    def local_path(self) -> Path:
        """Return the path of the user's own file or folder."""
        return expand_path(str(self.path))

    def read_local(self) -> Source:
        """Return the user's own files; raise DataError if the system cannot read them."""
        try:
            self._check_paths()
            return self.local()
        except OSError as error:
            if is_disk_full(error):
                raise
            path = error.filename or self.path
            raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error

    def _check_paths(self) -> None:
        """Raise DataError if a setting names a file or a folder that does not exist."""
        for name in self.path_settings:
            path = getattr(self, name)
            if path is not None and not expand_path(str(path)).exists():
                raise DataError(f"data.{name}={path}: there is no such file")

    def resolve_source(self) -> tuple[Source, str]:
        """Return the source to read, and a note about the choice.

        Raises:
            DataError: with `auto` and no `path`, none of the sources can be read.
        """
        name = self.source
        if int(os.environ.get("LOCAL_RANK", 0)) > 0:
            name = os.environ.get(SOURCE_VARIABLE, name)  # type: ignore[assignment]
        sources = {"embedded": self.packaged, "hub": self.hub, "local": self.read_local}
        if name == "auto" and self.path is not None:
            name = "local"
        if name != "auto":
            return sources[name](), ""
        if "hub" in self.available_sources:
            hub = self.hub()
            if is_cached(self._key(hub)):
                return hub, "a cached copy of the hub's data"
            if hub_is_reachable():
                return hub, ""
            if "embedded" not in self.available_sources:
                raise DataError(
                    f"{hub.provenance.name}: the hub cannot be reached, and this data set has no "
                    "embedded copy. Set data.path=<file or folder> to use your own copy"
                )
            return self.packaged(), "the hub cannot be reached"
        return self.packaged(), ""

    # Preparation, once.

    def settings(self) -> Mapping[str, Any]:
        """Return all settings that the prepared data depends on, as plain values."""
        raise NotImplementedError

    def prepare(self, raw: Any, folder: Path) -> Prepared:
        """Check, split and encode the raw data, and write it into an empty folder."""
        raise NotImplementedError

    def open(self, facts: Mapping[str, Any]) -> None:
        """Map the prepared files into memory, and set `self.spec`."""
        raise NotImplementedError

    def prepare_data(self) -> None:
        """Prepare the data, or find it in the cache."""
        if hasattr(self, "folder"):
            return
        source, self._note = self.resolve_source()
        os.environ[SOURCE_VARIABLE] = source.provenance.source
        self.folder = load_or_build(self._key(source), lambda folder: self._build(source, folder))
        self._name, self._source_notes = source.provenance.name, source.provenance.notes

    def _key(self, source: Source) -> dict[str, Any]:
        facts = source.provenance
        return {
            "kind": [cls.__name__ for cls in type(self).__mro__ if cls.__module__ != "builtins"],
            "version": [PREPARED_VERSION, self.version],
            "source": [facts.source, facts.version, facts.sha256 or facts.name, source.format],
            "settings": self.settings(),
        }

    def _build(self, source: Source, folder: Path) -> None:
        result, before = self.prepare(source.read(), folder), source.provenance
        version, sha256 = before.version or result.version, before.sha256 or result.sha256
        provenance = Provenance(
            before.source, before.name, version, sha256, result.notes, result.sizes
        )
        meta = {"provenance": provenance.plain(), "facts": result.facts}
        (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")

    def setup(self, stage: str | None = None) -> None:
        """Map the prepared data into memory."""
        if hasattr(self, "spec"):
            return
        self.prepare_data()
        meta = json.loads((self.folder / "meta.json").read_text(encoding="utf-8"))
        provenance = Provenance(**meta["provenance"])
        notes = [*([self._note] if self._note else []), *self._source_notes, *provenance.notes]
        # The same bytes may have been prepared in another folder.
        self.provenance = replace(provenance, name=self._name, notes=notes)
        self.open(meta["facts"])

    def add_notes(self, *notes: str) -> None:
        """Add notes to the record of the data."""
        self.provenance = replace(self.provenance, notes=[*self.provenance.notes, *notes])
