"""Answers of studies whose scores are written by hand: what is true is known."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest

from rnnlab.comparison.runs import FinishedRun
from rnnlab.errors import ConfigError
from rnnlab.sweeps.answer.answer import AnswerPart, StudyAnswer, comparison_parts, importance_part
from rnnlab.sweeps.answer.front import find_front
from rnnlab.sweeps.answer.importance import importance_by_level
from rnnlab.sweeps.answer.levels import compare_levels
from rnnlab.sweeps.answer.runs import StudyRuns, make_point, score_of
from rnnlab.sweeps.schema import AnswerSettings
from rnnlab.sweeps.space.dimensions import Space

SPACE = {"seed": {"low": 0, "high": 7, "step": 1}, "model": ["gru", "lstm"], "layers": [1, 2]}
MSE = partial(score_of, metric="test/mse")


def written_run(score: float, targets: str = "a", **details: Any) -> FinishedRun:
    report = {
        "monitor": "val/mse",
        "seed": 0,
        "scores": {"val/mse": score, "test/mse": score},
        "baselines": {},
        "evaluated_targets": {"test": 20},
        "targets_sha256": targets,
        "model": {"parameters": 1234},
        "seconds": {"fit": 2.0},
        "speed": {"samples_per_second": 100.0, "training_seconds": details.pop("seconds", 1.0)},
        "details": details,
    }
    return FinishedRun(Path("runs"), report, {"mode": '"min"', "seed": "0"})


def written_study(
    run: Callable[[int, dict[str, str]], FinishedRun | None], raw: dict[str, Any] = SPACE
) -> StudyRuns:
    """A study whose runs are those that a function returns; None for a run without a score."""
    space = Space.parse(raw)
    points = tuple(make_point(space, values) for values in space.points())
    runs = {i: run(point.seed, dict(point.levels)) for i, point in enumerate(points)}
    complete = {i: one for i, one in runs.items() if one is not None}
    count = len(points) - len(complete)
    return StudyRuns(points, complete, {"diverged": count} if count else {})


def scored(seed: int, levels: dict[str, str]) -> FinishedRun:
    """LSTM is better by 1, and both are better with two layers by 10; seeds differ by more."""
    return written_run(
        100 + 30 * math.sin(seed) + (levels["model"] == "gru") + 10 / int(levels["layers"])
    )


def answer_parts(study: StudyRuns, **settings: Any) -> list[AnswerPart]:
    answer = AnswerSettings(**settings)
    metric = answer.metric or "test/mse"
    return list(comparison_parts(answer, study.with_finite(metric), metric))


# Comparison of levels.


def test_the_sentence_names_the_level_that_is_better_and_the_table_agrees() -> None:
    models, layers = answer_parts(written_study(scored), compare=["model", "layers"])
    assert models.sentence.startswith("model=lstm has the best mean test/mse")
    assert "better than model=gru" in models.sentence, "significant, as a seed is a pair"
    assert layers.sentence.startswith("layers=2 has")
    rows = models.values["levels"]
    assert [row["configuration"] for row in rows] == ["model=lstm", "model=gru"]
    assert rows[1]["verdict"] == "worse"
    assert abs(rows[1]["mean"] - rows[0]["mean"]) == pytest.approx(1.0)
    assert [row["n"] for row in rows] == [8, 8], "seeds, not runs: two runs of a seed are no two"
    assert models.rows[0]["test/mse"] == "model=lstm"


def test_a_seed_with_a_missing_run_does_not_count_for_its_level() -> None:
    def diverges(seed: int, levels: dict[str, str]) -> FinishedRun | None:
        return (
            None
            if (seed, levels["model"], levels["layers"]) == (3, "gru", "1")
            else scored(seed, levels)
        )

    study = written_study(diverges)
    comparison = compare_levels(study, "model", "test/mse", "min", MSE)
    assert comparison is not None
    by_label = {one.group.label: one for one in comparison.groups}
    assert "3" not in by_label["model=gru"].scores, "its mean would be that of two layers alone"
    assert len(by_label["model=gru"].scores) == 7
    assert len(by_label["model=lstm"].scores) == 8
    assert comparison.notes == ("1 of 32 runs have no test score (1 diverged)",)


def test_a_score_that_is_not_finite_is_missing() -> None:
    def explodes(seed: int, levels: dict[str, str]) -> FinishedRun:
        is_bad = (seed, levels["model"]) == (3, "gru")
        return written_run(
            math.inf if is_bad else scored(seed, levels).report["scores"]["test/mse"]
        )

    study = written_study(explodes).with_finite("test/mse")
    comparison = compare_levels(study, "model", "test/mse", "min", MSE)
    assert comparison is not None
    assert [len(one.scores) for one in comparison.groups] == [8, 7]
    assert comparison.notes[0].startswith("2 of 32 runs have no test score (2 with test/mse that")


def test_a_study_without_a_complete_seed_has_no_answer() -> None:
    study = written_study(
        lambda seed, levels: scored(seed, levels) if levels["layers"] == "1" else None
    )
    assert compare_levels(study, "model", "test/mse", "min", MSE) is None


def test_other_targets_are_refused_unless_they_are_reported_apart() -> None:
    def two_sets(seed: int, levels: dict[str, str]) -> FinishedRun:
        return written_run(seed + len(levels["model"]), targets=levels["layers"])

    study = written_study(two_sets)
    with pytest.raises(ConfigError, match=r"different targets.*answer\.within"):
        answer_parts(study, compare=["model"])
    one, two = answer_parts(study, compare=["model"], within="layers")
    assert one.sentence.startswith("layers=1: model=gru has the best mean")
    assert two.values["within"] == "2"
    assert StudyAnswer((one, two)).sentence == f"{one.sentence} {two.sentence}"


def test_an_unknown_metric_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"answer\.metric=test/f1: .*choices: test/mse, val/mse"):
        answer_parts(written_study(scored), compare=["model"], metric="test/f1")


def test_settings_of_named_levels_are_factors() -> None:
    cells = {"rnn_1": {"model": "rnn", "layers": 1}, "rnn_2": {"model": "rnn", "layers": 2}}
    cells |= {"gru_1": {"model": "gru", "layers": 1}, "gru_2": {"model": "gru", "layers": 2}}
    study = written_study(scored, {"seed": SPACE["seed"], "cell": {"levels": cells}})
    models, layers = answer_parts(study, compare=["model", "layers"])
    assert models.sentence.startswith("model=rnn has"), "one less than gru"
    assert layers.sentence.startswith("layers=2 has")


def test_a_level_has_the_median_of_the_parameters_of_its_networks() -> None:
    def run(seed: int, levels: dict[str, str]) -> FinishedRun:
        done = scored(seed, levels)
        model = {"parameters": 100 * int(levels["layers"])}
        return replace(done, report={**done.report, "model": model})

    models, layers = answer_parts(written_study(run), compare=["model", "layers"])
    assert [row["parameters"] for row in models.values["levels"]] == [150, 150]
    assert [row["parameters"] for row in layers.values["levels"]] == [200, 100]


# Pareto front.


def test_the_front_has_what_no_other_configuration_beats(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    costs = {("gru", "1"): (3.0, 1.0), ("gru", "2"): (2.0, 2.0), ("lstm", "1"): (2.5, 4.0)}
    costs[("lstm", "2")] = (1.0, 8.0)

    def run(seed: int, levels: dict[str, str]) -> FinishedRun:
        score, seconds = costs[levels["model"], levels["layers"]]
        return written_run(score + 0.01 * seed, seconds=seconds)

    (part, _) = answer_parts(written_study(run), compare=["model"], cost="seconds")
    on_front = [one["configuration"] for one in part.values["configurations"] if one["on_front"]]
    assert on_front == ["model=gru, layers=1", "model=gru, layers=2", "model=lstm, layers=2"]
    assert part.sentence.startswith("3 of 4 configurations are on the Pareto front of test/mse")
    assert all(name in part.sentence for name in on_front)
    assert "model=lstm, layers=1" not in part.sentence
    figures: list[Any] = []
    monkeypatch.setattr(
        "rnnlab.sweeps.report.plots.answers.save_figure",
        lambda canvas, path: [path, figures.append(canvas.figure)][0],
    )
    part.plot(tmp_path / "front.png")
    axis = figures[0].axes[0]
    legend = [text.get_text() for text in axis.get_legend().get_texts()]
    assert [name for name in legend if "=" in name] == on_front
    assert [text.get_text() for text in axis.texts] == ["1", "2", "3"]
    assert [row["on the front"] for row in part.rows] == ["yes", "yes", "no", "yes"]


def test_equal_configurations_are_both_on_the_front_and_chance_is_told() -> None:
    def run(seed: int, levels: dict[str, str]) -> FinishedRun:
        noise = math.sin(7 * seed + (levels["model"] == "gru"))
        return written_run(noise)

    study = written_study(run, {"seed": SPACE["seed"], "model": ["gru", "lstm"]})
    front = find_front(study, MSE, lambda run: 1.0, "min")
    assert sum(one.is_optimal for one in front) == 1
    assert all(0.02 < one.certainty < 0.98 for one in front), "either may be there by chance"
    assert sum(one.certainty for one in front) == pytest.approx(1.0)


def test_the_table_shows_the_gradients_of_each_level() -> None:
    def run(seed: int, levels: dict[str, str]) -> FinishedRun:
        one = scored(seed, levels)
        if levels["model"] == "gru":
            one.report["gradient_health"] = {"values": {"clip_rate": int(levels["layers"]) / 4}}
        return one

    (part,) = answer_parts(written_study(run), compare=["model"], gradients=["clip_rate"])
    assert [row["clip_rate"] for row in part.rows] == ["-", "0.3750"]
    assert [row["clip_rate"] for row in part.values["levels"]] == [None, 0.375]


# Trends.


def test_the_trend_compares_how_levels_change_along_a_covariate() -> None:
    def run(seed: int, levels: dict[str, str]) -> FinishedRun:
        loss = 30.0 if levels["model"] == "gru" else 10.0
        table = {"1-4": 60.0 + seed, "5-9": 60.0 + seed - loss}
        return written_run(60.0, bleu_by_length=table)

    study = written_study(run, {"seed": SPACE["seed"], "model": ["gru", "lstm"]})
    _, trend = answer_parts(study, compare=["model"], covariate="bleu_by_length")
    assert "from 1-4 to 5-9" in trend.sentence
    assert trend.rows[0] == {"level": "model=gru", "1-4": "63.5000", "5-9": "33.5000"}
    assert [abs(row["mean"]) for row in trend.values["levels"]] == [30.0, 10.0], "mode is min"
    with pytest.raises(ConfigError, match=r"answer\.covariate=chrf: .*bleu_by_length"):
        answer_parts(study, compare=["model"], covariate="chrf")


# Importance.


def test_the_setting_that_decides_is_the_most_important_one_of_its_data_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rnnlab.sweeps.answer.importance.TRIAL_RESAMPLES", 20)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(120):
        trial = study.ask()
        data = trial.suggest_categorical("data", ["sine", "text"])
        values = {name: trial.suggest_float(name, 0, 1) for name in ("rate", "length")}
        study.tell(trial, values["rate" if data == "sine" else "length"])
    sine, text = importance_by_level(study, "data")
    assert (next(iter(sine.shares)), next(iter(text.shares))) == ("rate", "length")
    assert set(sine.shares) == {"rate", "length"}, "the data set is no setting"
    assert sine.certainty["rate"] > 0.9
    part = importance_part([sine, text])
    assert "data=sine: rate (" in part.sentence
    assert "data=text: length (" in part.sentence
