"""Errors of each column and series, and the series that MASE leaves out."""

import csv
import io
import json
from typing import Any

import numpy as np
import pytest
import torch

from rnnlab.analysis import AnalysisResult, ForecastingAnalysis, TestPredictions
from rnnlab.metrics.forecasting import ErrorUnits, measure_forecast
from rnnlab.models import GRU
from rnnlab.spec import DataSpec
from rnnlab.tasks import Forecasting

N, H = 6, 2
SERIES, COLUMNS = ["a", "b"], ["price", "volume"]


def analyze(
    naive_errors: Any = (1.0, 100.0), several: bool = True, baselines: bool = True
) -> AnalysisResult:
    """A network that is wrong by 1 and 200, and a baseline by 2 and 100, of two columns."""
    targets = np.zeros((N, H, 2))
    targets[0, 0, 0] = np.nan
    naive = np.broadcast_to(np.reshape(naive_errors, (-1, 1, 2)), (N, 1, 2))
    units = ErrorUnits(naive, np.full((N, 1, 2), -5.0), np.full((N, 1, 2), (1.0, 100.0)))
    context: dict[str, Any] = {
        "times": np.arange(N) // 2,
        "series": np.array(SERIES * 3 if several else ["a"] * N, dtype=object),
        "variables": COLUMNS,
        "variable": np.broadcast_to([0, 1], (N, 2)),
        "units": units,
    }
    if baselines:

        def forecast(rows: Any) -> Any:
            return np.broadcast_to([2.0, 100.0], (len(rows), H, 2))

        context |= {
            "baselines": {"persistence": forecast},
            "baseline_errors": lambda: {"persistence": measure_forecast(forecast, targets, units)},
            "headline_baselines": ["persistence", "seasonal naive"],
        }
    predictions = torch.tensor([1.0, 200.0], dtype=torch.float64).expand(N, H, 2)
    task = Forecasting(DataSpec(output_size=2, input_size=2, horizon=H))
    example = {"history": np.zeros((9, 2))}
    test = TestPredictions(predictions, torch.from_numpy(targets), lambda i: example, context)
    return ForecastingAnalysis().analyze(GRU(task, hidden_size=2), test)


def test_errors_of_each_column_are_in_its_units_and_the_mean_is_of_scaled_ones() -> None:
    result = analyze()
    columns = result.details["by_column"]
    assert columns["price"]["network"]["mse"] == 1
    assert columns["price"]["network"]["values"] == N * H - 1
    assert columns["volume"]["network"] | {"smape": 0} == {
        **{"values": N * H, "mse": 200**2, "mae": 200, "mase": 2, "smape": 0}
    }
    assert result.baselines["persistence"]["mse"] == pytest.approx((11 * 2**2 + 12 * 1) / 23)
    assert result.details["by_series"]["b"]["volume"]["persistence"]["mae"] == 100
    json.dumps(result.details, allow_nan=False)


def test_the_short_table_has_a_row_for_each_column_and_the_best_baseline() -> None:
    (title, rows), *rest = analyze().tables.items()
    assert "errors_by_series.csv" in title
    assert not rest
    assert [row["column"] for row in rows] == COLUMNS
    assert rows[1] == {
        **{"column": "volume", "mse": 200**2, "mae": 200.0, "mase": 2.0},
        **{"best baseline": "persistence", "its mse": 100**2, "its mase": 1.0},
    }


def test_the_file_has_every_series_column_and_forecast() -> None:
    rows = list(csv.DictReader(io.StringIO(analyze().texts["errors_by_series.csv"]())))
    assert len(rows) == (1 + len(SERIES)) * len(COLUMNS) * 2
    found = {(row["series"], row["column"], row["forecast"]): float(row["mse"]) for row in rows}
    assert found["", "volume", "network"] == found["a", "volume", "network"] == 200**2


def test_series_without_a_naive_error_are_counted_and_named() -> None:
    a_is_constant = [[0.0, 100.0], [1.0, 100.0]] * 3
    result = analyze(a_is_constant)
    assert result.details["mase"] == {"undefined": 1, "of": 4, "names": ["price of a"]}
    assert result.scores["mase"] == pytest.approx((6 * 1 + 12 * 2) / 18)
    assert result.details["by_series"]["a"]["price"]["network"]["mase"] is None
    assert result.statements[0] == (
        "MASE leaves out 1 of 4 series, whose values do not change in training: price of a."
    )


def test_mase_is_undefined_if_no_series_is_left() -> None:
    result = analyze((0.0, 0.0))
    assert result.scores.keys() == {"smape"}
    assert "mase" not in result.baselines["persistence"]
    assert result.statements[0].startswith("MASE is undefined")
    json.dumps([result.details, result.scores, result.baselines], allow_nan=False)


def test_without_baselines_nothing_is_compared() -> None:
    result = analyze(baselines=False)
    assert result.baselines == {}
    assert result.statements == []
    assert result.details["by_column"]["price"].keys() == {"network"}
    assert result.scores.keys() == {"smape", "mase"}
