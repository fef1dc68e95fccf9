"""The answer of a study: sentences with their uncertainty, figures and tables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import optuna

from rnnlab.comparison.compare import choose_mode, default_metric
from rnnlab.comparison.result import RunComparison
from rnnlab.comparison.runs import FinishedRun
from rnnlab.errors import ConfigError
from rnnlab.report.console import format_score
from rnnlab.report.tables import NumberTable
from rnnlab.sweeps.answer.front import (
    Configuration,
    describe_front,
    find_front,
    format_cost,
)
from rnnlab.sweeps.answer.importance import (
    LevelImportance,
    describe_importance,
    importance_by_level,
)
from rnnlab.sweeps.answer.levels import compare_levels
from rnnlab.sweeps.answer.runs import StudyRuns, read_study_runs, score_of
from rnnlab.sweeps.answer.trend import covariate_bins, growth_of, mean_curves
from rnnlab.sweeps.report.plots.answers import (
    plot_configurations,
    plot_curves_by_level,
    plot_levels,
    plot_shares,
)
from rnnlab.sweeps.schema import AnswerSettings
from rnnlab.sweeps.study.definition import SearchSpec

COST_PLACES: dict[str, tuple[str, ...]] = {  # name -> keys of the value in report.json
    "seconds": ("speed", "training_seconds"),
    "parameters": ("model", "parameters"),
}
TEST_SENTENCE = (
    "Each run read the test split once, with the weights of its best validation; no setting was "
    "chosen by these scores."
)
PEAK_MEMORY = "peak MiB"  # of a process, which runs many trials of a study


@dataclass(frozen=True)
class AnswerPart:
    """One part of an answer.

    Attributes:
        title: what is compared.
        sentence: the answer with its uncertainty.
        rows: the table below the figure: column -> text.
        values: plain values for summary.json.
        plot: draws the figure into a path.
        basis: what the answer holds for, and what it does not.
    """

    title: str
    sentence: str
    rows: list[dict[str, str]]
    values: Any
    plot: Callable[[Path], Path]
    basis: tuple[str, ...] = ()

    @property
    def table(self) -> NumberTable:
        """The rows as a table of the console and of a page."""
        table = NumberTable([*self.rows[0]] if self.rows else [])
        for row in self.rows:
            table.add_row(*row.values())
        return table


@dataclass(frozen=True)
class StudyAnswer:
    """Answer of a study: its parts, the most important one first, and notes on missing runs."""

    parts: tuple[AnswerPart, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def heads(self) -> list[AnswerPart]:
        """The first part; with `within`, that of each level."""
        heads = dict[str | None, AnswerPart]()
        for part in self.parts:
            heads.setdefault(part.values.get("within"), part)
        return list(heads.values())

    @property
    def sentence(self) -> str:
        """The answer in one sentence; with `within`, one for each level."""
        return " ".join(part.sentence for part in self.heads) or "There is no answer yet."

    def to_plain(self) -> dict[str, Any]:
        """Return the entry of summary.json."""
        parts = [
            {
                "title": part.title,
                "sentence": part.sentence,
                "basis": list(part.basis),
                "values": part.values,
            }
            for part in self.parts
        ]
        return {"sentence": self.sentence, "parts": parts, "notes": list(self.notes)}


def answer_study(spec: SearchSpec, study: optuna.Study, folder: Path) -> StudyAnswer | None:
    """Return the answer of a study; None for a search without one.

    Raises:
        ConfigError: the runs cannot be compared; the message says which setting helps.
    """
    if not spec.sweep.answer:
        return None
    settings = AnswerSettings(**spec.sweep.answer)
    parts, notes = list[AnswerPart](), list[str]()
    if settings.compare:
        runs = read_study_runs(study, folder, spec.space)
        if runs.runs:
            metric = settings.metric or default_metric(list(runs.runs.values()))
            runs = runs.with_finite(metric)
            parts += comparison_parts(settings, runs, metric) if runs.runs else []
        notes += [note for note in [runs.describe_missing()] if note]
    if settings.importance:
        parts.append(importance_part(importance_by_level(study, settings.within)))
    return StudyAnswer(tuple(parts), tuple(notes))


def comparison_parts(
    settings: AnswerSettings, study: StudyRuns, metric: str
) -> Iterator[AnswerPart]:
    """Yield the parts that compare runs by a metric, for each level of `within`."""
    mode = choose_mode(list(study.runs.values()), metric, None)
    levels = study.level_names(settings.within) if settings.within else [""]
    for level in levels:
        part = study.select(settings.within, level) if settings.within else study
        prefix = f"{settings.within}={level}: " if settings.within else ""
        for one in parts_of_level(settings, part, metric, mode):
            values = {"within": level or None, **one.values}
            sentence = prefix + one.sentence
            yield replace(one, title=prefix + one.title, sentence=sentence, values=values)


def parts_of_level(
    settings: AnswerSettings, study: StudyRuns, metric: str, mode: str
) -> Iterator[AnswerPart]:
    """Yield the Pareto front, if it is asked for, the compared settings, and their trends."""
    score = partial(score_of, metric=metric)
    if settings.cost:
        front = find_front(study, score, partial(cost_of, name=settings.cost), mode)
        if front:
            yield front_part(front, metric, settings.cost, mode)
    for factor in settings.compare:
        if comparison := compare_levels(study, factor, metric, mode, score):
            yield level_part(factor, comparison, settings.gradients)
            if settings.covariate:
                yield trend_part(study, factor, settings.covariate, mode)


def cost_of(run: FinishedRun, name: str) -> float:
    """Return a cost of a run: seconds of training, or parameters."""
    value: Any = run.report
    for key in COST_PLACES[name]:
        value = value[key]
    return float(value)


def level_part(factor: str, comparison: RunComparison, gradients: Sequence[str] = ()) -> AnswerPart:
    """Return the comparison of the levels of one setting, with their values of gradient health."""
    reads_test = comparison.metric.startswith("test/")
    health = [mean_health([*one.group.runs.values()], gradients) for one in comparison.groups]
    rows = [
        {k: v for k, v in row.items() if k != PEAK_MEMORY}
        | {name: format_score(value) for name, value in values.items()}
        for row, values in zip(comparison.text_rows(), health, strict=True)
    ]
    levels = [{**row, **values} for row, values in zip(comparison.rows(), health, strict=True)]
    return AnswerPart(
        factor,
        comparison.sentence,
        rows,
        {"compare": factor, "metric": comparison.metric, "levels": levels},
        partial(plot_levels, comparison),
        (*comparison.statements[1:], *([TEST_SENTENCE] if reads_test else [])),
    )


def mean_health(runs: Sequence[FinishedRun], names: Sequence[str]) -> dict[str, float | None]:
    """Return the means of values of gradient health; None where no run has measured one."""
    reports = [run.report.get("gradient_health", {}).get("values", {}) for run in runs]
    members = {name: [one[name] for one in reports if name in one] for name in names}
    return {name: fmean(values) if values else None for name, values in members.items()}


def front_part(front: Sequence[Configuration], metric: str, cost: str, mode: str) -> AnswerPart:
    """Return the Pareto front of a score and a cost."""
    rows = [
        {
            "configuration": one.label,
            metric: format_score(one.mean),
            "spread": format_score(one.spread),
            cost: format_cost(one.cost, cost),
            "on the front": "yes" if one.is_optimal else "no",
            "resamples": f"{one.certainty:.0%}",
        }
        for one in front
    ]
    values = [
        {
            "configuration": one.label,
            "mean": one.mean,
            "spread": one.spread,
            cost: one.cost,
            "on_front": one.is_optimal,
            "certainty": one.certainty,
        }
        for one in front
    ]
    return AnswerPart(
        f"Pareto front of {metric} and {cost}",
        describe_front(front, metric, cost, mode),
        rows,
        {"metric": metric, "cost": cost, "configurations": values},
        partial(plot_configurations, front, metric, cost, mode),
    )


def trend_part(study: StudyRuns, factor: str, covariate: str, mode: str) -> AnswerPart:
    """Return how the differences between the levels of a setting change along a covariate.

    Raises:
        ConfigError: the reports have no such table.
    """
    names = covariate_bins(study, covariate)
    change = f"change of {covariate} from {names[0]} to {names[-1]}"
    growth = compare_levels(study, factor, change, mode, partial(growth_of, covariate=covariate))
    assert growth is not None  # the caller has compared the same runs
    curves = mean_curves(study, factor, covariate)
    rows = [
        {"level": level, **{n: format_score(v) for n, v in zip(names, values, strict=True)}}
        for level, values in curves.items()
    ]
    return AnswerPart(
        f"{factor} by {covariate}",
        growth.sentence,
        rows,
        {"compare": factor, "covariate": covariate, "bins": names, "levels": growth.rows()},
        partial(plot_curves_by_level, curves, names, covariate),
    )


def importance_part(levels: Sequence[LevelImportance]) -> AnswerPart:
    """Return the importance of the settings for each level of a factor."""
    settings = list(dict.fromkeys(name for one in levels for name in one.shares))
    rows = [
        {
            "trials": one.label,
            "complete": str(one.count),
            **{name: _format_share(one.shares, one.certainty, name) for name in settings},
        }
        for one in levels
    ]
    values = {
        one.label: {"shares": dict(one.shares), "first": dict(one.certainty), "trials": one.count}
        for one in levels
    }
    shares = {one.label: one.shares for one in levels if one.shares}
    return AnswerPart(
        "Importance of the settings",
        describe_importance(levels),
        rows,
        {"importance": values},
        partial(plot_shares, shares),
    )


def _format_share(shares: Mapping[str, float], first: Mapping[str, float], name: str) -> str:
    return f"{shares[name]:.0%} (first in {first[name]:.0%})" if name in shares else "-"


def try_answer(
    spec: SearchSpec, study: optuna.Study, folder: Path
) -> tuple[StudyAnswer | None, str]:
    """Return the answer of a study, and why there is none: its runs are not lost by an error."""
    try:
        return answer_study(spec, study, folder), ""
    except ConfigError as error:
        return None, str(error)
