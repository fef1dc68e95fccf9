"""Reader of labelled texts with a folder for each class: <folder>/<class>/*.txt."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from rnnlab.data.readers.files import file_format, read_text
from rnnlab.data.sources.cache import load_or_build
from rnnlab.data.sources.split_names import describe_unused, find_splits
from rnnlab.data.text.labelled_texts import LabelledTexts
from rnnlab.data.text.spooled_texts import SpooledTexts


def list_class_folders(folder: Path) -> list[Path]:
    """Return the sorted subfolders with texts, without hidden ones."""
    subfolders = sorted(child for child in folder.iterdir() if child.is_dir())
    return [
        child for child in subfolders if not child.name.startswith(".") and list_text_files(child)
    ]


def list_text_files(folder: Path) -> list[Path]:
    """Return the sorted .txt files of one class, plain or compressed."""
    return sorted(file for file in folder.iterdir() if file_format(file) == ".txt")


def find_class_folders(folder: Path) -> dict[str, list[Path]]:
    """Return the class folders of each split, or those of "all" if there are no splits.

    The folder holds <class>/*.txt, or <split>/<class>/*.txt.
    """
    subfolders = [child for child in folder.iterdir() if child.is_dir()]
    candidates = {child: child.name for child in subfolders if list_class_folders(child)}
    splits = find_splits(folder, candidates)
    parts = {split: list_class_folders(subfolder) for split, subfolder in splits.items()}
    unsplit = list_class_folders(folder)
    return parts or ({"all": unsplit} if unsplit else {})


def describe_unused_folders(folder: Path, parts: Mapping[str, Sequence[Path]]) -> list[str]:
    """Return notes about files and subfolders that `find_class_folders` left out."""
    used = [class_folder for folders in parts.values() for class_folder in folders]
    parents = {class_folder.parent for class_folder in used}
    inside = [note for parent in sorted(parents) for note in describe_unused(parent, used)]
    return inside if "all" in parts else [*describe_unused(folder, parents), *inside]


def read_class_folders(folders: Sequence[Path], encoding: str) -> LabelledTexts:
    """Return one text per file, labelled with the name of its folder; count other files.

    Raises:
        DataError: a file cannot be read.
    """
    files = [(file, folder.name) for folder in folders for file in list_text_files(folder)]
    texts = SpooledTexts.write(read_text(file, encoding) for file, _ in files)
    total = sum(sum(child.is_file() for child in folder.iterdir()) for folder in folders)
    name, others = folders[0].parent.name, total - len(files)
    notes = [f"{others:,} files of {name} that are not .txt were left out"] if others else []
    return LabelledTexts(name, texts, [label for _, label in files], notes=notes)


def hash_folders(parts: Mapping[str, Sequence[Path]]) -> str:
    """Return the SHA-256 of the names and bytes of all texts, cached until a file changes."""
    files = [
        file for _, folders in sorted(parts.items()) for f in folders for file in list_text_files(f)
    ]
    facts = [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files]
    key = {"sha256 of files": hashlib.sha256(repr(facts).encode()).hexdigest()}
    folder = load_or_build(key, lambda folder: _hash_files(files, folder))
    return (folder / "sha256").read_text(encoding="ascii")


def _hash_files(files: Sequence[Path], folder: Path) -> None:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.parent.parent.name}/{file.parent.name}/{file.name}\n".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    (folder / "sha256").write_text(digest.hexdigest(), encoding="ascii")
