"""What a person sees while a search runs: a line that stays for each trial, and a live table."""

import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rnnlab.report.console import number
from rnnlab.sweeps.study.share import ClaimedTrial, SharedStudy, state_of
from rnnlab.sweeps.workers.messages import TrialResult, first_line, stored_result
from rnnlab.sweeps.workers.slots import Slot

REFRESH_SECONDS = 0.5
QUIET_SECONDS = 30.0  # between two lines where the output is no terminal


class SearchConsole:
    """Running trials with their progress, counts, the best so far, and the time left.

    Where the output is not a terminal, a line for each ended trial, and one now and then.

    Args:
        name: of the search.
        maximize: whether greater scores are better.
        console: to print on; the terminal where none is given.
    """

    def __init__(self, name: str, maximize: bool, console: Console | None = None) -> None:
        self.name, self.maximize = name, maximize
        self.console = console or Console()
        self._live: Live | None = None
        self._shown = 0.0
        self._started = time.monotonic()
        self._ended = 0

    def __enter__(self) -> "SearchConsole":
        if self.console.is_terminal:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, line: str) -> None:
        """See Screen."""
        self.console.print(line, highlight=False, soft_wrap=True)

    def ended(self, claim: ClaimedTrial, result: TrialResult) -> None:
        """See Screen."""
        self._ended += 1
        score = result.scores.get("score")
        drawn = "  ".join(f"{key}={value}" for key, value in trial_values(claim))
        why = f"  {first_line(result.message)}" if result.failure else ""
        self.say(
            f"trial {claim.number:>3}  {result.state:<10} {number(score):>9}  "
            f"{result.seconds:6.1f} s  {drawn}{why}"
        )

    def show(self, shared: SharedStudy, slots: Sequence[Slot]) -> None:
        """See Screen."""
        now = time.monotonic()
        pause = REFRESH_SECONDS if self._live else QUIET_SECONDS
        if now - self._shown < pause:
            return
        first, self._shown = self._shown == 0.0, now
        if self._live is not None:
            table = running_table(shared, slots)
            self._live.update(Group(table, self.status(shared)), refresh=True)
        elif not first:
            self.say(self.status(shared))

    def status(self, shared: SharedStudy) -> str:
        """One line: how many are done, the best so far, the time left."""
        counts = shared.counts()
        done = sum(counts.values()) - counts["running"]
        listed = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        best = number(best_score(shared, self.maximize))
        return (
            f"{self.name}: {done} of {shared.n_trials} done ({listed or 'none begun'}), "
            f"best {best}, {self._time_left(shared.n_trials - done)}"
        )

    def _time_left(self, trials: int) -> str:
        if not self._ended:
            return "time left unknown"
        each = (time.monotonic() - self._started) / self._ended
        return f"about {duration(each * trials)} left"


def running_table(shared: SharedStudy, slots: Sequence[Slot]) -> Table:
    """A row for each trial that runs here."""
    table = Table(box=None, pad_edge=False)
    for column in ("slot", "trial", "seconds", "reports", "last", "values"):
        table.add_column(column, justify="left" if column == "values" else "right")
    for index, slot in enumerate(slots):
        if slot.claim is not None:
            table.add_row(str(index), *running_row(shared, slot))
    return table


def running_row(shared: SharedStudy, slot: Slot) -> list[Any]:
    """Number, seconds, validations, the last score and the values of a trial."""
    claim = slot.claim
    assert claim is not None
    stored = shared.study.get_trials(deepcopy=False)[claim.number]
    last = stored.intermediate_values[stored.last_step] if stored.last_step is not None else None
    drawn = "  ".join(f"{key}={value}" for key, value in trial_values(claim))
    cells = str(claim.number), f"{slot.seconds:.0f}", str(len(stored.intermediate_values))
    return [*cells, number(last), Text(drawn, overflow="ellipsis", no_wrap=True)]


def trial_values(claim: ClaimedTrial) -> list[tuple[str, str]]:
    """The searched values of a trial, short; of a repeated one what it repeats, and the seed."""
    known = claim.trial.user_attrs
    drawn: dict[str, Any] = {name: known[name] for name in ("of", "seed") if name in known}
    drawn |= claim.trial.params
    return [(key, f"{v:.4g}" if isinstance(v, float) else str(v)) for key, v in drawn.items()]


def best_score(shared: SharedStudy, maximize: bool) -> float | None:
    """The best score of a complete trial so far."""
    trials = shared.study.get_trials(deepcopy=False)
    complete = [stored_result(t)["score"] for t in trials if state_of(t) == "complete"]
    known = [score for score in complete if score is not None]
    return (max if maximize else min)(known, default=None)


def duration(seconds: float) -> str:
    """A time that people read.

    >>> duration(50), duration(600), duration(9000)
    ('50 s', '10 min', '2 h 30 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
