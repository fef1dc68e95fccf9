"""Labelled texts between the file they came from and the arrays they become."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.tables import is_missing, read_table, row_name
from rnnlab.errors import DataError

MAX_CLASSES = 1000


@dataclass(frozen=True)
class Texts:
    """Labelled texts of one file.

    Attributes:
        name: the file, for errors.
        texts: (N,).
        labels: (N,), as they stand in the file.
        groups: what must not be spread over splits, (N,), or None.
    """

    name: str
    texts: Sequence[str]
    labels: Sequence[str]
    groups: Sequence[str] | None = None

    def take(self, rows: NDArray[np.int64]) -> "Texts":
        """The same with these rows alone."""
        chosen = rows.tolist()
        return replace(
            self,
            texts=[self.texts[i] for i in chosen],
            labels=[self.labels[i] for i in chosen],
            groups=[self.groups[i] for i in chosen] if self.groups else None,
        )


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what.

    Attributes:
        text: the text.
        label: its label.
        group: what must not be spread over splits; used where the table has it.
        encoding: of CSV, TSV and JSON files.
    """

    text: str = "text"
    label: str = "label"
    group: str | None = None
    encoding: str = "utf-8"

    def read(self, file: Path) -> Texts:
        """Read a table; see rnnlab.data.tables.read_table for what is refused."""
        optional = [self.group] if self.group else []
        table = read_table(file, [self.text, self.label], optional, self.encoding)
        groups = table[self.group].tolist() if self.group in table.columns else None
        return Texts(file.name, table[self.text].tolist(), table[self.label].tolist(), groups)


def check_labels(texts: Texts) -> Texts:
    """The texts as they are, if every row has a label.

    Raises:
        DataError: a label is missing, or there are as many labels as in a column of texts.
    """
    missing = [row for row, label in enumerate(texts.labels) if is_missing(label)]
    if missing:
        first = texts.labels[missing[0]]
        raise DataError(
            f"{row_name(texts.name, missing[0])}: the label is {first!r} (in all {len(missing):,} "
            "rows have none). Fill it in or take the row out"
        )
    if (count := len(set(texts.labels))) > MAX_CLASSES:
        raise DataError(
            f"{texts.name}: {count:,} different labels, more than {MAX_CLASSES:,}: is "
            "data.label_column the right one?"
        )
    return texts


def drop_empty(texts: Texts, notes: list[str]) -> Texts:
    """The texts without the empty ones, whose number is added to the notes."""
    kept = np.array([i for i, text in enumerate(texts.texts) if text.strip()], dtype=np.int64)
    empty = len(texts.texts) - len(kept)
    if not len(kept):
        raise DataError(f"{texts.name}: all {empty:,} texts are empty")
    if empty:
        notes.append(f"{empty:,} empty texts of {texts.name} were left out")
        return texts.take(kept)
    return texts


def purge(splits: dict[str, Texts], notes: list[str]) -> dict[str, Texts]:
    """The splits such that no text stands in two of them; what was left out is noted.

    The test split stays as it is: of equal texts the one in training goes first, then the one in
    validation.

    Raises:
        DataError: nothing is left of a split.
    """
    test = set(splits["test"].texts)
    val = _without("validation", splits["val"], test, "test", notes)
    train = _without("training", splits["train"], test.union(val.texts), "val or test", notes)
    return {**splits, "train": train, "val": val}


def _without(split: str, texts: Texts, held_out: set[str], where: str, notes: list[str]) -> Texts:
    kept = [i for i, text in enumerate(texts.texts) if text not in held_out]
    leaked = len(texts.texts) - len(kept)
    if not kept:
        raise DataError(f"{texts.name}: all {leaked:,} {split} texts stand in {where} too")
    if leaked:
        notes.append(f"{leaked:,} {split} texts that stand in {where} too were left out")
    return texts.take(np.array(kept, dtype=np.int64)) if leaked else texts


def texts_sha256(parts: Mapping[str, Texts]) -> str:
    """SHA-256 of texts and labels, for sources that have no file of their own."""
    digest = hashlib.sha256()
    for name, part in sorted(parts.items()):
        digest.update(name.encode())
        for text, label in zip(part.texts, part.labels, strict=True):
            digest.update(f"{label}\t{text}\n".encode("utf-8", errors="replace"))
    return digest.hexdigest()


def find_classes(parts: Sequence[Texts]) -> list[str]:
    """All labels, in order; numbers by their value.

    Raises:
        DataError: all labels are the same.
    """
    found = {label for part in parts for label in part.labels}
    if len(found) < 2:
        raise DataError(f"{parts[0].name}: all labels are {found.pop()!r}; two are needed")
    try:
        return sorted(sorted(found), key=float)  # "1" and "1.0" are two, always in this order
    except ValueError:
        return sorted(found)


def save_texts(folder: Path, split: str, texts: Sequence[str]) -> None:
    """Keep the texts in one file that is read piece by piece."""
    raw = [text.encode("utf-8", errors="replace") for text in texts]
    (folder / f"{split}.texts.bin").write_bytes(b"".join(raw))
    np.save(folder / f"{split}.texts.npy", np.cumsum([0, *map(len, raw)]))


def load_text(folder: Path, split: str, index: int) -> str:
    """One of the texts that `save_texts` kept."""
    start, end = np.load(folder / f"{split}.texts.npy", mmap_mode="r")[index : index + 2]
    with (folder / f"{split}.texts.bin").open("rb") as file:
        file.seek(int(start))
        return file.read(int(end - start)).decode("utf-8")
