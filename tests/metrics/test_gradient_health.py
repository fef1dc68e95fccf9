"""Clip rates, quantiles, and the sentences about them."""

import math

import numpy as np
import pytest

from rnnlab.metrics.gradient_health import (
    describe_health,
    describe_time,
    report_health,
    summarize_steps,
    summarize_training,
)

NORMS = np.random.default_rng(0).lognormal(size=1000).tolist()


def epoch(threshold: float = math.inf, steps: int = 1000) -> dict[str, float]:
    norms = NORMS[:steps]
    return {**summarize_steps([(n, n, threshold) for n in norms]), "steps": steps, "epoch": 0}


def test_quantiles_and_clip_rate_are_those_of_the_steps() -> None:
    values = summarize_steps([(norm, norm, 2.0) for norm in NORMS])
    assert values["clip_rate"] == sum(norm > 2.0 for norm in NORMS) / 1000
    assert values["grad_norm/median"] == pytest.approx(np.median(NORMS))
    assert values["grad_norm/max"] == max(NORMS)


def test_values_are_counted_where_values_are_clipped() -> None:
    assert summarize_steps([(9.0, 0.1, 0.5), (9.0, 0.6, 0.5)])["clip_rate"] == 0.5


def test_steps_that_are_not_finite_are_counted_apart() -> None:
    values = summarize_steps([(1.0, 1.0, 2.0), (math.inf, math.inf, 2.0), (math.nan,) * 3])
    assert values["grad_norm/nonfinite"] == 2
    assert (values["grad_norm/max"], values["clip_rate"]) == (1.0, 0.0)
    assert "2 of 3 steps" in describe_health({**values, "steps": 3}, {})[0]
    assert summarize_steps([]) == {}


def test_the_clip_rate_of_a_training_is_that_of_all_steps() -> None:
    epochs = [epoch(2.0, 100), epoch(2.0, 1000)]
    expected = sum(n > 2.0 for n in NORMS[:100]) + sum(n > 2.0 for n in NORMS)
    assert summarize_training(epochs)["clip_rate"] == pytest.approx(expected / 1100)
    assert "clip_rate" not in summarize_training([epoch()])


@pytest.mark.parametrize(
    ("threshold", "words"),
    [(1e3, "the threshold has no effect"), (1e-3, "every step is clipped"), (1.0, "of the steps")],
)
def test_a_threshold_is_judged(threshold: float, words: str) -> None:
    (sentence,) = describe_health(summarize_training([epoch(threshold)]), {})
    assert words in sentence
    if threshold != 1.0:
        advice = float(sentence.split("trainer.gradient_clip_val=")[1].split()[0])
        assert np.mean(np.array(NORMS) > advice) == pytest.approx(0.1, abs=0.02)


def test_gradients_vanish_only_if_they_do_in_all_layers() -> None:
    short, long = {0: 1.0, 8: 0.02, 12: 0.005, 16: 0.001}, {0: 1.0, 8: 0.9, 12: 0.5, 16: 0.3}
    assert "vanish within 12 steps (of 16)" in describe_time({"layer 1": short})
    both = describe_time({"layer 1": short, "layer 2": long})
    assert "over all 16 steps" in both
    assert "0.3 of" in both
    assert "vanish within 3 steps (of 3)" in describe_time({"layer 1": {0: 1.0, 3: 0.005}})
    back = {**short, 16: 0.5}  # it comes back
    assert "over all 16 steps" in describe_time({"layer 1": back})


@pytest.mark.parametrize("size", [1e4, math.inf, math.nan])
def test_gradients_explode_if_they_do_in_one_layer(size: float) -> None:
    curves = {"layer 1": {0: 1.0, 9: 0.1}, "layer 2": {0: 1.0, 9: size}}
    sentence = describe_time(curves)
    assert "explode" in sentence
    assert "within 9 steps (layer 2)" in sentence
    stored = report_health([epoch()], {}, curves, "norm")["through_time"]["layer 2"]["9"]
    assert stored == (size if math.isfinite(size) else None)


def test_saturation_dead_units_and_updates_are_mentioned_where_they_matter() -> None:
    values = {"steps": 1, "saturation/gates": 0.7, "dead_units": 0.25, "update_ratio": 0.5}
    gates, dead, update = describe_health(values, {})
    assert "70% of the gates" in gates
    assert "25% of the units are dead" in dead
    assert "lower optimizer.lr" in update
    healthy = {"steps": 1, "saturation/gates": 0.1, "dead_units": 0.0, "update_ratio": 1e-3}
    assert describe_health(healthy, {}) == []
