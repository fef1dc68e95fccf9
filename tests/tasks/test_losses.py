"""Losses to compare: each against its formula, and what a prediction interval promises."""

import math
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy, huber_loss

from rnnlab.errors import ConfigError
from rnnlab.experiment.run import check, run
from rnnlab.metrics.forecasting import calibrate
from rnnlab.spec import Batch, DataSpec, Units
from rnnlab.tasks import Classification, Forecasting, StepClassification
from rnnlab.tasks.base import Encoding
from rnnlab.tasks.forecasting import TRANSFORMS
from rnnlab.tasks.losses import (
    CLASS_LOSSES,
    FORECAST_LOSSES,
    ClassLossName,
    ForecastLossName,
    QuantileLoss,
    focal,
)
from tests.helpers.configs import small

LEVELS = (0.1, 0.5, 0.9)


def forecast_loss(name: ForecastLossName, predictions: Tensor, targets: Tensor) -> Tensor:
    losses: Tensor = FORECAST_LOSSES[name](1.5, LEVELS)(predictions, targets)
    assert losses.shape == targets.shape
    return losses.mean()


def test_every_name_has_its_loss() -> None:
    assert set(get_args(ForecastLossName)) == set(FORECAST_LOSSES)
    assert set(get_args(ClassLossName)) == set(CLASS_LOSSES)


# Of a forecast.


def test_losses_of_a_forecast_by_hand() -> None:
    """Errors 1 and -3; Huber's turns into a line at 1.5."""
    predictions, targets = torch.tensor([[[2.0]], [[1.0]]]), torch.tensor([[[1.0]], [[4.0]]])
    assert forecast_loss("mse", predictions, targets) == (1 + 9) / 2
    assert forecast_loss("mae", predictions, targets) == (1 + 3) / 2
    by_hand = (0.5 * 1**2 + 1.5 * (3 - 0.5 * 1.5)) / 2
    assert forecast_loss("huber", predictions, targets) == by_hand
    assert forecast_loss("huber", predictions, targets) == huber_loss(
        predictions, targets, delta=1.5
    )


def test_the_pinball_loss_by_hand() -> None:
    """The truth is 1: below 2 costs (1 - q) 1 where the forecast is too high, q 1 where too low."""
    too_high = forecast_loss("quantile", torch.full((1, 1, 1, 3), 2.0), torch.ones(1, 1, 1))
    assert float(too_high) == pytest.approx((0.9 + 0.5 + 0.1) / 3)
    too_low = forecast_loss("quantile", torch.zeros(1, 1, 1, 3), torch.ones(1, 1, 1))
    assert float(too_low) == pytest.approx((0.1 + 0.5 + 0.9) / 3)


@given(
    values=st.lists(st.integers(-50, 50), min_size=1, max_size=12),
    level=st.sampled_from([0.1, 0.25, 0.5, 0.8]),
)
def test_the_pinball_loss_is_least_at_the_quantile(values: list[int], level: float) -> None:
    """Of all values that were seen none costs less than the empirical quantile."""
    loss = QuantileLoss([min(level, 0.25) / 2, 0.5, max(level, 0.5) + 0.1])
    loss.levels = torch.tensor([level], dtype=torch.float64)
    targets = torch.tensor(values, dtype=torch.float64)
    best = np.quantile(values, level, method="inverted_cdf")

    def cost(guess: float) -> float:
        guesses = torch.full((len(values), 1), guess, dtype=torch.float64)
        return float(loss(guesses, targets).mean())

    assert cost(best) <= min(cost(guess) for guess in range(-51, 52)) + 1e-12


@pytest.mark.parametrize("name", get_args(ForecastLossName))
def test_gradients_of_a_forecast_loss_are_those_of_its_formula(name: ForecastLossName) -> None:
    torch.manual_seed(0)
    shape = (4, 3, 2, 3) if name == "quantile" else (4, 3, 2)
    predictions = 2 * torch.randn(shape, dtype=torch.float64, requires_grad=True)
    targets = torch.randn(4, 3, 2, dtype=torch.float64)
    loss = FORECAST_LOSSES[name](1.5, LEVELS).double()
    assert torch.autograd.gradcheck(lambda given: loss(given, targets).mean(), predictions)


@pytest.mark.parametrize(
    "quantiles", [[0.5], [0.1, 0.9], [0.9, 0.5, 0.1], [0.1, 0.5, 0.5, 0.9], [0.5, 0.9]]
)
def test_quantiles_that_make_no_fan_are_refused(quantiles: list[float], tmp_path: Path) -> None:
    plain = small("sine", tmp_path)
    plain["task"] |= {"loss": "quantile", "quantiles": quantiles}
    with pytest.raises(ConfigError, match=r"task\.quantiles=.*such as \[0\.1,0\.5,0\.9\]"):
        check(plain)


def test_a_quantile_outside_of_0_to_1_is_refused(tmp_path: Path) -> None:
    plain = small("sine", tmp_path)
    plain["task"] |= {"loss": "quantile", "quantiles": [0.0, 0.5, 1.0]}
    with pytest.raises(ConfigError, match=r"task\.quantiles\.0=0\.0"):
        check(plain)


@pytest.mark.parametrize("transform", ["difference", "log_return"])
def test_quantiles_of_steps_that_are_added_up_are_refused(transform: str, tmp_path: Path) -> None:
    plain = small("csv_series", tmp_path, report_in="original", transform=transform)
    plain["task"] |= {"loss": "quantile"}
    with pytest.raises(ConfigError, match=r"data\.horizon=3 a forecast is a sum of steps"):
        check(plain)
    plain["data"] |= {"horizon": 1}
    check(plain)


# Prediction intervals.


def interval_task(transform: str, horizon: int = 1) -> Forecasting:
    spec = DataSpec(output_size=1, input_size=1, horizon=horizon, transform=transform)
    return Forecasting(spec, loss="quantile", quantiles=LEVELS)


def batch_of(targets: Tensor) -> Batch:
    count = len(targets)
    units = Units(*(torch.full((count, 1, 1), value) for value in (0.5, 2.0, 7.0)))
    lengths, rows = torch.ones(count, dtype=torch.int64), torch.arange(count)
    return Batch(torch.zeros(count, 1, 1), lengths, targets, rows, units)


@pytest.mark.parametrize("loss", FORECAST_LOSSES)
@pytest.mark.parametrize(("count", "horizon"), [(1, 1), (7, 1), (33, 5)])
def test_complete_targets_have_the_loss_of_those_whose_gaps_are_looked_for(
    loss: ForecastLossName, count: int, horizon: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = DataSpec(output_size=1, input_size=1, horizon=horizon)
    task = Forecasting(spec, loss=loss, quantiles=LEVELS)
    torch.manual_seed(0)
    batch = batch_of(torch.randn(count, horizon, 1))
    shape = (count, horizon, 1, *[len(LEVELS)] * (loss == "quantile"))
    predictions = torch.randn(shape, requires_grad=True)

    def values() -> tuple[Tensor, Tensor, int]:
        mean = task.loss(predictions, batch)
        (gradient,) = torch.autograd.grad(mean, predictions)
        return mean.detach(), gradient, int(task.num_targets(batch))

    mean, gradient, num_targets = values()
    monkeypatch.setattr("rnnlab.tasks.forecasting.has_no_gaps", lambda values: False)
    other_mean, other_gradient, other_num_targets = values()
    assert torch.equal(mean, other_mean)
    assert torch.equal(gradient, other_gradient)
    assert num_targets == other_num_targets == count


def test_a_missing_target_is_not_complete() -> None:
    task = interval_task("none", horizon=2)
    targets = torch.tensor([[[1.0], [math.nan]], [[math.nan], [math.nan]], [[2.0], [3.0]]])
    assert int(task.num_targets(batch_of(targets))) == 2
    predictions = torch.zeros(3, 2, 1, len(LEVELS))
    assert task.loss(predictions, batch_of(targets)).isfinite()


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_an_interval_in_target_units_covers_the_same_share(transform: str) -> None:
    """All transforms keep the order, so that a quantile stays a quantile."""
    torch.manual_seed(0)
    task, batch = interval_task(transform), batch_of(5 + torch.rand(200, 1, 1))
    assert batch.units is not None
    location, scale, anchor = batch.units[:3]
    wanted = (TRANSFORMS[transform].apply(batch.targets, anchor) - location) / scale
    levels = torch.quantile(wanted.flatten(), torch.tensor(LEVELS)).expand(200, 1, 1, 3)
    encoding = Encoding(torch.zeros(200, 1, 1), batch.lengths)
    answer = task.decode(levels.flip(-1), encoding, batch)  # crossing, as a network may say
    assert (answer.diff(dim=-1) > 0).all()
    shares = (batch.targets.unsqueeze(-1) <= answer).float().mean(dim=(0, 1, 2))
    assert shares.tolist() == pytest.approx(LEVELS, abs=0.01)
    torch.testing.assert_close(task.metric_inputs(levels, batch)[0], answer[..., 1])


def test_calibration_by_hand() -> None:
    truth = np.array([0.0, 1.0, 2.0, 3.0]).reshape(4, 1, 1)
    quantiles = np.broadcast_to(np.array([0.5, 1.5, 2.5]), (4, 1, 1, 3))
    found = calibrate(quantiles, truth, LEVELS)
    assert found.share_below.tolist() == [0.25, 0.5, 0.75]
    assert (found.coverage, found.width) == (0.5, 2.0)
    losses = [
        max(q * (y - f), (q - 1) * (y - f))
        for y in (0, 1, 2, 3)
        for q, f in zip(LEVELS, (0.5, 1.5, 2.5), strict=True)
    ]
    assert found.pinball == pytest.approx(sum(losses) / 12)
    torch_loss = QuantileLoss(LEVELS).double()(torch.tensor(quantiles), torch.tensor(truth)).mean()
    assert found.pinball == pytest.approx(float(torch_loss))


@pytest.mark.slow
@pytest.mark.usefixtures("no_plots")
def test_quantiles_of_a_sine_with_noise_are_those_of_the_noise(tmp_path: Path) -> None:
    """80% of normal noise with sigma 0.1 lie in an interval 0.256 wide."""
    plain = small("sine", tmp_path)
    plain["data"] |= {"num_series": 160, "num_eval_series": 100, "steps": 200, "seq_len": 50}
    plain["data"] |= {"first_target": 100, "batch_size": 64}
    plain["model"] |= {"hidden_size": 32}
    plain["task"] |= {"loss": "quantile"}
    plain["trainer"] |= {"max_epochs": 3}
    scores = run(plain).report["scores"]
    assert scores["test/coverage"] == pytest.approx(0.8, abs=0.03)
    assert scores["test/width"] == pytest.approx(2 * 1.2816 * 0.1, rel=0.08)
    assert scores["test/noise_ratio"] < 1.15


# Of classes.


def test_the_focal_loss_by_hand() -> None:
    scores = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    right = [math.exp(2) / (math.exp(2) + 1), 0.5]
    by_hand = [(1 - p) ** 2 * -math.log(p) for p in right]
    found = focal(scores, torch.tensor([0, 1]), 0.0, 2.0)
    assert found.tolist() == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_focal_loss_with_gamma_0_is_the_cross_entropy(smoothing: float) -> None:
    torch.manual_seed(0)
    scores, targets = torch.randn(20, 4), torch.randint(4, (20,))
    wanted = cross_entropy(scores, targets, reduction="none", label_smoothing=smoothing)
    torch.testing.assert_close(focal(scores, targets, smoothing, 0.0), wanted)
    assert (focal(scores, targets, smoothing, 2.0) < wanted).all()


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients_of_the_focal_loss_are_finite_and_those_of_its_formula(gamma: float) -> None:
    torch.manual_seed(0)
    scores = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(3, (6,))
    assert torch.autograd.gradcheck(lambda given: focal(given, targets, 0.1, gamma), scores)
    certain = torch.tensor([[200.0, -200.0]], requires_grad=True)
    focal(certain, torch.tensor([0]), 0.0, gamma).sum().backward()
    assert certain.grad is not None
    assert certain.grad.isfinite().all()


def test_weights_and_smoothing_apply_to_the_focal_loss_in_training_alone() -> None:
    spec = DataSpec(output_size=2, num_tokens=5, class_counts=(30, 10))
    settings: dict[str, Any] = {"label_smoothing": 0.2, "class_weights": "balanced"}
    task = Classification(spec, loss="focal", focal_gamma=1.0, **settings)
    scores, targets = torch.tensor([[1.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1])
    batch = Batch(torch.ones(2, 1), torch.ones(2), targets, torch.arange(2))
    plain, smooth = (focal(scores, targets, share, 1.0) for share in (0.0, 0.2))
    torch.testing.assert_close(task.eval().loss(scores, batch), plain.mean())
    weighted = (smooth * torch.tensor([2 / 3, 2.0])).mean()
    torch.testing.assert_close(task.train().loss(scores, batch), weighted)


def test_steps_have_the_focal_loss_too() -> None:
    task = StepClassification(DataSpec(output_size=3, num_tokens=5), loss="focal")
    scores, targets = torch.randn(2, 4, 3), torch.randint(3, (2, 4))
    batch = Batch(torch.ones(2, 4), torch.full((2,), 4), targets, torch.arange(2))
    wanted = focal(scores.reshape(8, 3), targets.flatten(), 0.0, 2.0).mean()
    torch.testing.assert_close(task.loss(scores, batch), wanted)


# All of them, in a run.

EVERYWHERE = [
    *((data, name) for data in ("sine", "csv_series") for name in get_args(ForecastLossName)),
    *((data, name) for data in ("imdb", "copying") for name in get_args(ClassLossName)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("data", "name"), EVERYWHERE)
def test_every_loss_trains_a_step(
    data: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rnnlab.plots.figures.save_figure", lambda figure, path: path)
    plain = small(data, tmp_path)
    limits = {f"limit_{split}_batches": 1 for split in ("train", "val", "test")}
    plain["trainer"] |= {"max_epochs": 1, "log_every_n_steps": 1, **limits}
    plain["task"] |= {"loss": name}
    report = run(plain).report
    assert report["status"] == "finished"
    assert math.isfinite(report["scores"]["val/loss"])
    assert ("test/coverage" in report["scores"]) == (name == "quantile")
