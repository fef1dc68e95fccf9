"""Analysis of forecasts: prediction intervals and their calibration."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from rnnlab.analysis import AnalysisResult, ForecastingAnalysis, TestPredictions
from rnnlab.analysis.forecasting import quantile_bands
from rnnlab.metrics.conformal import interval_ends
from rnnlab.models import GRU
from rnnlab.spec import DataSpec
from rnnlab.tasks import Forecasting


def interval_task(horizon: int = 1) -> Forecasting:
    spec = DataSpec(output_size=1, input_size=1, horizon=horizon)
    return Forecasting(spec, loss="quantile", quantiles=(0.1, 0.5, 0.9))


def analyze(predictions: Tensor, targets: Tensor) -> AnalysisResult:
    example = {"history": np.zeros((9, 1))}
    model = GRU(interval_task(targets.shape[1]), hidden_size=2)
    return ForecastingAnalysis().analyze(
        model, TestPredictions(predictions, targets, lambda i: example)
    )


def test_intervals_lie_around_the_median() -> None:
    assert interval_ends([0.1, 0.5, 0.9]) == [(0, 2)]
    assert interval_ends([0.05, 0.1, 0.5, 0.9]) == [(0, 3)]


def test_the_intervals_of_the_figure_are_the_predicted_quantiles() -> None:
    predictions = torch.tensor([-1.0, 0.0, 2.0]).expand(5, 1, 1, 3)
    test = TestPredictions(predictions, torch.zeros(5, 1, 1), lambda i: {})
    ((name, low, high),) = quantile_bands(interval_task(), test, np.array([0, 4]), np.array([0, 0]))
    assert (name, low.tolist(), high.tolist()) == ("80% interval", [[-1], [-1]], [[2], [2]])


@pytest.mark.parametrize("horizon", [1, 4])
def test_an_interval_is_drawn_around_its_forecast(
    horizon: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figure has a band from the lowest to the highest quantile, with a name."""
    drawn = []
    monkeypatch.setattr(
        "rnnlab.plots.figures.save_figure", lambda figure, path: drawn.append(figure) or path
    )
    predictions = torch.tensor([-1.0, 0.0, 2.0]).expand(6, horizon, 1, 3)
    analyze(predictions, torch.zeros(6, horizon, 1)).save(tmp_path)
    axis = drawn[0].axes[0]
    (band,) = axis.collections
    heights = np.concatenate([path.vertices[:, 1] for path in band.get_paths()])
    assert (band.get_label(), heights.min(), heights.max()) == ("80% interval", -1, 2)
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()][-1] == "80% interval"


def test_intervals_are_assessed_without_baselines_too() -> None:
    predictions = torch.tensor([-1.0, 0.0, 2.0]).expand(4, 1, 1, 3)
    targets = torch.tensor([-2.0, -0.5, 0.5, 3.0]).reshape(4, 1, 1)
    result = analyze(predictions, targets)
    assert result.scores["coverage"] == 0.5
    assert result.scores["width"] == 3
    assert "should contain 80.0% of the targets and contains 50.0%" in result.statements[0]
    assert result.details["quantiles"]["share_below"] == {"0.1": 0.25, "0.5": 0.5, "0.9": 0.75}
