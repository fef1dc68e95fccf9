"""Labelled texts between the file they came from and the arrays they become."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.readers.tables import Delimiter, is_missing, read_table, row_name
from rnnlab.data.sources.hub import find_revision, load_from_hub
from rnnlab.errors import DataError

MAX_CLASSES = 1000
DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class LabelledTexts:
    """Labelled texts of one file.

    Attributes:
        name: the file, for errors.
        texts: (N,).
        labels: (N,), as they stand in the file.
        groups: what must not be spread over splits, (N,), or None.
        notes: what was left out when they were read, with counts.
        version: of what was read, where only reading it tells: the hub's revision.
    """

    name: str
    texts: Sequence[str]
    labels: Sequence[str]
    groups: Sequence[str] | None = None
    notes: Sequence[str] = ()
    version: str = ""

    def take(self, rows: NDArray[np.int64]) -> "LabelledTexts":
        """The same with these rows alone."""
        chosen = rows.tolist()
        return replace(
            self,
            texts=[self.texts[i] for i in chosen],
            labels=[self.labels[i] for i in chosen],
            groups=[self.groups[i] for i in chosen] if self.groups else None,
        )


@dataclass(frozen=True)
class TextColumns:
    """Which columns of a table hold what.

    Attributes:
        text: the text.
        label: its label.
        group: what must not be spread over splits; used where the table has it.
        encoding: of text, CSV, TSV and JSON files.
        delimiter: between the cells of CSV and TSV files; None for comma and tab.
    """

    text: str = "text"
    label: str = "label"
    group: str | None = None
    encoding: str = "utf-8"
    delimiter: Delimiter | None = None

    def read(self, file: Path) -> LabelledTexts:
        """Read a table; see rnnlab.data.readers.tables.read_table for what is refused."""
        optional, notes = [self.group] if self.group else [], list[str]()
        names = [self.text, self.label]
        table = read_table(file, names, optional, self.encoding, self.delimiter, notes)
        groups = table[self.group].tolist() if self.group in table.columns else None
        texts, labels = table[self.text].tolist(), table[self.label].tolist()
        return LabelledTexts(file.name, texts, labels, groups, tuple(notes))


def read_hub(
    name: str, splits: Mapping[str, str], text: str = "text", label: str = "label"
) -> dict[str, LabelledTexts]:
    """Labelled texts of the Hugging Face hub.

    Args:
        name: of the data set.
        splits: what we call a split ("all" where it is still to be split) -> what the hub calls it.
        text: column with the text.
        label: column with the label; a class is read as its number.
    """
    loaded = load_from_hub(name, list(splits.values()))
    found = {}
    for ours, theirs in splits.items():
        part = loaded[theirs]
        labels = [str(value) for value in part[label]]
        source = f"{name} {theirs}"
        found[ours] = LabelledTexts(source, list(part[text]), labels, version=find_revision(part))
    return found


def check_labels(texts: LabelledTexts) -> LabelledTexts:
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


def drop_empty(texts: LabelledTexts, notes: list[str]) -> LabelledTexts:
    """The texts without the empty ones, whose number is added to the notes."""
    kept = np.array([i for i, text in enumerate(texts.texts) if text.strip()], dtype=np.int64)
    empty = len(texts.texts) - len(kept)
    if not len(kept):
        raise DataError(f"{texts.name}: all {empty:,} texts are empty")
    if empty:
        notes.append(f"{empty:,} empty texts of {texts.name} were left out")
        return texts.take(kept)
    return texts


def normalize_text(text: str) -> str:
    """What equal texts have in common, whatever their case and white space.

    >>> normalize_text("Call  NOW ")
    'call now'
    """
    return " ".join(text.casefold().split())


def normalize_digits(text: str) -> str:
    """What texts have in common that were made from one template.

    >>> normalize_digits("Call 0800 now")
    'call 0000 now'
    """
    return DIGIT.sub("0", normalize_text(text))


def drop_duplicates(texts: LabelledTexts, notes: list[str]) -> LabelledTexts:
    """The first of all texts that are equal but for case and white space; the others are counted.

    Equal texts with different labels say nothing about either: they are left out altogether.
    """
    members: dict[str, list[int]] = {}
    for row, text in enumerate(texts.texts):
        members.setdefault(normalize_text(text), []).append(row)
    agreed = [rows for rows in members.values() if len({texts.labels[i] for i in rows}) == 1]
    repeated = sum(len(rows) - 1 for rows in agreed)
    disputed = len(texts.texts) - sum(map(len, agreed))
    if disputed:
        notes.append(f"{disputed:,} equal texts of {texts.name} with other labels were left out")
    if repeated:
        notes.append(f"{repeated:,} repeated texts of {texts.name} were left out")
    return texts.take(np.array([rows[0] for rows in agreed], dtype=np.int64))


Key = Callable[[str], str]


def remove_leakage(
    splits: dict[str, LabelledTexts], notes: list[str], key: Key = str
) -> dict[str, LabelledTexts]:
    """The splits such that no text stands in two of them; what was left out is noted.

    The test split stays as it is: of equal texts the one in training goes first, then the one in
    validation.

    Args:
        splits: train, val and test.
        notes: takes what was left out, with counts.
        key: texts with the same key are equal.

    Raises:
        DataError: nothing is left of a split.
    """
    test = set(map(key, splits["test"].texts))
    val = _without("validation", splits["val"], test, "test", notes, key)
    held_out = test.union(map(key, val.texts))
    train = _without("training", splits["train"], held_out, "val or test", notes, key)
    return {**splits, "train": train, "val": val}


def _without(
    split: str, texts: LabelledTexts, held_out: set[str], where: str, notes: list[str], key: Key
) -> LabelledTexts:
    kept = [i for i, text in enumerate(texts.texts) if key(text) not in held_out]
    leaked = len(texts.texts) - len(kept)
    if not kept:
        raise DataError(f"{texts.name}: all {leaked:,} {split} texts stand in {where} too")
    if leaked:
        notes.append(f"{leaked:,} {split} texts that stand in {where} too were left out")
    return texts.take(np.array(kept, dtype=np.int64)) if leaked else texts


def hash_texts(parts: Mapping[str, LabelledTexts]) -> str:
    """SHA-256 of texts and labels, for sources that have no file of their own."""
    digest = hashlib.sha256()
    for name, part in sorted(parts.items()):
        digest.update(name.encode())
        for text, label in zip(part.texts, part.labels, strict=True):
            digest.update(f"{label}\t{text}\n".encode("utf-8", errors="replace"))
    return digest.hexdigest()


def list_classes(parts: Sequence[LabelledTexts]) -> list[str]:
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
