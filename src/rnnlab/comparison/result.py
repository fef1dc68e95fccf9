"""The result of a comparison: configurations with verdicts, and the answer in words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import fmean, median, stdev
from typing import Any, Literal

from rnnlab.comparison.groups import Group
from rnnlab.metrics.directions import best_baseline
from rnnlab.metrics.resampling import TargetCovariance
from rnnlab.metrics.seed_tests import NetworkTest, SeedTest
from rnnlab.metrics.significance import SIGNIFICANCE_LEVEL
from rnnlab.report.console import format_score

MAX_MORE_SEEDS = 100  # of an estimate; more is not practical

Verdict = Literal["best", "better", "worse", "undecided"]


@dataclass(frozen=True)
class ComparedGroup:
    """One configuration in a comparison.

    Attributes:
        group: its runs.
        scores: seed and fold -> score.
        verdict: against the first configuration, the leader; of the leader, better than all others,
            or only the best mean.
        test: of the leader against this one; None for the leader.
        p: p-value, adjusted for all pairs of the comparison (Holm); None for the leader.
        network_test: of the leader's network against this one over test targets, with an adjusted
            p-value; only where each configuration has one run.
    """

    group: Group
    scores: dict[str, float]
    verdict: Verdict = "best"
    test: SeedTest | None = None
    p: float | None = None
    network_test: NetworkTest | None = None

    @property
    def mean(self) -> float:
        """Mean score over seeds."""
        return fmean(self.scores.values())

    @property
    def spread(self) -> float | None:
        """Standard deviation over seeds (n - 1); None for one, or if a score is not finite."""
        if len(self.scores) < 2 or not math.isfinite(self.mean):
            return None
        return stdev(self.scores.values())

    def median_of(self, *keys: str) -> float | None:
        """Return the median of a number of the reports, such as `speed`, `samples_per_second`."""
        values = [look_up(run.report, keys) for run in self.group.runs.values()]
        numbers = [float(value) for value in values if value is not None]
        return median(numbers) if numbers else None

    @property
    def seconds(self) -> float:
        """Median of the seconds of the whole run."""
        totals = [sum(run.report["seconds"].values()) for run in self.group.runs.values()]
        return float(median(totals))

    def best_baseline(self, metric: str, mode: str) -> tuple[str, float] | None:
        """Return the best baseline by its mean over the runs; None without one.

        A limit, which no forecast can beat, is no baseline.
        """
        means = dict[str, dict[str, float]]()
        for name in self.group.first.report["baselines"]:
            reports = [run.report["baselines"].get(name, {}) for run in self.group.runs.values()]
            values = [scores[metric] for scores in reports if scores.get(metric) is not None]
            if values:
                means[name] = {metric: fmean(values)}
        return best_baseline(means, metric, mode)


@dataclass(frozen=True)
class RunComparison:
    """A comparison of configurations, the best mean first.

    `sentence` is the answer, `statements` all that may be claimed, `rows()` the table.

    Attributes:
        metric: that decides.
        mode: min | max.
        groups: the configurations.
        notes: on runs that are left out.
        targets: variance over test targets that the verdicts include; None if it is not known.
        no_targets: why it is not known.
        level: adjusted p-values below it are a verdict.
        design: how the runs were chosen, if a comparison trained them; empty otherwise.
    """

    metric: str
    mode: str
    groups: tuple[ComparedGroup, ...]
    notes: tuple[str, ...] = ()
    targets: TargetCovariance | None = None
    no_targets: str = ""
    level: float = SIGNIFICANCE_LEVEL
    design: str = ""

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        return describe_comparison(self)

    @property
    def statements(self) -> list[str]:
        """The answer, what its verdicts hold for, and what holds for single networks."""
        networks = [describe_networks(self, one) for one in self.groups if one.network_test]
        design = [self.design] if self.design else []
        return [self.sentence, *describe_basis(self), *design, *networks]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row of plain values for each configuration."""
        return [plain_row(self, one) for one in self.groups]

    def text_rows(self) -> list[dict[str, str]]:
        """Return the rows as they are shown: column -> text for each configuration."""
        pairs = zip(self.groups, self.rows(), strict=True)
        return [text_row(self.metric, one, row) for one, row in pairs]

    def _repr_html_(self) -> str:
        """Return the answer and the table in HTML, for a notebook."""
        rows = self.text_rows()
        lines = "\n".join(_html_line("td", [*row.values()]) for row in rows)
        head = _html_line("th", [*rows[0]])
        paragraphs = "\n".join(f"<p>{escape(statement)}</p>" for statement in self.statements)
        return f"{paragraphs}\n<table>\n<thead>{head}</thead>\n<tbody>\n{lines}\n</tbody>\n</table>"


def _html_line(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


def plain_row(comparison: RunComparison, one: ComparedGroup) -> dict[str, Any]:
    """Return the plain values of one configuration; None where one is undefined."""
    baseline = one.best_baseline(comparison.metric, comparison.mode)
    low, high = (one.test.interval if one.test else None) or (math.nan, math.nan)
    return {
        "configuration": one.group.label,
        "n": len(one.scores),
        "mean": _finite(one.mean),
        "spread": one.spread,
        "verdict": one.verdict,
        "p": one.p,
        "p_seeds": one.test and one.test.p_seeds,
        "difference": one.test and _finite(one.test.gain),
        "interval_low": _finite(low),
        "interval_high": _finite(high),
        "more_seeds": one.test.more_seeds if one.test and one.verdict == "undecided" else None,
        "baseline": baseline and baseline[0],
        "baseline_score": baseline and baseline[1],
        "parameters": int(one.median_of("model", "parameters") or 0),
        "seconds": one.seconds,
        "samples_per_second": one.median_of("speed", "samples_per_second"),
        "peak_memory_mib": one.median_of("peak_memory", "process"),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def text_row(metric: str, one: ComparedGroup, row: Mapping[str, Any]) -> dict[str, str]:
    """Return the cells of one configuration as they are shown."""
    return {
        metric: row["configuration"],
        "n": str(row["n"]),
        "mean": format_score(row["mean"]),
        "spread": format_score(row["spread"]),
        "verdict": describe_verdict(one),
        "difference": format_difference(row),
        "more seeds": format_more_seeds(one),
        "best baseline": _format_baseline(row),
        "parameters": f"{row['parameters']:,}",
        "seconds": f"{row['seconds']:,.1f}",
        "samples/s": _format_count(row["samples_per_second"]),
        "peak MiB": _format_count(row["peak_memory_mib"]),
    }


def format_difference(row: Mapping[str, Any]) -> str:
    """Return the difference of the leader from a configuration, with its 95% interval.

    >>> format_difference({"difference": 0.5, "interval_low": -0.25, "interval_high": 1.25})
    '0.5000 (-0.2500 to 1.2500)'
    """
    if row["interval_low"] is None:
        return format_score(row["difference"])
    low, high = (format_score(row[name]) for name in ("interval_low", "interval_high"))
    return f"{format_score(row['difference'])} ({low} to {high})"


def format_more_seeds(one: ComparedGroup) -> str:
    """Return the estimate of the seeds that are missing, as it is shown."""
    if one.test is None or one.verdict != "undecided":
        return "-"
    more = one.test.more_seeds
    return f"> {MAX_MORE_SEEDS}" if more is None or more > MAX_MORE_SEEDS else str(more or 1)


def _format_baseline(row: Mapping[str, Any]) -> str:
    return f"{row['baseline']} {format_score(row['baseline_score'])}" if row["baseline"] else "-"


def _format_count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def describe_verdict(one: ComparedGroup) -> str:
    """Return the verdict on a configuration against the best one, with its p-value."""
    if one.p is None:
        return "better" if one.verdict == "better" else "best mean"
    if one.test and one.test.interval is None:
        return f"{one.verdict}: {'one seed' if math.isfinite(one.test.gain) else 'not finite'}"
    if one.test and one.test.smallest_p >= SIGNIFICANCE_LEVEL:  # no p-value could show anything
        return f"{one.verdict}: too few seeds"
    return f"{one.verdict}, {format_p(one.p)}"


def format_p(p: float) -> str:
    """Return a p-value as it is shown.

    >>> format_p(0.0123), format_p(0.0001)
    ('p = 0.012', 'p < 0.001')
    """
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def describe_basis(comparison: RunComparison) -> list[str]:
    """Return a sentence on what the verdicts hold for, or why networks are not tested."""
    members = [one for one in comparison.groups if one.test and one.test.interval]
    if not members:
        reason = comparison.no_targets
        return [f"Nothing is tested over test targets: {reason}."] if reason else []
    targets = comparison.targets
    if targets and any(one.test and one.test.target_deviation is not None for one in members):
        return [
            "The verdicts hold for other seeds and for other test targets: the variance is that "
            f"over seeds and that over {targets.units} ({targets.method})."
        ]
    return [
        "The verdicts hold for other seeds, not for other test targets"
        + (f": {comparison.no_targets}." if comparison.no_targets else ".")
    ]


def describe_networks(comparison: RunComparison, one: ComparedGroup) -> str:
    """Return what may be claimed of two networks whose configurations have one run each."""
    test, best = one.network_test, comparison.groups[0]
    if test is None:
        return ""
    gain = test.gain if comparison.mode == "max" else -test.gain
    is_better = test.p < comparison.level and gain > 0
    claim = "is better than" if is_better else "is not shown to be better than"
    low, high = test.interval
    return (
        f"Of these two networks, that of {best.group.label} {claim} that of {one.group.label}: "
        f"difference {test.gain:.4g}, 95% interval {low:.4g} to {high:.4g}, {format_p(test.p)} "
        f"({test.method} over {test.units}). This is no evidence on the configurations: another "
        "seed may reverse it."
    )


def describe_missing_seeds(test: SeedTest) -> str:
    """Return how many more seeds are needed, as an estimate.

    >>> describe_missing_seeds(SeedTest(0.1, None, 1.0, 1.0, None, 3))
    'about 3 more seeds'
    """
    more = test.more_seeds
    if not math.isfinite(test.gain):
        return "no number of seeds, a score is not finite"
    if test.needs_targets:
        return "more seeds are not enough, it needs more test targets"
    if more is None or more > MAX_MORE_SEEDS:
        return f"over {MAX_MORE_SEEDS} more seeds"
    return f"about {more or 1} more seed{'s' * (more > 1)}"


def describe_comparison(comparison: RunComparison) -> str:
    """Return the answer in one sentence, with its uncertainty."""
    best, *others = comparison.groups
    if not others:
        return f"There is one configuration only, {best.group.label}: nothing to compare it with."
    head = f"{best.group.label} has the best mean {comparison.metric}, {format_score(best.mean)}"
    worse = [one.group.label for one in others if one.verdict == "worse"]
    if worse:
        losers = "all others" if len(worse) == len(others) > 1 else _list_names(worse)
        head += f", and is better than {losers}"
    rest = [one for one in others if one.verdict == "undecided"]
    if not rest:
        return f"{head} (adjusted p < {comparison.level:.3g})."
    names = _list_names([one.group.label for one in rest])
    estimates = "; ".join(describe_missing_seeds(one.test) for one in rest if one.test)
    link = "whether" if worse else "but whether"
    return f"{head}; {link} it is better than {names} is undecided (estimate: {estimates})."


def _list_names(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def look_up(values: Any, keys: Sequence[str]) -> Any:
    """Return a value of nested mappings; None if there is none."""
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values
