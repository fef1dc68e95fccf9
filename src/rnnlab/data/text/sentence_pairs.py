"""Sentence pairs on disk: written once, read by row."""

import hashlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnlab.data.text.ragged import TextWriter
from rnnlab.errors import DataError
from rnnlab.spec import Ints

SIDES = ("source", "target")
MAX_CHARACTERS = 10_000  # longer lines are not sentences


@dataclass(frozen=True)
class PairStore:
    """Sentence pairs that a PairWriter wrote; a TextStore reads their texts.

    Source sentences with equal keys have equal numbers in `groups`, (N,).
    """

    name: str
    groups: Ints
    sha256: str


class PairWriter:
    """Writes the usable pairs of one part, and counts the others.

    If `strict`, an unusable pair is an error: evaluation data must not shrink silently. `name` is
    that of the source files, and `unit` what numbers of pairs count, for errors. Sources with equal
    results of `key` are a group.
    """

    def __init__(
        self, folder: Path, part: str, name: str, unit: str, key: Callable[[str], str], strict: bool
    ) -> None:
        self.name, self.unit, self.key, self.strict = name, unit, key, strict
        self.sources = TextWriter(folder, f"{part}.source")
        self.targets = TextWriter(folder, f"{part}.target")
        self.groups = array("q")
        self.digest = hashlib.sha256()
        self.drop_counts = {"with an empty side": 0, f"of over {MAX_CHARACTERS:,} characters": 0}

    def write(self, number: int, source: str, target: str) -> None:
        """Append a pair.

        Raises:
            DataError: the pair cannot be used, and `strict` is set.
        """
        problems = (not (source and target), max(len(source), len(target)) > MAX_CHARACTERS)
        for reason, applies in zip(self.drop_counts, problems, strict=True):
            if applies and self.strict:
                raise DataError(
                    f"{self.name}, {self.unit} {number:,}: is a pair {reason}, and evaluation data "
                    f"is never dropped silently. Remove the {self.unit} from both sides, or fix it"
                )
            if applies:
                self.drop_counts[reason] += 1
                return
        self.sources.write_text(source)
        self.targets.write_text(target)
        self.groups.append(hash_sentence(self.key(source)))
        self.digest.update(f"{source}\t{target}\n".encode("utf-8", errors="replace"))

    def close(self, notes: list[str]) -> PairStore:
        """Finish the files, and add the numbers of dropped pairs to the notes."""
        self.sources.close()
        self.targets.close()
        if not self.groups:
            raise DataError(f"{self.name}: contains no sentence pairs")
        for reason, count in self.drop_counts.items():
            if count:
                notes.append(f"{count:,} pairs of {self.name} {reason} were left out")
        groups = np.array(self.groups, dtype=np.int64)
        return PairStore(self.name, groups, self.digest.hexdigest())


def hash_sentence(sentence: str) -> int:
    """Return a 64-bit hash that does not depend on Python's hash seed."""
    raw = hashlib.blake2b(sentence.encode("utf-8", errors="replace"), digest_size=8).digest()
    return int.from_bytes(raw, "little", signed=True)
