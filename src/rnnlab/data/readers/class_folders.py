"""Labelled texts in a folder for each class: <folder>/<class>/*.txt."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from rnnlab.data.readers.files import file_format, read_text
from rnnlab.data.sources.cache import cached
from rnnlab.data.text.labelled_texts import LabelledTexts


def list_class_folders(folder: Path) -> list[Path]:
    """The folders within a folder that hold texts, in order; a hidden one is none."""
    inside = sorted(child for child in folder.iterdir() if child.is_dir())
    return [child for child in inside if not child.name.startswith(".") and list_text_files(child)]


def list_text_files(folder: Path) -> list[Path]:
    """The texts of one class, in order."""
    return sorted(file for file in folder.iterdir() if file_format(file) == ".txt")


def find_class_folders(folder: Path, splits: Sequence[str]) -> dict[str, list[Path]]:
    """The class folders of each split that has some; those of "all" where none is split.

    Args:
        folder: holds <class>/*.txt, or <split>/<class>/*.txt.
        splits: the names of splits.
    """
    found = {name: list_class_folders(folder / name) for name in splits if (folder / name).is_dir()}
    found = {name: folders for name, folders in found.items() if folders}
    whole = list_class_folders(folder)
    return found or ({"all": whole} if whole else {})


def read_class_folders(folders: Sequence[Path], encoding: str) -> LabelledTexts:
    """A text a file, labelled with the name of its folder; other files are counted.

    Raises:
        DataError: a file is in another encoding.
    """
    files = [(file, folder.name) for folder in folders for file in list_text_files(folder)]
    texts = [read_text(file, encoding) for file, _ in files]
    seen = sum(sum(child.is_file() for child in folder.iterdir()) for folder in folders)
    name, others = folders[0].parent.name, seen - len(files)
    notes = [f"{others:,} files of {name} that are not .txt were left out"] if others else []
    return LabelledTexts(name, texts, [label for _, label in files], notes=notes)


def hash_folders(parts: Mapping[str, Sequence[Path]]) -> str:
    """SHA-256 of the names and bytes of all texts; remembered until a file is changed."""
    files = [
        file for _, folders in sorted(parts.items()) for f in folders for file in list_text_files(f)
    ]
    facts = [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files]
    known = hashlib.sha256(repr(facts).encode()).hexdigest()
    place = cached({"sha256 of files": known}, lambda place: _write_sha256(files, place))
    return (place / "sha256").read_text(encoding="ascii")


def _write_sha256(files: Sequence[Path], folder: Path) -> None:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.parent.parent.name}/{file.parent.name}/{file.name}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    (folder / "sha256").write_text(digest.hexdigest(), encoding="ascii")
