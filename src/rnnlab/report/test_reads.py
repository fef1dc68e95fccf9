"""How often test splits were read: a line of <output_dir>/.test_reads.jsonl for each time.

A line is added by one call of the system. So processes that run at the same time lose none, and a
process that is killed has added a whole line or none. What a deleted run has read stays counted:
somebody has seen its score.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from rnnlab.report.folder import is_search

READS_FILE = ".test_reads.jsonl"
KEY_LENGTH = 16  # characters of the checksum of the targets
MAX_LISTED_SPLITS = 5  # of a sentence
READS_ADVICE = "the best of many test scores is optimistic; choose by the validation split"


class SplitReads(NamedTuple):
    """How often a test split was read.

    Attributes:
        run: by one run.
        total: by all runs of the output folder.
        runs: number of these runs.
    """

    run: int
    total: int
    runs: int


def record_test_read(
    folder: Path, output_dir: str | Path, targets: str, data: str, command: str
) -> SplitReads:
    """Record that the test split of a run is scored, and return how often that was done.

    Args:
        folder: of the run.
        output_dir: of the runs.
        targets: checksum of the test targets.
        data: name of the data set.
        command: that reads, such as evaluate.

    Raises:
        OSError: the file cannot be written.
    """
    place = find_place(folder.absolute(), Path(output_dir).absolute())
    run = os.path.relpath(folder.absolute(), place)
    now = f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S%z}"
    line = {"targets": targets[:KEY_LENGTH], "data": data, "run": run}
    line |= {"command": command, "time": now}
    # The break before it ends an incomplete line of a full disk.
    content = f"\n{json.dumps(line)}\n".encode()
    descriptor = os.open(place / READS_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(descriptor, content)
    finally:
        os.close(descriptor)
    return count_test_reads(place, targets, run)


def find_place(folder: Path, output_dir: Path) -> Path:
    """Return the folder whose file has the reads of a run: its output folder, or its own.

    A run that was moved has those of the nearest folder above it with such a file, a trial of a
    search elsewhere those of the folder above the search.
    """
    if folder.is_relative_to(output_dir):
        return output_dir
    for parent in folder.parents:
        if is_search(parent):
            return parent.parent
        if (parent / READS_FILE).is_file():
            return parent
    return folder


def count_test_reads(place: Path, targets: str, run: str) -> SplitReads:
    """Return how often the test split with these targets was read."""
    key = targets[:KEY_LENGTH]
    runs = [line["run"] for line in list_test_reads(place) if line["targets"] == key]
    return SplitReads(runs.count(run), len(runs), len(set(runs)))


def list_test_reads(place: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of the file of an output folder; damaged ones are left out."""
    try:
        content = (place / READS_FILE).read_bytes()
    except OSError:
        return
    for text in content.splitlines():
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict) and {"targets", "data", "run"} <= line.keys():
            yield line


def describe_folder(place: Path) -> str:
    """Return which test splits the runs of a folder have read more than once; or nothing."""
    counts = Counter((line["targets"], line["data"]) for line in list_test_reads(place))
    times = [f"{data} {count:,} times" for (_, data), count in counts.most_common() if count > 1]
    if not times:
        return ""
    rest = len(times) - MAX_LISTED_SPLITS
    others = [f"{rest} others"] if rest > 0 else []
    listed = ", ".join([*times[:MAX_LISTED_SPLITS], *others])
    return f"Test splits that were read more than once: {listed}: {READS_ADVICE}."
