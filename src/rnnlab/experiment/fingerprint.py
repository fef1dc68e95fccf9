"""Identity of the data of a run: a network is only of use for the data that it was trained on."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rnnlab.errors import DataChangedError
from rnnlab.report.folder import RunFolder

if TYPE_CHECKING:
    from rnnlab.data.base import DataModule

SHOWN_DIGITS = 12  # of a checksum


def data_facts(data: "DataModule") -> dict[str, Any]:
    """Return source, checksum and sizes of the data, and a checksum of its names and sizes."""
    return {**data.provenance.plain(), "vocabulary_sha256": vocabulary_sha256(data)}


def vocabulary_sha256(data: "DataModule") -> str:
    """Return a checksum of all that gives the weights of a network their meaning.

    These are the sizes, the tokens or features, the target tokens and the classes, in their order;
    no rounded numbers, which depend on the machine.
    """
    sizes = {key: v for key, v in asdict(data.spec).items() if not isinstance(v, float)}
    meaning = [sizes, list(data.input_names()), list(data.output_names())]
    return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()


def check_same_data(folder: RunFolder, data: "DataModule") -> None:
    """Check that the data is that of the run; a run that has read no data yet has none.

    Raises:
        DataChangedError: it is not.
    """
    before = folder.read_report().get("data")
    if before and (differences := list(compare_data(before, data_facts(data)))):
        raise DataChangedError(
            f"{folder.path}: its data has changed since the run started, {'; '.join(differences)}: "
            "bring the old data back, or train a new run"
        )


def compare_data(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs, in words; the path may differ."""
    if before["source"] != now["source"]:
        yield f"it was read from {before['source']} ({before['name']}), now from {now['source']}"
    for key, label in (("sha256", now["name"]), ("vocabulary_sha256", "the vocabulary")):
        old, new = before.get(key), now[key]
        if old and old != new:
            yield f"{label} had sha256 {old[:SHOWN_DIGITS]}, now {new[:SHOWN_DIGITS]}"
    if before["version"] != now["version"]:
        yield f"its version was {before['version']}, now {now['version']}"
    if before["sizes"] != now["sizes"]:
        yield f"its sizes were {describe_sizes(before)}, now {describe_sizes(now)}"


def describe_sizes(facts: Mapping[str, Any]) -> str:
    """Return the number of targets of each split."""
    return ", ".join(f"{count:,} {split}" for split, count in facts["sizes"].items())
