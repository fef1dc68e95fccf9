"""What is said between a search and the processes that do its trials; plain values alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from rnnlab.runtime.files import write_json

State = Literal["complete", "pruned", "infeasible", "failed", "stopped"]
FINAL = ("complete", "pruned", "infeasible", "failed")


@dataclass(frozen=True)
class Reporting:
    """Where a trial's scores go while it runs, and who decides whether it goes on.

    Attributes:
        storage: URL.
        study: name.
        trial_id: of the storage.
        pruner: component, or None where no trial is given up.
        unit: epochs | samples, of progress.
        every: units between two reports.
    """

    storage: str
    study: str
    trial_id: int
    pruner: Mapping[str, Any] | None
    unit: str
    every: float


@dataclass(frozen=True)
class Job:
    """One trial to do, or configs to check.

    Attributes:
        folder: of the trial; a run that was begun there goes on.
        attempt: a number that its verdict repeats.
        words: of the command line of train.py.
        devices: processes that do it together.
        reporting: None where nothing is reported.
        settings: what the search itself sets beside the words: dotted key -> value.
        identity: name, group and id of the trial for loggers that take them.
        checks: command lines to be checked without training; nothing else is done.
        afresh: what an earlier attempt left in the folder is removed first.
    """

    folder: str
    attempt: int
    words: Sequence[str] = ()
    devices: int = 1
    reporting: Reporting | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    identity: Mapping[str, str] = field(default_factory=dict)
    checks: Sequence[Sequence[str]] = ()
    afresh: bool = False

    def line(self) -> str:
        """As one line of text."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def read(cls, line: str) -> "Job":
        """From one line of text."""
        plain = json.loads(line)
        reporting = plain.pop("reporting")
        return cls(**plain, reporting=Reporting(**reporting) if reporting else None)


@dataclass(frozen=True)
class Verdict:
    """How a trial ended, as the process says that did it.

    Attributes:
        attempt: of the job.
        state: how it ended; `stopped` can go on.
        failure: class of what went wrong, None where nothing did.
        message: in words.
        scores: the best validation, and what else the report has.
        smaller: words that make it need less memory, where it ran out of it and this is possible.
        seconds: of training, with those of earlier attempts.
        parameters: that were trained.
        epochs: begun.
        threads: of the processor that it computed with; another number rounds sums differently.
    """

    attempt: int
    state: State
    failure: str | None = None
    message: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    smaller: Sequence[str] = ()
    seconds: float = 0.0
    parameters: int = 0
    epochs: int = 0
    threads: int = 0

    def write(self, folder: Path, rank: int = 0) -> None:
        """Put it into the trial's folder in one step."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / verdict_name(rank), asdict(self))

    @classmethod
    def read(cls, file: Path) -> "Verdict":
        """From a file."""
        return cls(**json.loads(file.read_text(encoding="utf-8")))


def verdict_name(rank: int) -> str:
    """The file of a verdict; of several processes each has its own.

    >>> verdict_name(0), verdict_name(1)
    ('verdict.json', 'verdict.rank1.json')
    """
    return f"verdict.rank{rank}.json" if rank else "verdict.json"


def verdict_of(folder: Path, attempt: int | None = None) -> Verdict | None:
    """The verdict on a trial: that of the first process, or of another one that failed.

    Args:
        folder: of the trial.
        attempt: of this attempt alone; None for any that is final.
    """
    told = [
        verdict
        for file, verdict in verdicts(folder)
        if (verdict.attempt == attempt or (attempt is None and verdict.state in FINAL))
        and (verdict.failure or file == verdict_name(0))
    ]
    return max(told, key=lambda v: (v.failure is not None, v.state in FINAL), default=None)


def has_ended(folder: Path, attempt: int) -> bool:
    """Whether one of a trial's processes has left a verdict on this attempt, of whatever kind."""
    return any(verdict.attempt == attempt for _, verdict in verdicts(folder))


def verdicts(folder: Path) -> list[tuple[str, Verdict]]:
    """The verdicts of all processes, with the names of their files."""
    files = sorted(folder.glob("verdict*.json"))
    return [(file.name, Verdict.read(file)) for file in files]
