"""Figures of a report, as sections of its page."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rnnlab.metrics.significance import Comparison
from rnnlab.plots.figures import caption
from rnnlab.report.page import Section
from rnnlab.sweeps.report.importance import Importance
from rnnlab.sweeps.report.plots.curves import plot_curves
from rnnlab.sweeps.report.plots.history import plot_history
from rnnlab.sweeps.report.plots.outcomes import plot_failures, plot_importance, plot_repeats
from rnnlab.sweeps.report.plots.parallel import plot_parallel
from rnnlab.sweeps.report.plots.pareto import plot_pareto
from rnnlab.sweeps.report.plots.slices import plot_slices
from rnnlab.sweeps.report.records import END_STATES, SearchRecord


class FigureSpec(NamedTuple):
    """Figure that a report may have.

    Attributes:
        plot: draws the figure, into the path that follows its arguments.
        reason: why the figure cannot be drawn; empty if it can.
        remark: text below the title.
    """

    title: str
    plot: Callable[..., Path]
    arguments: tuple[Any, ...]
    reason: str = ""
    remark: str = ""

    def draw(self, folder: Path) -> Section:
        """Draw the figure if it can be drawn, and return its section of the page."""
        if self.reason:
            return Section(self.title, self.reason)
        path = folder / f"{self.plot.__name__.removeprefix('plot_')}.png"
        return Section(self.title, self.remark, self.plot(*self.arguments, path))


NO_CURVES = (
    "No metrics.csv of a trial here has a validation: none has ended yet, or logger.csv=null "
    "switches the file off."
)


def draw_figures(
    search: SearchRecord,
    importance: Importance,
    comparison: Comparison | None,
    folder: Path,
    is_study: bool,
) -> list[Section]:
    """Draw the figures for which there is data, and return one section for each.

    A study has points that were fixed before, and the seed is one of its dimensions: figures of how
    a search went on, and which setting matters, would say nothing.
    """
    folder.mkdir(exist_ok=True)
    specs = list(figure_specs(search, importance, comparison))
    with caption(f"{'study' if is_study else 'search'} {search.name}"):
        drawn = [
            spec for spec in specs if not is_study or spec.plot in (plot_curves, plot_failures)
        ]
        return [spec.draw(folder) for spec in drawn]


def figure_specs(
    search: SearchRecord, importance: Importance, comparison: Comparison | None
) -> Iterator[FigureSpec]:
    """Yield the figures in the order of the page."""
    none_ended = "" if search.select(*END_STATES) else "No trial has ended yet."
    none_complete = "" if search.complete else "No trial is complete yet."
    missing = ("" if search.dimensions else "No setting has been varied.") or none_complete
    curves = any(trial.curve for trial in search.trials)
    no_curves = "" if curves else NO_CURVES
    yield FigureSpec("History", plot_history, (search,), none_ended)
    if len(search.objectives) == 2:
        yield FigureSpec("Pareto front", plot_pareto, (search,), none_complete)
    yield FigureSpec("Learning curves", plot_curves, (search,), no_curves)
    unknown = "" if importance.shares else importance.remark
    shares = (importance.shares,)
    yield FigureSpec("Importance", plot_importance, shares, unknown, importance.remark)
    yield FigureSpec("Parallel coordinates", plot_parallel, (search,), missing)
    yield FigureSpec("Slices", plot_slices, (search,), missing)
    if comparison:
        sentence, arguments = comparison.sentence, (comparison, search.objectives[0].name)
        reason = "" if any(one.scores for one in comparison.configurations) else sentence
        yield FigureSpec("Repeats", plot_repeats, arguments, reason, sentence)
    if search.count_failures():
        yield FigureSpec("Failures", plot_failures, (search,))
