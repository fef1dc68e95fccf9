"""What is said between a search and the processes that do its trials; plain values alone."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rnnlab.runtime.files import write_json

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

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
        attempt: a number that its result repeats.
        overrides: of the command line of train.py.
        devices: processes that do it together.
        reporting: None where nothing is reported.
        settings: what the search itself sets beside the words: dotted key -> value.
        identity: name, group and id of the trial for loggers that take them.
        checks: command lines to be checked without training; nothing else is done.
        restart: what an earlier attempt left in the folder is removed first.
    """

    folder: str
    attempt: int
    overrides: Sequence[str] = ()
    devices: int = 1
    reporting: Reporting | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    identity: Mapping[str, str] = field(default_factory=dict)
    checks: Sequence[Sequence[str]] = ()
    restart: bool = False

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
class TrialResult:
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
    oom_overrides: Sequence[str] = ()
    seconds: float = 0.0
    parameters: int = 0
    epochs: int = 0
    threads: int = 0

    def write(self, folder: Path, rank: int = 0) -> None:
        """Put it into the trial's folder in one step."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / result_name(rank), asdict(self))

    @classmethod
    def read(cls, file: Path) -> "TrialResult":
        """Read a file; those of rnnlab 0.1 say `smaller` for `oom_overrides`."""
        values = json.loads(file.read_text(encoding="utf-8"))
        if "smaller" in values:
            values["oom_overrides"] = values.pop("smaller")
        return cls(**values)


def result_name(rank: int) -> str:
    """Return the name of the result file of a process.

    >>> result_name(0), result_name(1)
    ('result.json', 'result.rank1.json')
    """
    return f"result.rank{rank}.json" if rank else "result.json"


def result_files(folder: Path) -> list[Path]:
    """Return the result files of all processes of a trial; rnnlab 0.1 named them verdict*.json."""
    return sorted(file for name in ("result", "verdict") for file in folder.glob(f"{name}*.json"))


def load_results(folder: Path) -> list[TrialResult]:
    """Return the results of all processes of a trial that matter.

    The first process stands for the others, unless one of them failed.
    """
    results = [(file, TrialResult.read(file)) for file in result_files(folder)]
    return [result for file, result in results if result.failure or ".rank" not in file.name]


def load_result(folder: Path, attempt: int | None = None) -> TrialResult | None:
    """Return the result of a trial; None if there is none.

    Args:
        folder: of the trial.
        attempt: number of the attempt; None accepts any final result.
    """
    results = [
        result
        for result in load_results(folder)
        if result.attempt == attempt or (attempt is None and result.state in FINAL)
    ]
    return max(results, key=lambda r: (r.failure is not None, r.state in FINAL), default=None)


def has_result(folder: Path, attempt: int) -> bool:
    """Return whether any process of a trial has written a result of this attempt."""
    return any(TrialResult.read(file).attempt == attempt for file in result_files(folder))


def stored_result(trial: "FrozenTrial") -> Mapping[str, Any]:
    """Return the result that a study stores for a trial; empty until the trial has ended.

    Studies of rnnlab 0.1 store it as `verdict`.
    """
    return trial.user_attrs.get("result") or trial.user_attrs.get("verdict") or {}
