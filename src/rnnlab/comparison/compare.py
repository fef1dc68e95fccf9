"""Which configuration is better: ranking, verdicts, and whether they may be compared at all."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

from rnnlab.comparison.groups import Group, group_runs
from rnnlab.comparison.prediction_scores import UntestableError
from rnnlab.comparison.result import ComparedGroup, RunComparison, Verdict
from rnnlab.comparison.runs import FinishedRun, find_runs
from rnnlab.comparison.targets import estimate_target_covariance
from rnnlab.errors import ConfigError, Problem, unknown_name
from rnnlab.metrics.directions import HIGHER_IS_BETTER
from rnnlab.metrics.resampling import TargetCovariance
from rnnlab.metrics.seed_tests import TargetRows, compare_networks, compare_seeds
from rnnlab.metrics.significance import SIGNIFICANCE_LEVEL, adjust_p_values


def compare_runs(
    *places: str | Path,
    by: str | Sequence[str] = (),
    metric: str | None = None,
    mode: str | None = None,
) -> RunComparison:
    """Compare finished runs, as `rnnlab compare <places>` does; it is displayed in a notebook.

    docs/compare.md explains the statistics.

    Args:
        places: folders of runs or searches, folders above them, or patterns.
        by: settings that distinguish configurations, a list or with commas; all in which the runs
            differ by default.
        metric: that decides, such as test/f1; the monitored one, on the test split, by default.
        mode: min | max; only needed for a metric that the package does not know.

    Raises:
        ConfigError: the runs cannot be compared; the message says what differs.
    """
    runs, notes = find_runs([str(place) for place in places])
    return compare_finished_runs(runs, by, metric, mode, notes=notes)


def compare_finished_runs(
    runs: Sequence[FinishedRun],
    by: str | Sequence[str] = (),
    metric: str | None = None,
    mode: str | None = None,
    *,
    level: float = SIGNIFICANCE_LEVEL,
    notes: Sequence[str] = (),
) -> RunComparison:
    """Compare finished runs; see compare_runs.

    Args:
        runs: the runs.
        by: settings that distinguish configurations; see compare_runs.
        metric: that decides.
        mode: min | max.
        level: adjusted p-values below it are a verdict.
        notes: on runs that are left out.

    Raises:
        ConfigError: the runs cannot be compared; the message says what differs.
    """
    names = by.split(",") if isinstance(by, str) and by else by
    groups, duplicates = group_runs(runs, names)
    metric = metric or default_metric(runs)
    mode = choose_mode(runs, metric, mode)
    pairs = [(group, group.scores(metric)) for group in groups]
    missing = [f"{group.label}: no run has {metric}" for group, scores in pairs if not scores]
    missing += [
        f"{group.label}: {metric} of {group.runs[repeat].folder} is not finite: nothing is tested"
        for group, scores in pairs
        for repeat, score in scores.items()
        if not math.isfinite(score)
    ]
    members = [ComparedGroup(group, scores) for group, scores in pairs if scores]
    if not members:
        raise ConfigError(unknown_name(f"--metric {metric}: ", metric, common_scores(runs)))
    if metric.startswith("test/"):
        check_same_targets(groups)
    sign = -1 if mode == "max" else 1
    members.sort(key=lambda one: (math.isnan(one.mean), sign * one.mean))
    targets, reason = find_target_covariance(members, metric)
    members = compare_single_networks(assess_groups(members, mode, targets, level), targets)
    all_notes = (*notes, *duplicates, *missing)
    return RunComparison(metric, mode, tuple(members), all_notes, targets, reason, level)


def find_target_covariance(
    members: Sequence[ComparedGroup], metric: str
) -> tuple[TargetCovariance | None, str]:
    """Return the covariance of all scores over test targets, or None and why it is not known."""
    if len(members) < 2:
        return None, ""
    runs = [one.group.runs[repeat] for one in members for repeat in one.scores]
    try:
        return estimate_target_covariance(runs, metric), ""
    except UntestableError as reason:
        return None, str(reason)


def common_scores(runs: Sequence[FinishedRun]) -> list[str]:
    """Return the names of the scores that every run has."""
    first, *others = (list(run.report["scores"]) for run in runs)
    return [name for name in first if all(name in names for names in others)]


def default_metric(runs: Sequence[FinishedRun]) -> str:
    """Return the monitored metric, on the test split where all runs have it.

    Raises:
        ConfigError: the runs monitor different metrics.
    """
    monitors = {run.report["monitor"] for run in runs}
    if len(monitors) > 1:
        common = common_scores(runs)
        message = (
            f"the runs monitor different metrics, {', '.join(sorted(monitors))}: choose one that "
            f"all have, --metric {(common or ['<name>'])[0]}"
        )
        suggestions = [f"--metric {name}" for name in common]
        raise ConfigError(Problem(message, "--metric", None, common, suggestions))
    (monitor,) = monitors
    test_metric = f"test/{monitor.partition('/')[2]}"
    return test_metric if test_metric in common_scores(runs) else monitor


def choose_mode(runs: Sequence[FinishedRun], metric: str, mode: str | None) -> str:
    """Return min or max: which scores of a metric are better.

    Raises:
        ConfigError: `mode` is neither of them, and not None.
    """
    if mode not in (None, "min", "max"):
        raise ConfigError(unknown_name(f"mode={mode}: ", str(mode), ("min", "max")))
    if mode:
        return mode
    name = metric.partition("/")[2]
    for run in runs:
        if run.report["monitor"].partition("/")[2] == name:
            return run.settings["mode"].strip('"')
    return "max" if name in HIGHER_IS_BETTER else "min"


def check_same_targets(groups: Sequence[Group]) -> None:
    """Check that all configurations were tested on the same targets, seed by seed.

    Raises:
        ConfigError: two were not; the message says what differs.
    """
    for first, second in combinations(groups, 2):
        common = first.runs.keys() & second.runs.keys()
        pairs = [(first.runs[key], second.runs[key]) for key in sorted(common)]
        for one, other in pairs or [(first.first, second.first)]:
            if evaluated_targets(one) != evaluated_targets(other):
                message = (
                    f"{one.folder} and {other.folder} were tested on different targets, so that "
                    f"their scores cannot be compared: {describe_difference(one, other)}"
                )
                places = [str(run.folder) for run in (one, other)]
                raise ConfigError(Problem(message, "folders", places))


def evaluated_targets(run: FinishedRun) -> tuple[int, str]:
    """Return the number and the checksum of the test targets of a run."""
    report = run.report
    return report["evaluated_targets"].get("test", 0), report.get("targets_sha256", "")


def describe_difference(one: FinishedRun, other: FinishedRun) -> str:
    """Return how the targets of two runs differ, and the settings of the data that differ."""
    (count, checksum), (other_count, other_checksum) = (
        evaluated_targets(one),
        evaluated_targets(other),
    )
    names = dict.fromkeys([*one.settings, *other.settings])
    settings = [
        f"{name} {one.settings.get(name)} and {other.settings.get(name)}"
        for name in names
        if name.startswith("data.") and one.settings.get(name) != other.settings.get(name)
    ]
    if count != other_count:
        what = f"{count:,} and {other_count:,} targets"
    else:
        what = f"{count:,} targets with sha256 {checksum[:12]} and {other_checksum[:12]}"
    return "; ".join([what, *settings])


def assess_groups(
    members: Sequence[ComparedGroup], mode: str, targets: TargetCovariance | None, level: float
) -> list[ComparedGroup]:
    """Return the configurations with a verdict against the first one.

    The p-values are adjusted for all pairs, as the leader was chosen by the same scores.

    Args:
        members: the configurations, the best first.
        mode: min | max.
        targets: covariance of the runs of all members, in their order; None if it is not known.
        level: p-values below it are a verdict.
    """
    leader, *others = members
    rows = number_rows(members)
    pairs = list(combinations(range(len(members)), 2))
    tests = [
        compare_seeds(
            members[i].scores,
            members[j].scores,
            TargetRows(targets, rows[i], rows[j]) if targets else None,
        )
        for i, j in pairs
    ]
    p_values = adjust_p_values([test.p for test in tests])
    results = [leader]
    for other, test, p in zip(others, tests, p_values, strict=False):  # pairs (0, j) come first
        gain = test.gain if mode == "max" else -test.gain
        verdict: Verdict = "worse" if p < level and gain > 0 else "undecided"
        results.append(replace(other, verdict=verdict, test=test, p=p))
    if others and all(one.verdict == "worse" for one in results[1:]):
        results[0] = replace(leader, verdict="better")
    return results


def number_rows(members: Sequence[ComparedGroup]) -> list[dict[str, int]]:
    """Return repeat -> row in a matrix of all runs, of each configuration."""
    numbers = iter(range(sum(len(one.scores) for one in members)))
    return [{repeat: next(numbers) for repeat in one.scores} for one in members]


def compare_single_networks(
    members: Sequence[ComparedGroup], targets: TargetCovariance | None
) -> list[ComparedGroup]:
    """Return the configurations with tests of their networks, if all have one run each."""
    if targets is None or any(len(one.scores) > 1 for one in members):
        return list(members)
    pairs = list(combinations(range(len(members)), 2))
    gains = [members[i].mean - members[j].mean for i, j in pairs]
    tests = [
        compare_networks(gain, i, j, targets) for gain, (i, j) in zip(gains, pairs, strict=True)
    ]
    p_values = adjust_p_values([test.p for test in tests])
    network_tests = [replace(test, p=p) for test, p in zip(tests, p_values, strict=True)]
    leader, *others = members
    return [
        leader,
        *(
            replace(one, network_test=test)
            for one, test in zip(others, network_tests, strict=False)
        ),
    ]
