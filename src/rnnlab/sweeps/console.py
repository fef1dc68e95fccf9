"""Live console view of a running search."""

import time
from collections.abc import Sequence

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rnnlab.report.console import format_score
from rnnlab.runtime.console import PlainConsole
from rnnlab.sweeps.study.share import ClaimedTrial, SharedStudy, trial_state
from rnnlab.sweeps.workers.messages import TrialResult, first_line, stored_result
from rnnlab.sweeps.workers.slots import Slot

LIVE_SECONDS = 0.5  # between two updates of the live table
WIDE_COLUMNS = 80  # from this width on, the values are beside the numbers
PLAIN_SECONDS = 30.0  # between two status lines if the output is not a terminal


class SearchConsole:
    """A line for each finished trial, and a live table of the running ones.

    The status below the table has the counts, the best score so far and the time left. If the
    output is not a terminal, the status is printed now and then instead.
    """

    def __init__(self, name: str, maximize: bool, console: PlainConsole | None = None) -> None:
        self.name, self.maximize = name, maximize
        self.console = console or PlainConsole()
        self._live: Live | None = None
        self._last_update = 0.0
        self._start_time = time.monotonic()
        self._num_results = 0

    def __enter__(self) -> "SearchConsole":
        if self.console.is_terminal:
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def print_line(self, line: str) -> None:
        self.console.print(line, soft_wrap=True)

    def print_result(self, claim: ClaimedTrial, result: TrialResult) -> None:
        self._num_results += 1
        score = result.scores.get("score")
        reason = f"  {first_line(result.message)}" if result.failure else ""
        self.print_line(
            f"trial {claim.number:>3}  {result.state:<10} {format_score(score):>9}  "
            f"{result.seconds:6.1f} s  {format_values(claim)}{reason}"
        )

    def update(self, shared: SharedStudy, slots: Sequence[Slot]) -> None:
        now = time.monotonic()
        interval = LIVE_SECONDS if self._live else PLAIN_SECONDS
        if now - self._last_update < interval:
            return
        is_first, self._last_update = self._last_update == 0.0, now
        if self._live is not None:
            table = make_table(shared, slots, self.console.width)
            self._live.update(Group(table, self.format_status(shared)), refresh=True)
        elif not is_first:
            self.print_line(self.format_status(shared))

    def format_status(self, shared: SharedStudy) -> str:
        """Return one line with the counts, the best score so far and the time left."""
        counts = shared.counts()
        num_results = sum(counts.values()) - counts["running"]
        states = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        best = format_score(best_score(shared, self.maximize))
        return (
            f"{self.name}: {num_results} of {shared.n_trials} done ({states or 'none started'}), "
            f"best {best}, {self._format_time_left(shared.n_trials - num_results)}"
        )

    def _format_time_left(self, num_trials: int) -> str:
        if not self._num_results:
            return "time left unknown"
        seconds = (time.monotonic() - self._start_time) / self._num_results
        return f"about {format_seconds(seconds * num_trials)} left"


def make_table(shared: SharedStudy, slots: Sequence[Slot], width: int) -> Group:
    """Return a table with a row for each trial that runs in a slot.

    The values of a trial are wrapped, in a narrow terminal below the table; numbers are never cut.
    """
    table = Table(box=None, pad_edge=False)
    is_wide = width >= WIDE_COLUMNS
    for column in ("slot", "trial", "seconds", "reports", "last"):
        table.add_column(column, justify="right", no_wrap=True)
    if is_wide:
        table.add_column("values", overflow="fold")
    texts = []
    for index, slot in enumerate(slots):
        if slot.claim is not None:
            values = Text(format_values(slot.claim))
            numbers = [str(index), *make_row(shared, slot.claim, slot.seconds)]
            table.add_row(*numbers, *([values] if is_wide else []))
            texts.append(Text(f"trial {slot.claim.number}  ") + values)
    return Group(table, *([] if is_wide else texts))


def make_row(shared: SharedStudy, claim: ClaimedTrial, seconds: float) -> list[str]:
    """Return number, seconds, number of reports and last score of a trial."""
    frozen_trial = shared.trials()[claim.number]
    reports, last = frozen_trial.intermediate_values, frozen_trial.last_step
    score = format_score(None if last is None else reports[last])
    return [str(claim.number), f"{seconds:.0f}", str(len(reports)), score]


def format_values(claim: ClaimedTrial) -> str:
    """Return the searched values of a trial; of a repeat also its original and its seed."""
    attributes = claim.trial.user_attrs
    origin = {name: attributes[name] for name in ("of", "seed") if name in attributes}
    pairs = (origin | claim.trial.params).items()
    return "  ".join(f"{k}={f'{v:.4g}' if isinstance(v, float) else v}" for k, v in pairs)


def best_score(shared: SharedStudy, maximize: bool) -> float | None:
    """Return the best score of the complete trials; None if there is none."""
    trials = shared.trials()
    results = [stored_result(trial) for trial in trials if trial_state(trial) == "complete"]
    scores = [result["score"] for result in results if result["score"] is not None]
    return (max if maximize else min)(scores, default=None)


def format_seconds(seconds: float) -> str:
    """Return a duration in a readable unit.

    >>> format_seconds(50), format_seconds(600), format_seconds(9000)
    ('50 s', '10 min', '2 h 30 min')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
