"""Messages between a search and the processes that run its trials; plain values only."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rnnlab.runtime.files import write_json

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

ResultState = Literal["complete", "pruned", "infeasible", "failed", "stopped"]
OUTAGE = "outage"  # failure of a stopped trial, because of a full disk or a database
START_FILE = ".attempt"  # in the folder of a trial: number of the attempt that has started
FINAL_STATES = ("complete", "pruned", "infeasible", "failed")


@dataclass(frozen=True)
class Reporting:
    """Where a running trial reports its scores, and which pruner decides about it.

    Attributes:
        pruner: component; None if trials are not pruned.
        unit: epochs | samples, in which progress is counted.
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
    """One trial to run, or configs to check.

    Attributes:
        folder: of the trial; a run in this folder is resumed.
        attempt: number that the result repeats.
        overrides: command line of train.py.
        devices: number of processes that train together.
        settings: dotted key -> value that the search sets besides the overrides.
        identity: name, group and id of the trial for loggers that take them.
        checks: command lines to check without training; if given, nothing else is done.
        restart: remove what an earlier attempt left in the folder first.
        origin: of the trial; see rnnlab.sweeps.study.folders.
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
    origin: Mapping[str, Any] = field(default_factory=dict)

    def to_line(self) -> str:
        """Return the job as one line of JSON."""
        return json.dumps(asdict(self)) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "Job":
        """Return the job that a line of JSON holds."""
        values = json.loads(line)
        reporting = values.pop("reporting")
        return cls(**values, reporting=Reporting(**reporting) if reporting else None)


@dataclass(frozen=True)
class TrialResult:
    """How a trial ended, written by the process that ran it.

    Attributes:
        attempt: of the job.
        state: a `stopped` trial can be resumed.
        failure: class of the failure; None without one.
        scores: of the best validation, and other scores of the report.
        oom_overrides: need less memory, if it ran out and there are any.
        seconds: training time of all attempts.
        parameters: number of trainable parameters.
        epochs: number of epochs started.
        threads: CPU threads; another number rounds sums differently.
        origin: of the job.
    """

    attempt: int
    state: ResultState
    failure: str | None = None
    message: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    oom_overrides: Sequence[str] = ()
    seconds: float = 0.0
    parameters: int = 0
    epochs: int = 0
    threads: int = 0
    origin: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path, rank: int = 0) -> None:
        """Write the result file of a process in one step."""
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / (f"result.rank{rank}.json" if rank else "result.json"), asdict(self))

    @classmethod
    def read(cls, file: Path) -> "TrialResult":
        """Read a result file; rnnlab 0.1 wrote `smaller` instead of `oom_overrides`."""
        values = json.loads(file.read_text(encoding="utf-8"))
        if "smaller" in values:
            values["oom_overrides"] = values.pop("smaller")
        return cls(**values)


def result_files(folder: Path) -> list[Path]:
    """Return the result files of all processes of a trial; rnnlab 0.1 named them verdict*.json."""
    return sorted(file for name in ("result", "verdict") for file in folder.glob(f"{name}*.json"))


def load_result(
    folder: Path, attempt: int | None = None, origin: Mapping[str, Any] | None = None
) -> TrialResult | None:
    """Return the result of a trial: that of its first process, or of another one that failed.

    With an attempt of None, it must be a final one. A result with another origin is ignored.
    """
    candidates = []
    for file in result_files(folder):
        result = TrialResult.read(file)
        if origin and result.origin and result.origin != origin:
            continue
        is_final = result.state in FINAL_STATES
        is_current = is_final if attempt is None else result.attempt == attempt
        if is_current and (result.failure or ".rank" not in file.name):
            candidates.append((result.failure is not None, is_final, result))
    return max(candidates, key=lambda candidate: candidate[:2], default=(None, None, None))[-1]


def record_start(folder: Path, attempt: int) -> None:
    """Tell the search that the process of an attempt starts, after its imports."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / START_FILE).write_text(str(attempt))


def has_started(folder: Path, attempt: int) -> bool:
    """Return whether the process of an attempt has started."""
    file = folder / START_FILE
    return file.exists() and file.read_text() == str(attempt)


def has_result(folder: Path, attempt: int) -> bool:
    """Return whether any process of a trial has written a result of this attempt."""
    return any(TrialResult.read(file).attempt == attempt for file in result_files(folder))


def stored_result(trial: "FrozenTrial") -> Mapping[str, Any]:
    """Return the result that a study stores for a trial; empty until the trial has ended.

    Studies of rnnlab 0.1 store it as `verdict`.
    """
    return trial.user_attrs.get("result") or trial.user_attrs.get("verdict") or {}


def first_line(message: str) -> str:
    """Return the first line of a message.

    >>> first_line("one" + chr(10) + "two")
    'one'
    """
    return message.strip().partition("\n")[0]
