"""Forecasts beyond the last row: those of the test, and those of plain numpy."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from rnnlab.analysis.base import TestPredictions
from rnnlab.analysis.intervals import TestIntervals
from rnnlab.data.datasets.forecasting.csv_series import CsvSeriesDataModule
from rnnlab.data.datasets.forecasting.stocks import StocksDataModule
from rnnlab.data.forecasting import SeriesDataModule
from rnnlab.data.processors.base import Network, load_processor
from rnnlab.data.readers.time_steps import continue_times
from rnnlab.data.series.processor import SeriesProcessor
from rnnlab.errors import ConfigError, DataError
from rnnlab.metrics.conformal import ConformalIntervals
from rnnlab.models import GRU
from rnnlab.spec import Batch
from rnnlab.tasks.forecasting import Forecasting

SIZES: dict[str, Any] = {"seq_len": 6, "horizon": 3, "ridge_window": 4}


def write_panel(folder: Path, rows: int = 90) -> pd.DataFrame:
    """Three series of two targets, with a covariate, a holiday, a size and a color."""
    random = np.random.default_rng(0)
    parts = []
    for number, name in enumerate(("north", "south", "west")):
        part = pd.DataFrame({"date": pd.date_range("2020-01-31", periods=rows, freq="ME")})
        part["shop"], part["size"], part["color"] = name, 10.0 * number, "red" if number else "blue"
        part["sales"] = 100 * number + 50 + random.standard_normal(rows).cumsum()
        part["visits"] = 5000 + 100 * random.standard_normal(rows).cumsum()
        part["rain"], part["holiday"] = random.uniform(size=rows), random.integers(0, 2, rows)
        parts.append(part)
    panel = pd.concat(parts, ignore_index=True)
    panel.to_csv(folder / "panel.csv", index=False)
    return panel


ROLES: dict[str, Any] = {
    "series_column": "shop",
    "target_columns": ["sales", "visits"],
    "covariate_columns": ["rain"],
    "known_columns": ["holiday"],
    "static_columns": ["size", "color", "shop"],
}


def open_panel(folder: Path, **settings: Any) -> SeriesDataModule:
    data = CsvSeriesDataModule(path=str(folder / "panel.csv"), **{**SIZES, **ROLES, **settings})
    data.setup()
    return data


def network_of(data: SeriesDataModule, **settings: Any) -> tuple[GRU, Network]:
    """A network with random weights, as it is before the training."""
    torch.manual_seed(0)
    task = Forecasting(data.spec, **settings)
    model = GRU(task, hidden_size=8).eval()

    def answer(batch: Batch) -> Tensor:
        with torch.no_grad():
            return model.predict_step(batch, 0)

    return model, Network(answer, task.quantiles)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"report_in": "original"},
        {"transform": "none", "calendar": ["year"]},
        {"transform": "difference", "channels": "independent"},
        {"transform": "log_return", "report_in": "original"},
        {"channels": "independent", "calendar": ["year"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("loss", ["mse", "quantile"])
def test_a_forecast_of_the_rows_before_a_target_is_that_of_the_test(
    settings: dict[str, Any], loss: str, tmp_path: Path
) -> None:
    if loss == "quantile" and settings.get("transform") in ("difference", "log_return"):
        pytest.skip("quantiles of sums are refused")
    panel = write_panel(tmp_path)
    data = open_panel(tmp_path, **settings)
    model, network = network_of(data, loss=loss)
    processor = stored(data, tmp_path)
    cut = 80  # a month of the test
    history = panel.groupby("shop").head(cut + SIZES["horizon"]).copy()
    months = sorted(panel["date"].unique())
    history.loc[history["date"] >= months[cut], ["sales", "visits", "rain"]] = np.nan
    (table,) = processor.predict(history, network)

    first = data.windows["test"].first
    rows = np.flatnonzero((first - 90 * data.splits.series["test"]) == cut)
    assert len(rows) == 3
    if data.processor.independent:
        rows = (rows[:, None] * 2 + np.arange(2)).ravel()
    tested = model.predict_step(data.gather("test", rows), 0).detach().numpy()
    scale = data.processor.scales.report
    levels = tested.shape[3:]
    tested = tested.reshape(3, -1, SIZES["horizon"], data.spec.output_size, *levels)
    tested = np.moveaxis(tested, 2, 3).reshape(3, 2, SIZES["horizon"], *levels)
    shape = (3, 2, 1, *[1] * len(levels))
    tested = tested * scale.deviations.reshape(shape) + scale.means.reshape(shape)
    if levels:
        columns = [f"q{level:g}" for level in network.quantiles]
        np.testing.assert_allclose(
            table[columns], tested.reshape(-1, *levels), rtol=1e-6, atol=1e-6
        )
        tested = tested[..., network.quantiles.index(0.5)]
    np.testing.assert_allclose(table["forecast"], tested.ravel(), rtol=1e-6, atol=1e-6)
    assert table["date"].tolist() == [*months[cut : cut + 3]] * 6
    assert table["series"].tolist() == ["north"] * 6 + ["south"] * 6 + ["west"] * 6
    assert table["target"].tolist() == (["sales"] * 3 + ["visits"] * 3) * 3


@pytest.mark.parametrize(
    "settings",
    [{}, {"channels": "independent"}, {"transform": "log_return", "report_in": "original"}],
    ids=str,
)
def test_the_intervals_of_a_panel_are_in_the_units_of_the_file(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    panel = write_panel(tmp_path)
    data = open_panel(tmp_path, **settings)
    relative, cut = "transform" in settings, 80
    offsets = ((0.5, 1.0), (1.5, 2.0), (2.5, 3.0))  # of each step and target
    data.intervals = ConformalIntervals((0.9,), relative, ((9, 9),) * 3, (offsets,), None)
    history = panel.groupby("shop").head(cut + SIZES["horizon"]).copy()
    months = sorted(panel["date"].unique())
    history.loc[history["date"] >= months[cut], ["sales", "visits", "rain"]] = np.nan
    (table,) = stored(data, tmp_path).predict(history, network_of(data)[1])

    rows = np.flatnonzero(data.windows["test"].first - 90 * data.splits.series["test"] == cut)
    if data.processor.independent:
        rows = (rows[:, None] * 2 + np.arange(2)).ravel()
    windows = data.gather("test", rows).inputs[..., : data.spec.output_size].numpy().astype(float)
    scales = data.processor.scales
    spread = np.sqrt(windows.var(axis=1) + 1).reshape(3, 2) * scales.forecasts.deviations
    margin = spread[:, None] * np.array(offsets)  # (series, step, target)
    forecasts = table["forecast"].to_numpy().reshape(3, 2, 3).swapaxes(1, 2)
    if relative:
        low, high = forecasts * np.exp(-margin), forecasts * np.exp(margin)
    else:
        margin *= scales.report.deviations[:, None]
        low, high = forecasts - margin, forecasts + margin
    np.testing.assert_allclose(table["lower_90"], low.swapaxes(1, 2).ravel(), rtol=1e-6)
    np.testing.assert_allclose(table["upper_90"], high.swapaxes(1, 2).ravel(), rtol=1e-6)


@pytest.mark.parametrize(
    ("settings", "loss"),
    [
        ({}, "mse"),
        ({}, "quantile"),
        ({"channels": "independent", "report_in": "original"}, "quantile"),
        ({"transform": "log_return", "report_in": "original"}, "mse"),
        ({"transform": "difference", "channels": "independent"}, "mse"),
    ],
    ids=str,
)
def test_the_intervals_of_each_step_of_the_test_follow_from_the_rows_before_it(
    settings: dict[str, Any], loss: str, tmp_path: Path
) -> None:
    """A panel with gaps, of which one series has no row for a month of the test."""
    panel = write_panel(tmp_path)
    panel.loc[[66, 76, 77, 168], "sales"] = np.nan
    panel = panel.drop(index=90 + 75)
    panel.to_csv(tmp_path / "panel.csv", index=False)
    data = open_panel(tmp_path, **settings)
    model, network = network_of(data, loss=loss, interval_levels=[0.5])
    test = calibrate(data, model)
    ends, context = test.ends(np.arange(data.size("test"))), test.test.evaluation_context
    begins = context["step_times"](np.arange(len(ends)))[:, 0]
    static = replace(test, intervals=replace(test.intervals, step_sizes=None))
    assert not np.allclose(ends, static.ends(np.arange(len(ends))))

    processor, compared = stored(data, tmp_path), 0
    for cut in pd.date_range("2026-01-31", periods=15, freq="ME")[::2]:
        history = panel.copy()
        history.loc[history["date"] >= cut, ["sales", "visits", "rain"]] = np.nan
        (table,) = processor.predict(history, network)
        for row in np.flatnonzero(begins == cut):
            for k, v in enumerate(context["variable"][row]):
                name, target = context["series"][row], data.variables[v]
                part = table[(table["series"] == name) & (table["target"] == target)]
                if part["date"].iloc[0] == cut:  # not where a value before the cut is missing
                    scale = [a[list(data.series_names).index(name), v] for a in report_scale(data)]
                    expected = ends[row, :, k, 0] * scale[1] + scale[0]
                    found = part[["lower_50", "upper_50"]]
                    np.testing.assert_allclose(found, expected, rtol=1e-6)
                    compared += 1
    assert compared >= 40
    assert table.attrs["notes"][-1] == (
        "intervals: calibrated on 21 forecasts of the validation, then on 41 forecasts up to "
        "2027-02-28 00:00:00"
    )
    few = replace(test.intervals, counts=((3, 3),) * 3)  # one forecast of each series
    (table,) = replace(processor, intervals=few).predict(history, network)
    assert " then on 30 forecasts up to " in table.attrs["notes"][-1]


def calibrate(data: SeriesDataModule, model: GRU) -> TestIntervals:
    """Fit the intervals on the validation; those of the test."""
    task: Any = model.task
    parts = {}
    for split in ("val", "test"):
        rows = np.arange(data.size(split))
        batch = data.gather(split, rows)
        with torch.no_grad():
            answer = model.predict_step(batch, 0)
        parts[split] = answer, batch, data.evaluation_context(split, rows)
    answer, batch, context = parts["val"]
    data.intervals = ConformalIntervals.fit(
        task.interval_levels,
        task.has_relative_intervals,
        task.conformity_scores(answer, batch).numpy(),
        context["origins"],
        len(data.variables),
        True,
    )
    answer, batch, context = parts["test"]
    return TestIntervals(
        data.intervals,
        task,
        TestPredictions(
            answer,
            batch.targets,
            example=lambda row: {},
            evaluation_context=context,
            batch=lambda rows: data.gather("test", np.array(rows)),
        ),
    )


def report_scale(data: SeriesDataModule) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each series and variable."""
    scale = data.processor.scales.report
    return scale.means, scale.deviations


def stored(data: SeriesDataModule, folder: Path) -> SeriesProcessor:
    """The processor after it was written and read."""
    data.save_processor(folder)
    processor = load_processor(folder)
    assert isinstance(processor, SeriesProcessor)
    return processor


def test_monthly_series_two_years_ahead_are_those_of_numpy(tmp_path: Path) -> None:
    """24 steps in blocks of 3, from a network that is a fixed linear map of its window."""
    panel = write_panel(tmp_path)
    panel = panel[panel["shop"] == "south"]
    panel[["date", "sales", "visits"]].to_csv(tmp_path / "two.csv", index=False)
    data = CsvSeriesDataModule(path=str(tmp_path / "two.csv"), **SIZES)
    data.setup()
    weights = np.random.default_rng(1).normal(0, 0.3, (6, 3))

    def answer(batch: Batch) -> Tensor:
        assert batch.units is not None
        scaled = torch.einsum("btv,th->bhv", batch.inputs.double(), torch.tensor(weights))
        return scaled * batch.units.scale + batch.units.location + batch.units.anchor

    (table,) = stored(data, tmp_path).predict(
        panel[["date", "sales", "visits"]], Network(answer), steps=24
    )

    values = panel[["sales", "visits"]].to_numpy()
    train = values[: round(0.7 * len(values))]
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    standard = (values - mean) / deviation
    unit = standard[: len(train)].std(axis=0)
    for _ in range(8):
        window = (standard[-6:] - standard[-1]) / unit
        block = np.einsum("tv,th->hv", window.astype(np.float32).astype(np.float64), weights)
        standard = np.concatenate([standard, block * unit + standard[-1]])
    expected = standard[len(values) :] * deviation + mean
    np.testing.assert_allclose(table["forecast"], expected.T.ravel(), rtol=1e-9)
    dates = pd.date_range(panel["date"].max(), periods=25, freq="ME")[1:]
    assert table["date"].tolist() == [*dates] * 2
    assert table["step"].tolist() == [*range(1, 25)] * 2
    assert table["block"].tolist() == [1 + i // 3 for i in range(24)] * 2


def test_stocks_are_forecast_from_a_table_of_prices(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    days = pd.date_range("2020-01-01", periods=150, freq="B")
    close = 50 * np.exp(0.01 * random.standard_normal((150, 2)).cumsum(axis=0))
    frames = {}
    for number, name in enumerate(("AAA", "BBB")):
        price = close[:, number]
        frames[name] = pd.DataFrame(
            {"Date": days, "High": price + 1, "Low": price - 1, "Close": price, "Volume": 100.0}
        )
        frames[name].to_csv(tmp_path / f"{name}.csv", index=False)
    settings = {**SIZES, "date_column": "Date", "transform": "log_return", "report_in": "original"}
    data = StocksDataModule(forecast="price", path=str(tmp_path), **settings)
    data.setup()
    model, network = network_of(data)
    (table,) = stored(data, tmp_path).predict(tmp_path / "BBB.csv", network)
    assert table["date"].tolist() == [*pd.date_range(days[-1], periods=4, freq="B")[1:]]
    last = data.size("test") - 1
    tested = model.predict_step(data.gather("test", np.array([last])), 0)
    frames["BBB"].iloc[:-3].to_csv(tmp_path / "BBB.csv", index=False)
    (table,) = stored(data, tmp_path).predict(tmp_path / "BBB.csv", network)
    np.testing.assert_allclose(table["forecast"], tested.detach().ravel(), rtol=1e-6)


# Times.

FREQUENCIES = ["D", "h", "15min", "W", "B", "MS", "ME", "BMS", "BME", "QE", "QS", "YE", "YS", "2D"]


@pytest.mark.parametrize("frequency", [*FREQUENCIES, "3MS", "s"])
@pytest.mark.parametrize("rows", [24, 40])
def test_times_continue_as_those_of_pandas(frequency: str, rows: int) -> None:
    dates = pd.date_range("2019-11-05", periods=rows + 12, freq=frequency)
    times = dates.to_numpy().astype("datetime64[us]").astype(np.int64)
    past = times[:rows]
    np.testing.assert_array_equal(continue_times(past, past, "calendar", 12), times[rows:])


def test_numbers_of_steps_continue_by_their_usual_step() -> None:
    steps = np.arange(0, 100, 5)
    assert continue_times(steps, steps, "steps", 3).tolist() == [100, 105, 110]


# What is refused.


def refusal(processor: SeriesProcessor, inputs: Any, network: Network, **options: Any) -> str:
    with pytest.raises((ConfigError, DataError)) as error:
        list(processor.predict(inputs, network, **options))
    return str(error.value)


def test_what_cannot_be_forecast_is_refused_with_a_reason(tmp_path: Path) -> None:
    panel = write_panel(tmp_path)
    data = open_panel(tmp_path)
    _, network = network_of(data)
    processor = stored(data, tmp_path)

    def refused(inputs: Any, **options: Any) -> str:
        return refusal(processor, inputs, network, **options)

    future = panel.assign(date=panel["date"] + pd.DateOffset(months=90))
    message = refused(panel)
    assert "'holiday' is known in advance, but has no value for 2027-07-31" in message
    complete = pd.concat([panel, future.assign(sales=np.nan, visits=np.nan)])
    assert len(next(processor.predict(complete, network))) == 18
    assert "rain" in refused(complete, steps=4)
    assert "steps=0: must be at least 1" in refused(complete, steps=0)
    assert "step: no such option; did you mean steps?" in refused(complete, step=4)
    unknown = complete.replace({"shop": {"west": "wset"}})
    assert "the series 'wset' was not in training" in refused(unknown)
    assert "did you mean west?" in refused(unknown)
    short = complete.groupby("shop").tail(94)
    reason = "has 4 rows up to its last value of a target, but the network reads 6"
    assert reason in refused(short)
    empty = complete.assign(holiday=complete["holiday"].where(complete["sales"].notna()))
    assert "'holiday' is known in advance, but has no value for 2027-07-31" in refused(empty)
    assert "'rain'" in refused(complete.drop(columns="rain"))
    color = complete.assign(color="green")
    assert "the static column 'color' has 'green'" in refused(color)
    assert "the inputs must be a file or a pandas table, not list" in refused([1.0, 2.0])
    assert "no such file" in refused(tmp_path / "nothing.csv")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "is damaged"),
        ('{"format_version": 3}', "is damaged ('class')"),
        ('{"format_version": 9, "class": "x", "state": {}}', "has format 9"),
        ('{"format_version": 3, "class": "os.system", "state": {}}', "'os.system' is no processor"),
        ('{"format_version": 3, "class": "this.s", "state": {}}', "'this.s' is no processor"),
        (
            '{"format_version": 3, "class": "rnnlab.data.base.DataModule", "state": {}}',
            "is no processor",
        ),
        (
            '{"format_version": 3, "class": "rnnlab.data.series.processor.SeriesProcessor", '
            '"state": {}}',
            "is damaged (columns: ",
        ),
    ],
)
def test_a_damaged_processor_is_refused_and_nothing_is_executed(
    content: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "processor.json").write_text(content)
    with pytest.raises(ConfigError) as error:
        load_processor(tmp_path)
    assert reason in str(error.value)
    assert capsys.readouterr().out == ""  # `import this` prints a poem


def test_a_folder_of_an_older_version_has_no_processor(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"has no processor\.json.*train it again"):
        load_processor(tmp_path)


def test_what_is_stored_is_what_was_used(tmp_path: Path) -> None:
    write_panel(tmp_path)
    data = open_panel(tmp_path, missing_values=[-1, "none"], short_series="drop")
    before, after = data.processor, stored(data, tmp_path)
    for scales in (before.scales, after.scales):
        assert scales.transform == "last"
    for name in ("report", "inputs", "covariates"):
        for part, other in zip(
            getattr(before.scales, name), getattr(after.scales, name), strict=True
        ):
            np.testing.assert_array_equal(part, other)
    arrays = ("error_scale", "naive_errors")
    for name in arrays:
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    plain = {"scales": before.scales, **{name: getattr(before, name) for name in arrays}}
    assert replace(after, **plain) == before
