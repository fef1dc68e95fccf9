"""Baselines of series, recomputed from the raw file with csv and numpy in double precision."""

import csv
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlab.data.datasets.forecasting.csv_series import CsvSeriesDataModule
from rnnlab.data.forecasting import SeriesDataModule

EXACT = 1e-9  # relative
SEQ_LEN, HORIZON, SEASON, WINDOW = 12, 3, 4, 6
COLUMNS = {"price": (50.0, 1.0), "volume": (3e8, 2e7)}  # level and step
DAYS, TRAIN, VAL = 120, 84, 96  # 0.7 and 0.8 of the days
SERIES = ("a", "b")
PENALTIES = [10.0**power for power in range(-8, 2)]
CASES = Path(os.environ.get("RNNLAB_SHARED_DATA", "../shared/data")).parent / "cases" / "series"


@pytest.fixture(params=["complete", "gaps"])
def panel(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Two series of a price and a volume; the second kind of file has empty cells."""
    random = np.random.default_rng(0)
    path = tmp_path / "panel.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["date", "name", *COLUMNS])
        for name in SERIES:
            steps = random.standard_normal((DAYS, 2)).cumsum(axis=0)
            for day in range(DAYS):
                cells = [
                    repr(float(level + step * x))
                    for (level, step), x in zip(COLUMNS.values(), steps[day], strict=True)
                ]
                if request.param == "gaps" and day % 17 == 9:
                    cells[day % 2] = ""
                writer.writerow([np.datetime64("2020-01-01") + day, name, *cells])
    return path


def read_raw(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Name of a series -> its values (N, V), NaN for an empty cell."""
    series: dict[str, list[list[float]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            cells = [float(row[column] or "nan") for column in COLUMNS]
            series.setdefault(row["name"], []).append(cells)
    return {name: np.array(values) for name, values in series.items()}


def fill(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The values with each gap filled by the value before it."""
    filled = values.copy()
    for i in range(1, len(filled)):
        filled[i] = np.where(np.isnan(filled[i]), filled[i - 1], filled[i])
    return filled


def forecast_naively(name: str, filled: Any, first: int) -> Any:
    """Persistence, drift or the seasonal naive forecast of one target, (H, V)."""
    steps = np.arange(1, HORIZON + 1)[:, None]
    if name == "persistence":
        return filled[first - 1] + 0 * steps
    if name == "drift":
        return filled[first - 1] + steps * (filled[TRAIN - 1] - filled[0]) / (TRAIN - 1)
    return np.stack([filled[first + h % SEASON - SEASON] for h in range(HORIZON)])


def standardize(raw: Any, series: str, column: int) -> tuple[Any, Any, float]:
    """One variable in standard deviations of training: gaps filled, with gaps, and the unit."""
    values = raw[series][:, column]
    train = values[:TRAIN][~np.isnan(values[:TRAIN])]
    z = (values - train.mean()) / train.std()
    return fill(z[:, None])[:, 0], z, float(train.std())


def fit_ridge(raw: Any, columns: list[int]) -> Any:
    """The weights (WINDOW, H) and intercept (H,) with the penalty of the least left-out error."""
    pairs = []
    for series in raw:  # the order of the rows has no effect
        for column in columns:
            z, observed, _ = standardize(raw, series, column)
            for first in range(WINDOW, TRAIN - HORIZON + 1):
                targets = observed[first : first + HORIZON]
                if not np.isnan(targets).any():
                    last = z[first - 1]
                    pairs.append((z[first - WINDOW : first] - last, targets - last))
    inputs, outputs = (np.array(part) for part in zip(*pairs, strict=True))
    x, y = inputs - inputs.mean(axis=0), outputs - outputs.mean(axis=0)
    errors, weights = [], []
    for penalty in PENALTIES:
        system = x.T @ x + penalty * np.trace(x.T @ x) / WINDOW * np.eye(WINDOW)
        weights.append(np.linalg.solve(system, x.T @ y))
        leverage = np.diag(x @ np.linalg.solve(system, x.T)) + 1 / len(x)
        errors.append(np.square((y - x @ weights[-1]) / (1 - leverage)[:, None]).sum())
    best = weights[int(np.argmin(errors))]
    return best, outputs.mean(axis=0) - inputs.mean(axis=0) @ best


def forecast_linearly(raw: Any, series: str, column: int, first: int, fit: Any) -> Any:
    """The forecast of a ridge regression for one variable, (H,)."""
    z, _, deviation = standardize(raw, series, column)
    mean = np.nanmean(raw[series][:TRAIN, column])
    last = z[first - 1]
    weights, intercept = fit
    return ((z[first - WINDOW : first] - last) @ weights + intercept + last) * deviation + mean


def recompute(path: Path, first_step: int, end: int) -> dict[str, Any]:
    """Baseline -> (series, column) -> forecasts and targets of all windows, (N, H) each."""
    raw = read_raw(path)
    fits = {"ridge": [fit_ridge(raw, [0, 1])] * 2}
    fits["ridge of each variable"] = [fit_ridge(raw, [column]) for column in (0, 1)]
    results: dict[str, Any] = {}
    for series in raw:
        filled = fill(raw[series])
        firsts = range(first_step, end - HORIZON + 1)
        for column in (0, 1):
            targets = [raw[series][f : f + HORIZON, column] for f in firsts]
            for name in ("persistence", "drift", "seasonal naive"):
                forecasts = [forecast_naively(name, filled, f)[:, column] for f in firsts]
                results.setdefault(name, {})[series, column] = np.array(forecasts), targets
            for name, fit in fits.items():
                forecasts = [forecast_linearly(raw, series, column, f, fit[column]) for f in firsts]
                results.setdefault(name, {})[series, column] = np.array(forecasts), targets
    return results


def open_panel(path: Path, **settings: Any) -> SeriesDataModule:
    data = CsvSeriesDataModule(
        path=str(path),
        series_column="name",
        **{
            "target_columns": list(COLUMNS),
            "report_in": "original",
            "seq_len": SEQ_LEN,
            "horizon": HORIZON,
            "season": SEASON,
            "ridge_window": WINDOW,
            **settings,
        },
    )
    data.setup()
    return data


def scale_errors(results: Any, raw: Any, power: int) -> float:
    """The mean over all values of |error|^power in standard deviations of the column."""
    columns = {
        column: np.concatenate([raw[series][:TRAIN, column] for series in raw]) for column in (0, 1)
    }
    errors = [
        np.abs(forecasts - targets) / np.nanstd(columns[column])
        for (_, column), (forecasts, targets) in results.items()
    ]
    return float(np.nanmean(np.concatenate(errors).ravel() ** power))


@pytest.mark.parametrize("channels", ["joint", "independent"])
@pytest.mark.parametrize("split", ["val", "test"])
def test_every_baseline_has_the_scores_of_the_raw_file(
    panel: Path, split: str, channels: str
) -> None:
    data = open_panel(panel, channels=channels)
    raw = read_raw(panel)
    results = recompute(panel, *{"val": (TRAIN, VAL), "test": (VAL, DAYS)}[split])
    scores = data.baselines(split)
    assert scores.keys() == results.keys()
    for name, errors in results.items():
        assert scores[name] == pytest.approx(
            {"mse": scale_errors(errors, raw, 2), "mae": scale_errors(errors, raw, 1)}, rel=EXACT
        ), name


def by_hand(forecasts: Any, targets: Any, naive: float) -> dict[str, float]:
    """The four metrics of one column, in its units."""
    error = np.abs(forecasts - targets)
    size = np.abs(forecasts) + np.abs(targets)
    return {
        "mse": float(np.nanmean(error**2)),
        "mae": float(np.nanmean(error)),
        "smape": float(np.nanmean(2 * error / size)),
        "mase": float(np.nanmean(error / naive)),
    }


def naive_error(values: Any) -> float:
    """Mean absolute error of persistence in training; only of values that are in the file."""
    filled, errors = fill(values[:TRAIN, None])[:, 0], []
    for i in range(1, TRAIN):
        if not np.isnan(values[i]):
            errors.append(abs(values[i] - filled[i - 1]))
    return float(np.mean(errors))


def test_the_errors_of_each_series_and_column_are_those_of_the_raw_file(panel: Path) -> None:
    data, raw = open_panel(panel), read_raw(panel)
    rows = np.arange(data.size("test"))
    context = data.evaluation_context("test", rows)
    series = (context["series"] == "b").astype(int)[:, None]
    groups = np.broadcast_to(2 * series + context["variable"], (len(rows), 2))
    recomputed = recompute(panel, VAL, DAYS)
    for name, errors in data.series_baselines.errors("test", rows).items():
        means = errors.group_means(groups, 4)
        for group in range(4):
            key = SERIES[group // 2], group % 2
            wanted = by_hand(*recomputed[name][key], naive_error(raw[key[0]][:, key[1]]))
            found = {metric: values[group] for metric, values in means.items()}
            assert found == pytest.approx(wanted, rel=EXACT), (name, key)


def test_columns_of_the_same_unit_are_averaged_in_that_unit(panel: Path) -> None:
    data = open_panel(panel, column_units="same")
    errors = recompute(panel, VAL, DAYS)["persistence"].values()
    wanted = np.nanmean(np.concatenate([np.square(f - t).ravel() for f, t in errors]))
    assert data.baselines("test")["persistence"]["mse"] == pytest.approx(wanted, rel=EXACT)
    assert not any("standard deviation" in note for note in data.provenance.notes)
    assert any(
        "mse and mae are means over 2 columns" in note and "data.column_units=same" in note
        for note in open_panel(panel).provenance.notes
    )


def scaled_copy(path: Path, factor: float) -> Path:
    """The same table with all values multiplied."""
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    copy = path.with_name("scaled.csv")
    with copy.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for date, name, *cells in rows:
            writer.writerow([date, name, *(cell and repr(float(cell) * factor) for cell in cells)])
    return copy


@pytest.mark.parametrize("transform", ["none", "last", "difference", "log_return"])
def test_a_thousandth_of_all_values_has_a_millionth_of_each_squared_error(
    panel: Path, transform: str
) -> None:
    settings = {"transform": transform, "column_units": "same", "target_columns": ["volume"]}
    whole = open_panel(panel, **settings).baselines("test")
    part = open_panel(scaled_copy(panel, 0.001), **settings).baselines("test")
    for name, scores in whole.items():
        wanted = {"mse": scores["mse"] * 1e-6, "mae": scores["mae"] * 1e-3}
        assert part[name] == pytest.approx(wanted, rel=EXACT, abs=0), name


def read_columns(path: Path, columns: list[str]) -> Iterator[Any]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for column in columns:
        yield np.array([float(row[column]) for row in rows])


def shared_case(name: str, file: str) -> Path:
    path = CASES / name / file
    if not path.exists():
        pytest.skip(f"{path} is not here; RNNLAB_SHARED_DATA is the folder beside it")
    return path


@pytest.mark.parametrize(
    ("case", "file", "settings", "expected"),
    [
        ("float32-meter", "meter.csv", {"target_columns": ["v"]}, (0.00673, 0.0712, 1.452)),
        ("singular-ridge", "meter.csv", {"target_columns": ["v"]}, (0.00673, 0.0712, 1.452)),
        (
            *("float32-utm", "utm.csv"),
            {"date_column": "t", "column_units": "same"},
            (0.12684, 0.28256, 1.16484),
        ),
    ],
)
@pytest.mark.parametrize("transform", ["last", "none", "difference", "log_return"])
def test_large_levels_with_small_changes(
    case: str, file: str, settings: Any, expected: Any, transform: str
) -> None:
    path = shared_case(case, file)
    sizes = {"seq_len": 14, "horizon": 2, "report_in": "original", "transform": transform}
    data = CsvSeriesDataModule(path=str(path), **sizes, **settings)
    data.setup()
    rows = np.arange(data.size("test"))
    means = data.series_baselines.errors("test", rows)["persistence"].means
    assert (means["mse"], means["mae"], means["mase"]) == pytest.approx(expected, rel=1e-3)
    assert data.missing_baselines() == {}
    for scores in data.baselines("test").values():
        assert 0 < scores["mse"] < 3 * means["mse"]  # no singular system, no lost digits
    errors, scale = [], []
    for values in read_columns(path, data.variables):
        train, test = round(0.7 * len(values)), round(0.8 * len(values))
        for first in range(test, len(values) - 1):
            errors.append(np.abs(values[first : first + 2] - values[first - 1]))
        scale += [np.abs(np.diff(values[:train])).mean()] * (len(values) - 1 - test)
    assert means["mse"] == pytest.approx(np.mean(np.square(errors)), rel=EXACT)
    assert means["mase"] == pytest.approx(
        np.mean(np.array(errors) / np.array(scale)[:, None]), rel=EXACT
    )


def test_the_ridge_does_not_depend_on_the_unit_of_the_file() -> None:
    ratios = []
    for file in ("ar_1.csv", "ar_0.001.csv"):
        path = shared_case("ridge-depends-on-unit", file)
        data = CsvSeriesDataModule(
            path=str(path), target_columns=["v"], seq_len=14, horizon=1, report_in="original"
        )
        data.setup()
        scores = data.baselines("test")
        ratios.append(scores["ridge"]["mse"] / scores["persistence"]["mse"])
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-6)
    assert ratios[0] < 0.25


def test_mase_leaves_out_the_series_that_is_constant_in_training() -> None:
    path = shared_case("mase-constant-training", "panel4.csv")
    data = CsvSeriesDataModule(
        path=str(path),
        series_column="shop",
        target_columns=["sales"],
        seq_len=14,
        horizon=3,
        season=7,
        report_in="original",
    )
    data.setup()
    errors = data.series_baselines.errors("test", np.arange(data.size("test")))
    assert errors["persistence"].means["mase"] == pytest.approx(1.6585, abs=5e-5)
    assert all(math.isfinite(value) for value in errors["seasonal naive"].means.values())


def test_a_season_that_is_too_long_is_named(panel: Path) -> None:
    data = open_panel(panel, season=90)
    assert "seasonal naive" not in data.baselines("test")
    reason = "data.season=90 is longer than the 84 training steps of the shortest series"
    assert data.missing_baselines() == {"seasonal naive": reason}
    assert reason in data.describe().extra["missing"]


def test_every_column_has_a_say_in_the_mean_error_of_prices_and_volume() -> None:
    path = shared_case("mixed-units-mse", "ohlcv.csv")
    data = CsvSeriesDataModule(
        path=str(path), date_column="Date", seq_len=20, horizon=2, report_in="original"
    )
    data.setup()
    rows = np.arange(data.size("test"))
    errors = data.series_baselines.errors("test", rows)["persistence"]
    columns = errors.group_means(data.evaluation_context("test", rows)["variable"], 5)
    shares, wanted = [], []
    for values in read_columns(path, data.variables):
        train, test = round(0.7 * len(values)), round(0.8 * len(values))
        steps = [values[f : f + 2] - values[f - 1] for f in range(test, len(values) - 1)]
        wanted.append(np.mean(np.square(steps)))
        shares.append(wanted[-1] / values[:train].var())
    assert columns["mse"].tolist() == pytest.approx(wanted, rel=EXACT)
    assert errors.means["mse"] == pytest.approx(np.mean(shares), rel=EXACT)
    assert min(shares) > 0.01 * sum(shares)  # in the units of the file 1e-15 of the sum
