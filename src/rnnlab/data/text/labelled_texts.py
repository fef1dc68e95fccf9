"""Labelled texts in memory: columns, checks, duplicates and leakage between splits."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.readers.cells import is_missing
from rnnlab.data.readers.tables import row_name
from rnnlab.data.sources.hub import find_revision, load_from_hub
from rnnlab.data.text.normalization import compose_characters, normalize_spaces
from rnnlab.data.text.spooled_texts import Key, number_texts, take_rows
from rnnlab.errors import DataError
from rnnlab.spec import Ints

MAX_CLASSES = 1000
DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class LabelledTexts:
    """Labelled texts of one file.

    Attributes:
        name: of the file, for errors.
        texts, labels: (N,), as in the file.
        groups: (N,), texts of one group stay in one split; or None.
        notes: omissions while reading, with counts.
        version: revision of the hub; empty for files.
    """

    name: str
    texts: Sequence[str]
    labels: Sequence[str]
    groups: Sequence[str] | None = None
    notes: Sequence[str] = ()
    version: str = ""

    def take(self, rows: NDArray[np.int64]) -> "LabelledTexts":
        """Return the texts of these rows."""
        return replace(
            self,
            texts=take_rows(self.texts, rows),
            labels=take_rows(self.labels, rows),
            groups=take_rows(self.groups, rows) if self.groups else None,
        )


def read_hub_texts(
    name: str, splits: Mapping[str, str], text: str = "text", label: str = "label"
) -> dict[str, LabelledTexts]:
    """Return labelled texts of the Hugging Face hub; a class is read as its number.

    `splits` maps our name of a split, "all" for data without splits, to the hub's.
    """
    parts = load_from_hub(name, list(splits.values()))
    return {
        split: LabelledTexts(
            f"{name} {hub_split}",
            list(parts[hub_split][text]),
            [str(value) for value in parts[hub_split][label]],
            version=find_revision(parts[hub_split]),
        )
        for split, hub_split in splits.items()
    }


def check_labels(texts: LabelledTexts, advice: str = "") -> LabelledTexts:
    """Return the texts unchanged if every row has a label.

    `advice` is what helps if no row has one.

    Raises:
        DataError: a label is missing, or there are too many different labels.
    """
    missing = [row for row, label in enumerate(texts.labels) if is_missing(label)]
    if missing:
        first = texts.labels[missing[0]]
        if advice and len(missing) == len(texts.labels):
            raise DataError(f"{texts.name}: all {len(missing):,} labels are empty. {advice}")
        raise DataError(
            f"{row_name(texts.name, missing[0])}: the label is {first!r} (a total of "
            f"{len(missing):,} rows have none). Add it or remove the row"
        )
    if (count := len(set(texts.labels))) > MAX_CLASSES:
        raise DataError(
            f"{texts.name}: {count:,} different labels, more than {MAX_CLASSES:,}. Check "
            "data.label_column"
        )
    return texts


def drop_empty(texts: LabelledTexts, notes: list[str]) -> LabelledTexts:
    """Drop empty texts, and add their number to the notes."""
    rows = np.array([i for i, text in enumerate(texts.texts) if text.strip()], dtype=np.int64)
    empty = len(texts.texts) - len(rows)
    if not len(rows):
        raise DataError(f"{texts.name}: all {empty:,} texts are empty")
    if empty:
        notes.append(f"{empty:,} empty texts of {texts.name} were left out")
        return texts.take(rows)
    return texts


def normalize_text(text: str) -> str:
    """Return a text with normalized case and white space.

    >>> normalize_text("Call  NOW ")
    'call now'
    """
    return normalize_spaces(compose_characters(text).casefold())


def normalize_digits(text: str) -> str:
    """Return a normalized text with zeros for its digits, equal for texts of one template.

    >>> normalize_digits("Call 0800 now")
    'call 0000 now'
    """
    return DIGIT.sub("0", normalize_text(text))


def drop_duplicate_texts(texts: LabelledTexts, notes: list[str]) -> LabelledTexts:
    """Keep the first of the texts that differ in case and white space only; count the others.

    Equal texts with different labels are dropped completely.
    """
    numbers = number_texts(texts.texts, normalize_text)
    first = np.unique(numbers, return_index=True)[1]  # row of each different text
    codes = number_values(texts.labels)
    is_consistent = np.bincount(numbers, codes != codes[first[numbers]]) == 0
    repeats = np.bincount(numbers)
    conflicts = int(repeats[~is_consistent].sum())
    duplicates = int((repeats[is_consistent] - 1).sum())
    if conflicts:
        notes.append(f"{conflicts:,} equal texts of {texts.name} with other labels were left out")
    if duplicates:
        notes.append(f"{duplicates:,} repeated texts of {texts.name} were left out")
    return texts.take(np.sort(first[is_consistent]))


def number_values(values: Sequence[str]) -> Ints:
    """Return a number for each value, equal for equal values, (N,)."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)


def remove_leakage(
    splits: dict[str, LabelledTexts],
    notes: list[str],
    key: Key = str,
    val_key: Key | None = None,
    equal: str = "",
) -> dict[str, LabelledTexts]:
    """Drop training and validation texts that are in a later split too, and note their numbers.

    The test split is unchanged: equal texts are dropped from training first, then from validation.

    Args:
        splits: train, val and test.
        notes: receives the numbers.
        key: texts with equal keys are equal, such as the tokens that the network reads.
        val_key: the same for the validation split, which must not depend on a tuned setting; None
            for `key`.
        equal: what equal keys mean for texts that are not equal, such as "for data.tokens=words".

    Raises:
        DataError: a split becomes empty.
    """
    val = _drop_leaks("validation", splits["val"], [splits["test"]], notes, val_key or key, "")
    train = _drop_leaks("training", splits["train"], [val, splits["test"]], notes, key, equal)
    return {**splits, "train": train, "val": val}


def _drop_leaks(
    split: str,
    texts: LabelledTexts,
    later: Sequence[LabelledTexts],
    notes: list[str],
    key: Key,
    equal: str,
) -> LabelledTexts:
    where = "test" if len(later) == 1 else "val or test"
    exact = {digest(text) for part in later for text in part.texts} if equal else set()
    keys = {digest(key(text)) for part in later for text in part.texts}
    is_leak = np.array([digest(key(text)) in keys for text in texts.texts])
    if is_leak.all():
        reason = f" {equal}" if equal else ""
        raise DataError(
            f"{texts.name}: all {len(is_leak):,} {split} texts are in {where} too{reason}"
        )
    leaks = np.flatnonzero(is_leak).tolist()
    alike = [digest(texts.texts[row]) not in exact for row in leaks if equal]
    if count := len(leaks) - sum(alike):
        notes.append(f"{count:,} {split} texts that are in {where} too were left out")
    if count := sum(alike):
        notes.append(f"{count:,} {split} texts equal to one of {where} {equal} were left out")
    return texts.take(np.flatnonzero(~is_leak)) if is_leak.any() else texts


def digest(text: str) -> bytes:
    """Return 16 bytes that stand for a text, so that long texts need little memory."""
    data = text.encode("utf-8", errors="surrogatepass")
    return hashlib.blake2b(data, digest_size=16).digest()


def hash_texts(parts: Mapping[str, LabelledTexts]) -> str:
    """Return the SHA-256 of texts and labels, for sources without a file."""
    digest = hashlib.sha256()
    for name, part in sorted(parts.items()):
        digest.update(name.encode())
        for text, label in zip(part.texts, part.labels, strict=True):
            digest.update(f"{label}\t{text}\n".encode("utf-8", errors="replace"))
    return digest.hexdigest()


def list_classes(parts: Sequence[LabelledTexts]) -> list[str]:
    """Return all labels, sorted; numbers by their value.

    Raises:
        DataError: all labels are equal.
    """
    labels = {label for part in parts for label in part.labels}
    if len(labels) < 2:
        raise DataError(f"{parts[0].name}: all labels are {labels.pop()!r}; two are needed")
    try:
        return sorted(sorted(labels), key=float)  # "1" and "1.0" differ, always in this order
    except ValueError:
        return sorted(labels)
