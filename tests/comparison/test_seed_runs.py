"""Comparisons that train missing seeds: which runs, when they stop, and how they go on."""

import json
import math
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from rnnlab.commands import compare
from rnnlab.comparison.seed_runs import compare_with_seeds, list_missing_runs
from rnnlab.errors import ConfigError, RunStopped
from rnnlab.metrics.sequential import plan_tests
from rnnlab.report.folder import FORMAT_VERSION, RunFolder

Scores = Callable[[str, int], float]


class Trainer:
    """Training that takes no time: a run gets the score of its model and seed.

    Attributes:
        configs: that were trained.
        stop_at: number of configs at which the training is interrupted.
    """

    def __init__(self, scores: Scores, stop_at: int = 10**6) -> None:
        self.scores, self.stop_at = scores, stop_at
        self.configs: list[dict[str, Any]] = []

    def __call__(self, config: dict[str, Any]) -> None:
        folder = RunFolder(Path(config["resume"] or config["run_dir"]))
        if not config["resume"]:
            folder.path.mkdir(parents=True)
            folder.write_config(config)
        if len(self.configs) == self.stop_at:
            folder.write_report({"status": "stopped"})
            raise RunStopped("stopped")
        self.configs.append(config)
        model, seed = config["model"]["_target_"], config["seed"]
        folder.write_report(
            {
                "format_version": FORMAT_VERSION,
                "status": "finished",
                "seed": seed,
                "monitor": "val/mse",
                "scores": {"test/mse": self.scores(model, seed)},
                "baselines": {},
                "evaluated_targets": {"test": 20},
                "model": {"parameters": 1},
                "seconds": {"fit": 1.0},
            }
        )


def normal_scores(shift: float) -> Scores:
    """Scores of m.B that differ from those of m.A by `shift` and one standard deviation."""

    def score(model: str, seed: int) -> float:
        noise = float(np.random.default_rng([seed, model == "m.B"]).normal(0, math.sqrt(0.5)))
        return 10 + noise + (shift if model == "m.B" else 0.0)

    return score


def start_runs(place: Path, scores: Scores, *seeds: int, **data: Any) -> list[Path]:
    """Train runs of two models."""
    folders = []
    for model in ("A", "B"):
        for seed in seeds:
            folder = place / model / f"run-{seed}"
            config = {"seed": seed, "variant": f"seed {seed}", "mode": "min"}
            config |= {"data": {"seed": seed, "path": "a.csv", **data}}
            config |= {"model": {"_target_": f"m.{model}"}, "run_dir": str(folder), "resume": None}
            Trainer(scores)(config)
            folders.append(folder)
    return folders


def test_missing_seeds_are_trained_in_pairs(tmp_path: Path) -> None:
    scores = normal_scores(0.0)
    places = start_runs(tmp_path, scores, 3)
    runs = list_missing_runs(places, 10)
    assert [(run.label, run.seed) for run in runs[:3]] == [
        ("model=A", 0),
        ("model=B", 0),
        ("model=A", 1),
    ]
    train = Trainer(scores)
    result = compare_with_seeds(places, 10, train)
    seeds = [config["seed"] for config in train.configs]
    assert seeds == [seed for seed in range(10) if seed != 3 for _ in range(2)]
    assert all(config["data"]["seed"] == config["seed"] for config in train.configs)
    assert [len(one.scores) for one in result.groups] == [10, 10]
    assert result.groups[1].verdict == "undecided"
    assert result.level == plan_tests(10).levels[10]
    assert "after 10 of 10 planned pairs" in result.statements[-1]
    again = Trainer(scores)
    assert compare_with_seeds(places, 10, again).rows() == result.rows()
    assert again.configs == []


def test_a_clear_answer_ends_the_training(tmp_path: Path) -> None:
    scores = normal_scores(20.0)
    train = Trainer(scores)
    result = compare_with_seeds(start_runs(tmp_path, scores, 0), 10, train)
    assert len(train.configs) == 10  # five pairs, and the one that was there
    assert result.groups[1].verdict == "worse"
    assert "after 6 of 10 planned pairs" in result.statements[-1]


def test_an_interrupted_comparison_goes_on(tmp_path: Path) -> None:
    scores = normal_scores(0.5)
    whole = compare_with_seeds(start_runs(tmp_path / "whole", scores, 0), 8, Trainer(scores))
    places = start_runs(tmp_path / "parts", scores, 0)
    configs = []
    for stop_at in (0, 1, 3, 100):
        train = Trainer(scores, stop_at)
        try:
            result = compare_with_seeds(places, 8, train)
        except RunStopped:
            assert stop_at < 100
        configs += train.configs
    assert result.rows() == whole.rows()
    assert len(configs) == 2 * (len(whole.groups[0].scores) - 1)
    assert sum(config["resume"] is not None for config in configs) == 3


def test_the_data_of_one_seed_stay_the_same(tmp_path: Path) -> None:
    """data.seed=0 was typed: all seeds have the same data."""
    scores = normal_scores(0.0)
    places = start_runs(tmp_path, scores, 1, 2, **{"seed": 7})
    train = Trainer(scores)
    compare_with_seeds(places, 6, train)
    assert {config["data"]["seed"] for config in train.configs} == {7}


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    scores = normal_scores(0.0)
    places = start_runs(tmp_path, scores, 0)
    with pytest.raises(ConfigError, match="--seeds 5: must be 6 to 200"):
        compare_with_seeds(places, 5, Trainer(scores))
    with pytest.raises(ConfigError, match=r"trains two configurations, and .* has 1: all runs"):
        compare_with_seeds(places[:1], 6, Trainer(scores))
    start_runs(tmp_path / "other", scores, 0, length=3)
    with pytest.raises(ConfigError, match=r"has 4: .*Give the folders of two, such as ") as error:
        list_missing_runs([tmp_path], 6)
    typed = shlex.split(error.value.problems[0].suggestions[0])
    assert len(typed) == 2
    assert list_missing_runs(typed, 6)
    RunFolder(places[1]).write_config(
        {**RunFolder(places[1]).read_config(), "data": {"seed": 5, "path": "a.csv"}}
    )
    with pytest.raises(ConfigError, match="cannot be paired by their seeds: model=A has seed=0"):
        list_missing_runs(places, 6)


def test_the_command_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = normal_scores(20.0)
    places = [str(place) for place in start_runs(tmp_path, scores, 0)]
    monkeypatch.setattr(compare, "train_stored", Trainer(scores, stop_at=3))
    with pytest.raises(RunStopped, match=r"to go on: .*compare .*run-0 .*run-0 --seeds 7$"):
        compare.main([*places, "--seeds", "7"])
    capsys.readouterr()
    compare.main([*places, "--seeds", "7", "--dry-run"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert lines[0].startswith("finish model=B with seed 2 in ")
    monkeypatch.setattr(compare, "train_stored", Trainer(scores))
    compare.main([*places, "--seeds", "7", "--format", "json"])
    content = json.loads(capsys.readouterr().out)
    assert [row["n"] for row in content["configurations"]] == [6, 6]
    for words in (["--dry-run"], ["--seeds", "7", "--by", "model"]):
        with pytest.raises(SystemExit):
            compare.main([*places, *words])


@pytest.mark.parametrize(("shift", "low", "high"), [(0.0, 0.0, 0.056), (1.0, 0.785, 1.0)])
def test_all_tests_together_keep_the_level_and_the_power(
    shift: float, low: float, high: float
) -> None:
    """5% of equal pairs differ in any of the tests; one deviation is found as often as by one."""
    differences = np.random.default_rng(1).normal(shift, 1, (20_000, 10))
    is_found = np.zeros(len(differences), bool)
    for count, level in plan_tests(10).levels.items():
        p = stats.ttest_1samp(differences[:, :count], 0, axis=1).pvalue
        is_found |= p < level
    assert low <= is_found.mean() <= high  # more than three standard errors from 5% and 80.2%
