"""Comparisons over test targets: predictions that are written by hand, with known variances."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlab.comparison.compare import compare_runs
from rnnlab.comparison.result import RunComparison
from rnnlab.comparison.runs import read_run
from rnnlab.comparison.targets import estimate_target_covariance
from rnnlab.report.folder import FORMAT_VERSION, RunFolder

COUNT = 400


def write_tested_run(
    place: Path,
    name: str,
    seed: int,
    columns: Mapping[str, Sequence[Any]],
    task: str = "classification",
    **scores: float,
) -> Path:
    """Write config, report and predictions of a finished run."""
    folder = RunFolder(place / f"{name}-{seed}")
    folder.path.mkdir(parents=True)
    folder.write_config({"mode": "max", "seed": seed, "model": {"_target_": f"m.{name}"}})
    report = {
        "format_version": FORMAT_VERSION,
        "status": "finished",
        "seed": seed,
        "task": task,
        "monitor": f"val/{next(iter(scores))}",
        "scores": {f"test/{key}": value for key, value in scores.items()},
        "baselines": {},
        "evaluated_targets": {"test": len(next(iter(columns.values())))},
        "targets_sha256": "a" * 64,
        "model": {"parameters": 1},
        "seconds": {"fit": 1.0},
    }
    folder.write_report(report)
    with (folder.path / "predictions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return folder.path


def write_classifier(place: Path, name: str, seed: int, hits: Any) -> Path:
    """Write a run that predicts these targets correctly, of the classes a and b in turn."""
    targets = np.array(["a", "b"])[np.arange(len(hits)) % 2]
    predictions = np.where(hits, targets, np.where(targets == "a", "b", "a"))
    columns = {"row": range(len(hits)), "target": targets, "prediction": predictions}
    return write_tested_run(place, name, seed, columns, accuracy=float(np.mean(hits)))


def compare_hits(place: Path, groups: Mapping[str, Sequence[Any]]) -> RunComparison:
    """Compare classifiers: name -> hits (N,) of each seed."""
    for name, seeds in groups.items():
        for seed, hits in enumerate(seeds):
            write_classifier(place, name, seed, np.asarray(hits))
    return compare_runs(place)


def test_two_networks_are_compared_over_targets(tmp_path: Path) -> None:
    first, second = np.ones(COUNT, bool), np.ones(COUNT, bool)
    first[:20], second[10:60] = False, False  # 40 wins, 10 losses
    result = compare_hits(tmp_path, {"A": [first], "B": [second]})
    test = result.groups[1].network_test
    assert result.groups[1].verdict == "undecided"
    assert test is not None
    assert test.gain == pytest.approx(30 / COUNT)
    deviation = math.sqrt(50 / COUNT - (30 / COUNT) ** 2) / math.sqrt(COUNT)
    assert (test.interval[1] - test.gain) / 1.966 == pytest.approx(deviation, rel=0.05)
    assert test.p < 0.001
    assert result.rows()[1]["p"] == 1.0
    assert "undecided: one seed" in result.text_rows()[1]["verdict"]
    (statement,) = result.statements[1:]
    assert statement.startswith("Of these two networks, that of model=A is better than that of")
    assert "paired bootstrap over 400 targets" in statement
    assert "no evidence on the configurations: another seed may reverse it" in statement


def test_the_variances_over_seeds_and_targets_add_up(tmp_path: Path) -> None:
    """A is better on 10% of the targets, whatever the seed; its seeds hardly vary."""
    random = np.random.default_rng(0)
    better = np.arange(COUNT) < 40

    def draw(share: float) -> Any:
        return random.random(COUNT) < np.where(better, share, 0.8)

    groups = {"A": [draw(0.9) for _ in range(8)], "B": [draw(0.1) for _ in range(8)]}
    result = compare_hits(tmp_path, groups)
    test = result.groups[1].test
    assert test is not None
    assert test.target_deviation == pytest.approx(0.8 * math.sqrt(0.1 * 0.9 / COUNT), rel=0.15)
    assert test.p_seeds <= test.p < 0.001
    assert "over seeds and that over 400 targets (paired bootstrap)" in result.statements[1]
    low, high = test.interval or (0, 0)
    assert low < 0.08 < high


def test_too_few_targets_are_no_matter_of_seeds(tmp_path: Path) -> None:
    """Ten seeds agree that A is better on one target in 40: another test split may not."""
    first, second = np.ones(40, bool), np.ones(40, bool)
    second[3] = False
    noise = [np.arange(40) != 20 + seed for seed in range(10)]
    groups = {"A": [first & one for one in noise], "B": [second & one for one in noise]}
    result = compare_hits(tmp_path, groups)
    test = result.groups[1].test
    assert result.groups[1].verdict == "undecided"
    assert test is not None
    assert test.p_seeds < 0.05 < test.p
    assert "it needs more test targets" in result.sentence


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: (path / "predictions.csv").unlink(), "predictions.csv does not exist"),
        (
            lambda path: (path / "predictions.csv").write_text(
                "row,target,prediction\n" + "0,a,b\n" * 40
            ),
            "gives test/accuracy 0, and the report 0.5",
        ),
        (lambda path: (path / "predictions.csv").write_text("row,a\n0,1\n"), "is damaged"),
        (
            lambda path: (path / "report.json").write_text(
                (path / "report.json").read_text().replace("aaaa", "bbbb")
            ),
            "the test targets depend on the seed",
        ),
    ],
)
def test_what_is_not_tested_over_targets_is_said(change: Any, reason: str, tmp_path: Path) -> None:
    hits = np.arange(40) % 4 < 2
    for name in ("A", "B"):
        for seed in range(4):
            path = write_classifier(tmp_path, name, seed, np.roll(hits, seed))
            if seed == 3:
                change(path)
    result = compare_runs(tmp_path)
    assert result.targets is None
    assert result.statements[1].startswith("The verdicts hold for other seeds, not for other test")
    assert reason in result.statements[1]


def write_forecaster(place: Path, name: str, errors: Any, **columns: Any) -> Path:
    """Write a run with these errors of forecasts one step ahead."""
    table = {"row": range(len(errors)), **columns, "step": [1] * len(errors)}
    table |= {"actual": [0.0] * len(errors), "forecast": errors}
    return write_tested_run(
        place, name, 0, table, "forecasting", mse=float(np.mean(np.square(errors)))
    )


def test_forecasts_with_dates_are_compared_over_time(tmp_path: Path) -> None:
    """A loss that stays for long has few independent values: the test must see it."""
    random = np.random.default_rng(1)
    dates = np.arange("2020-01-01", "2023-01-01", dtype="datetime64[D]").astype(str)
    waves = np.repeat(random.normal(0, 1, len(dates) // 40 + 1), 40)[: len(dates)]
    deviations = {}
    for kind, dated in (("dated", {"date": dates}), ("plain", {})):
        for name, shift in (("A", 0.0), ("B", 1.0)):
            losses = 10 + random.normal(0, 1, len(dates)) + shift * waves
            write_forecaster(tmp_path / kind, name, np.sqrt(losses), **dated)
        runs = [read_run(RunFolder(tmp_path / kind / f"{name}-0")) for name in "AB"]
        covariance = estimate_target_covariance(runs, "test/mse")
        deviations[covariance.method] = math.sqrt(covariance.variance_of_networks(0, 1))
    expected = math.sqrt(40 / len(dates) + 2 / len(dates))
    assert deviations["Diebold-Mariano"] == pytest.approx(expected, rel=0.35)
    assert deviations["paired bootstrap"] == pytest.approx(expected, rel=0.5)


def test_all_series_of_a_date_are_one_point_in_time(tmp_path: Path) -> None:
    dates = np.repeat(np.arange(100), 3)
    for name in "AB":
        errors = np.random.default_rng(ord(name)).normal(0, 1, 300)
        write_forecaster(tmp_path, name, errors, series=["x", "y", "z"] * 100, time=dates)
    result = compare_runs(tmp_path, mode="min")
    assert result.targets is not None
    assert result.targets.units == "100 points in time"


def test_a_metric_without_a_test_over_targets_is_named(tmp_path: Path) -> None:
    for name, score in (("A", 0.75), ("B", 0.5)):
        columns = {"row": range(40), "target": ["a"] * 40, "prediction": ["a"] * 40}
        write_tested_run(tmp_path, name, 0, columns, auroc=score)
    assert compare_runs(tmp_path).statements[1] == (
        "Nothing is tested over test targets: predictions.csv does not determine test/auroc."
    )


def test_f1_is_that_of_the_report(tmp_path: Path) -> None:
    hits = np.arange(100) % 7 > 0
    targets = np.array(["ham", "spam"])[np.arange(100) % 2]
    predictions = np.where(hits, targets, "ham")
    spam = 2 * np.sum(hits & (targets == "spam")) / (50 + np.sum(predictions == "spam"))
    for name in "AB":
        columns = {"row": range(100), "target": targets, "prediction": predictions}
        write_tested_run(tmp_path, name, 0, columns, f1=float(spam))
    runs = [read_run(RunFolder(tmp_path / f"{name}-0")) for name in "AB"]
    assert estimate_target_covariance(runs, "test/f1").matrix[0, 0] > 0
