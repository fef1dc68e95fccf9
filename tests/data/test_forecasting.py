"""Series data sets: what is forecast, in which units, without a look ahead."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from rnnlab.config.schema import parse
from rnnlab.data import forecasting, scaling
from rnnlab.data.base import SPLITS
from rnnlab.data.baselines import series as series_baselines
from rnnlab.data.baselines.forecasting import drift, ewma, persistence, seasonal_naive
from rnnlab.data.baselines.ridge import Ridge
from rnnlab.data.calendar_features import calendar_features
from rnnlab.data.datasets.forecasting import ett
from rnnlab.data.datasets.forecasting.csv_series import CsvSeriesDataModule
from rnnlab.data.datasets.forecasting.stocks import StocksDataModule
from rnnlab.data.forecasting import SeriesDataModule
from rnnlab.data.loaders.windows import Windows, first_targets
from rnnlab.data.readers import series as series_files
from rnnlab.data.scaling import Standardization, fit_standardization
from rnnlab.errors import ConfigError, DataError
from rnnlab.experiment.build import build_data, build_task
from rnnlab.experiment.run import run
from rnnlab.spec import Batch, DataSpec, Units
from rnnlab.tasks.forecasting import TRANSFORMS, Forecasting
from tests.helpers.configs import compose, small, walks_file

SETTINGS = {
    "report_in": "original",
    "seq_len": 12,
    "horizon": 3,
    "batch_size": 50,
    "ridge_window": 6,
    "season": 4,
}


def made(path: Path, **settings: Any) -> SeriesDataModule:
    data = CsvSeriesDataModule(path=str(path), **{**SETTINGS, **settings})
    data.setup()
    return data


def whole(data: SeriesDataModule, split: str) -> Batch:
    return data.gather(split, np.arange(data.size(split)))


def changed(path: Path, change: Callable[[list[str]], list[str]]) -> Path:
    """The same file with its rows changed, under another name."""
    header, *rows = path.read_text().splitlines()
    other = path.with_name("changed.csv")
    other.write_text("\n".join([header, *change(rows)]) + "\n")
    return other


# Leaks. Each check is made twice: as it is, and with the leak put in by hand.


def no_scale_leaks(folder: Path) -> None:
    """What comes after training has no say in how training is scaled."""
    path = walks_file(folder)
    late = changed(path, lambda rows: [*rows[:140], *(f"{r[:19]},9000,-9000" for r in rows[140:])])
    one, other = whole(made(path), "train"), whole(made(late), "train")
    assert one.units is not None
    assert other.units is not None
    torch.testing.assert_close(one.inputs, other.inputs)
    torch.testing.assert_close(one.units, other.units)


def no_window_crosses(folder: Path) -> None:
    """A target of one split is never a target, or read, in the one before."""
    data = made(walks_file(folder))
    reach = {s: data.windows[s].first + data.horizon for s in SPLITS}
    assert reach["train"].max() <= data.windows["val"].first.min()
    assert reach["val"].max() <= data.windows["test"].first.min()


def nothing_is_filled_from_later(folder: Path) -> None:
    path = walks_file(folder)
    gap = changed(
        path, lambda rows: [f"{r[:19]},,1" if i == 150 else r for i, r in enumerate(rows)]
    )
    data = made(gap)
    assert data.targets[150, 0] == data.targets[149, 0]


def the_ridge_sees_training_alone(folder: Path) -> None:
    path = walks_file(folder)
    late = changed(
        path, lambda rows: [*rows[:140], *(f"{r[:19]},{r[14:16]},9" for r in rows[140:])]
    )
    rows = np.array([0])  # all that it reads lies before the change
    forecasts = []
    for file in (path, late):
        data = made(file)
        ridge = data.series_baselines.forecasts("val")["ridge"]
        forecasts.append(ridge(rows))
    np.testing.assert_allclose(forecasts[0], forecasts[1], rtol=1e-4)


def leaking_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        scaling,
        "fit_standardization",
        lambda values, observed, _: fit_standardization(values, observed, [(0, len(values))]),
    )


def leaking_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    def leak(starts, borders, seq_len, horizon):
        found = first_targets(starts, borders, seq_len, horizon)
        return {**found, "train": np.append(found["train"], borders[0] - 1)}

    monkeypatch.setattr(forecasting, "first_targets", leak)


def leaking_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    def leak(file, rows, columns, numbers, notes):
        import pandas as pd

        return pd.DataFrame(rows.values).bfill().to_numpy()

    monkeypatch.setattr(series_files, "fill_gaps", leak)


def leaking_ridge(monkeypatch: pytest.MonkeyPatch) -> None:
    def leak(starts, borders, seq_len, horizon):
        found = first_targets(starts, borders, seq_len, horizon)
        return {**found, "train": np.concatenate(list(found.values()))}

    monkeypatch.setattr(series_baselines, "first_targets", leak)


LEAKS = {
    "scaling": (no_scale_leaks, leaking_scale),
    "windows": (no_window_crosses, leaking_windows),
    "filling": (nothing_is_filled_from_later, leaking_fill),
    "ridge": (the_ridge_sees_training_alone, leaking_ridge),
}


@pytest.mark.parametrize("name", LEAKS)
def test_nothing_leaks(name: str, tmp_path: Path) -> None:
    LEAKS[name][0](tmp_path)


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_would_be_found(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    check, leak = LEAKS[name]
    leak(monkeypatch)
    with pytest.raises(AssertionError):
        check(tmp_path)


# Splits and windows.


def test_splits_follow_each_other_and_use_every_step(tmp_path: Path) -> None:
    data = made(walks_file(tmp_path), val_fraction=0.1, test_fraction=0.2)
    first = {split: data.windows[split].first for split in SPLITS}
    assert first["train"].tolist() == list(range(12, 138))
    assert first["val"].tolist() == list(range(140, 158))
    assert first["test"].tolist() == list(range(160, 198))


def test_several_series_are_split_at_the_same_dates(tmp_path: Path) -> None:
    rows = [f"2020-01-01T{h:02d}:{m:02d}:00,a,{h}" for h in range(24) for m in (0, 30)]
    rows += [f"2020-01-01T{h:02d}:{m:02d}:00,b,{h}" for h in range(6, 24) for m in (0, 30)]
    file = tmp_path / "two.csv"
    file.write_text("\n".join(["date,name,value", *rows]))
    data = made(file, series_column="name", seq_len=2, val_fraction=0.25, test_fraction=0.25)
    for split, hour in {"val": 12, "test": 18}.items():
        moments = {
            int(t) for t in data.evaluation_context(split, np.arange(data.size(split)))["times"]
        }
        assert min(moments) == int(np.datetime64(f"2020-01-01T{hour}:00:00", "us").astype(int))
    assert data.size("val") == 2 * (12 - 2)


def test_a_series_without_training_is_left_out_and_named(tmp_path: Path) -> None:
    rows = [f"2020-01-{d:02d},a,{d}" for d in range(1, 32)]
    rows += [f"2020-01-{d:02d},late,{d}" for d in range(28, 32)]
    file = tmp_path / "two.csv"
    file.write_text("\n".join(["date,name,value", *rows]))
    data = made(file, series_column="name", seq_len=2, horizon=1)
    assert data.series_names == ["a"]
    assert "1 series too short for all splits were left out: late" in data.provenance.notes


def test_too_long_a_window_is_refused_with_the_series(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"series 'series.csv' has 140 steps for train, but data.seq_len=500"
    ):
        made(walks_file(tmp_path), seq_len=500)


def test_independent_channels_forecast_each_variable_alone(tmp_path: Path) -> None:
    path = walks_file(tmp_path)
    joint, alone = made(path), made(path, channels="independent")
    assert alone.size("test") == 2 * joint.size("test")
    assert (alone.spec.input_size, alone.spec.output_size) == (1, 1)
    together, apart = whole(joint, "test"), whole(alone, "test")
    torch.testing.assert_close(together.targets[..., 0:1], apart.targets[0::2])
    torch.testing.assert_close(together.inputs[..., 1:2], apart.inputs[1::2])
    assert apart.units is not None
    assert together.units is not None
    torch.testing.assert_close(together.units.scale[..., 1:2], apart.units.scale[1::2])


def test_covariates_are_read_but_not_forecast(tmp_path: Path) -> None:
    data = made(walks_file(tmp_path), target_columns=["two"], covariate_columns=["one"])
    assert (data.spec.input_size, data.spec.output_size, data.variables) == (2, 1, ["two"])


def test_the_calendar_says_where_in_the_day_the_week_and_the_year_a_step_stands() -> None:
    times = np.array(["2024-01-01T00:00", "2024-01-01T06:00"], dtype="datetime64[us]").astype(int)
    features = calendar_features(times, ["hour", "weekday"])
    np.testing.assert_allclose(features[:, :2], [[0, 1], [1, 0]], atol=1e-6)
    assert features[0, 2:].tolist() == [0, 1]  # a Monday
    assert calendar_features(times, []).shape == (2, 0)


def test_an_unknown_part_of_the_calendar_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean weekday"):
        CsvSeriesDataModule(path="a.csv", calendar=["weekdays"])


@pytest.mark.parametrize(
    ("name", "value"), [("date_format", "%s"), ("time_zone", "Europe/Bonn"), ("time_zone", "/a")]
)
def test_dates_are_checked_before_the_file_is_read(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"data.{name}={value}"):
        CsvSeriesDataModule(path="a.csv", **{name: value})


def test_a_calendar_needs_dates() -> None:
    with pytest.raises(ConfigError, match=r"\[weekday,hour\]: needs dates.*data.calendar=\[\]"):
        CsvSeriesDataModule(path="a.csv", date_column=None, calendar=["weekday", "hour"])


def test_a_calendar_needs_dates_and_not_steps(tmp_path: Path) -> None:
    file = tmp_path / "steps.csv"
    file.write_text("\n".join(["date,value", *(f"{i},{i % 7}" for i in range(100))]))
    data = made(file)
    assert data.example("val", 0)["title"] == "value of steps.csv, from step 70"
    with pytest.raises(DataError, match=r"numbers of steps: set data.calendar=\[\]"):
        made(file, calendar=["hour"])


def test_the_calendar_follows_the_clock_of_the_file(tmp_path: Path) -> None:
    rows = [f"2020-01-01T{h:02d}:00+05:00,{h}" for h in range(24)]
    rows += [f"2020-01-02T{h:02d}:00+05:00,{h}" for h in range(24)]
    file = tmp_path / "zone.csv"
    file.write_text("\n".join(["date,value", *rows]))
    data = made(file, calendar=["hour"], seq_len=2, horizon=1)
    np.testing.assert_allclose(data.inputs.features[6], [1, 0], atol=1e-6)  # 6:00


# Units: what the network says is turned back.


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_and_its_inverse(name: str) -> None:
    values = torch.rand(4, 5, 2, generator=torch.Generator().manual_seed(0)) + 1
    there, back, _ = TRANSFORMS[name]
    anchor = torch.full((4, 1, 2), 1.5)
    torch.testing.assert_close(back(there(values, anchor), anchor), values)


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("report_in", ["standard", "original"])
def test_a_perfect_forecast_is_perfect_in_the_reported_units(
    transform: str, report_in: str, tmp_path: Path
) -> None:
    if (transform, report_in) == ("log_return", "standard"):
        pytest.skip("refused")
    path = walks_file(tmp_path)
    data = made(path, transform=transform, report_in=report_in)
    task = Forecasting(data.spec)
    batch = whole(data, "test")
    assert batch.units is not None
    location, scale, anchor = batch.units[:3]
    perfect = (TRANSFORMS[transform].apply(batch.targets, anchor) - location) / scale
    torch.testing.assert_close(
        task.to_target_units(perfect, batch), batch.targets, rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(*task.metric_inputs(perfect, batch), rtol=1e-4, atol=1e-4)
    assert task.loss(perfect, batch) < 1e-8
    if report_in == "original":
        last = float(path.read_text().splitlines()[-1].split(",")[1])
        assert float(batch.targets[-1, -1, 0]) == pytest.approx(last, abs=1e-4)


def test_the_window_is_read_in_the_same_units_as_the_forecast(tmp_path: Path) -> None:
    path = walks_file(tmp_path)
    batch = whole(made(path, transform="last"), "train")
    assert (batch.inputs[:, -1] == 0).all()
    steps = whole(made(path, transform="difference"), "train")
    assert float(steps.inputs.std()) == pytest.approx(1, abs=0.15)


def test_log_returns_of_what_is_not_positive_are_refused(tmp_path: Path) -> None:
    path = changed(walks_file(tmp_path), lambda rows: [f"{rows[0][:19]},-1,1", *rows[1:]])
    with pytest.raises(DataError, match="needs positive values, but the least is -1"):
        made(path, transform="log_return")
    with pytest.raises(ConfigError, match=r"choose data\.report_in=original"):
        made(path, transform="log_return", report_in="standard")


def test_a_forecast_of_nothing_is_the_last_value() -> None:
    """With `last`, a network that says 0 forecasts persistence."""
    units = Units(torch.zeros(1, 1, 1), torch.ones(1, 1, 1), torch.full((1, 1, 1), 7.0))
    batch = Batch(
        torch.zeros(1, 2, 1), torch.tensor([2]), torch.zeros(1, 3, 1), torch.tensor([0]), units
    )
    task = Forecasting(DataSpec(1, input_size=1, horizon=3, transform="last"))
    assert task.metric_inputs(torch.zeros(1, 3, 1), batch)[0].flatten().tolist() == [7, 7, 7]


# Forecasts without a network.


def line(steps: int = 30) -> Windows:
    return Windows(np.arange(steps, dtype=np.float64)[:, None] * 2, np.arange(10, 26), 4)


def test_baselines_by_hand() -> None:
    windows, rows = line(), np.array([0, 5])
    assert persistence(windows)(rows)[..., 0].tolist() == [[18] * 4, [28] * 4]
    slopes = np.full((len(windows), 1), 2.0)
    assert drift(windows, slopes)(rows)[0, :, 0].tolist() == [20, 22, 24, 26]
    assert seasonal_naive(windows, 3)(rows)[0, :, 0].tolist() == [14, 16, 18, 14]
    assert ewma(windows, 0.5, 2)(rows)[0, :, 0].tolist() == pytest.approx([(16 + 2 * 18) / 3] * 4)


def scale_of(windows: Windows) -> Standardization:
    """Mean and deviation of the first 200 steps, for every window."""
    values = windows.values[:200]
    return Standardization(
        *(np.tile(part, (len(windows), 1)) for part in (values.mean(axis=0), values.std(axis=0)))
    )


@pytest.mark.parametrize("subtract_last", [True, False])
@pytest.mark.parametrize("shared", [True, False])
def test_the_ridge_finds_what_is_linear(shared: bool, subtract_last: bool) -> None:
    values = np.cumsum(np.random.default_rng(0).standard_normal((400, 2)), axis=0)
    for t in range(3, 400):
        values[t] = 1.5 * values[t - 1] - 0.6 * values[t - 2] + 0.1 * values[t - 3]
    train = Windows(values, np.arange(5, 200), 2)
    test = Windows(values, np.arange(200, 390), 2)
    ridge = Ridge(4, shared, subtract_last).fit(train, scale_of(train))
    rows = np.arange(len(test))
    forecasts = ridge.forecast(test, scale_of(test))(rows)
    np.testing.assert_allclose(forecasts, test.targets(rows), atol=1e-4)


@pytest.mark.parametrize("channels", ["joint", "independent"])
def test_the_baselines_of_a_target_forecast_its_own_variables(
    channels: str, tmp_path: Path
) -> None:
    """In any order, each target's forecast is the one of its window, variable by variable."""
    data = made(walks_file(tmp_path), channels=channels)
    rows = np.random.default_rng(0).permutation(data.size("test"))
    window, variables = data.splits.locate("test", rows)
    for name, forecast in data.baseline_context("test", rows)["baselines"].items():
        found = forecast(np.arange(len(rows)))
        for i in range(0, len(rows), 7):
            whole = data.series_baselines.forecasts("test")[name](window[i : i + 1])[0]  # (H, V)
            wanted = whole[:, np.broadcast_to(variables, (len(rows), variables.shape[1]))[i]]
            np.testing.assert_allclose(found[i], wanted)


def test_the_same_baselines_whatever_the_window(tmp_path: Path) -> None:
    path = walks_file(tmp_path)
    one, other = made(path, seq_len=5), made(path, seq_len=20)
    assert one.baselines("test") == other.baselines("test")
    assert {"persistence", "drift", "seasonal naive", "ridge"} <= one.baselines("test").keys()


@pytest.mark.parametrize("channels", ["joint", "independent"])
def test_baselines_of_a_split_are_fitted_and_measured_once(
    channels: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = {"fit_once": 0, "measure_forecast": 0}

    def count(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            calls[name] += 1
            return function(*args)

        return counted

    monkeypatch.setattr(Ridge, "fit_once", count("fit_once", Ridge.fit_once))
    measure = count("measure_forecast", vars(series_baselines)["measure_forecast"])
    monkeypatch.setattr(series_baselines, "measure_forecast", measure)
    data = made(walks_file(tmp_path), channels=channels)
    rows = np.arange(data.size("test"))
    for _ in range(2):  # the scores, and the analysis of the whole split
        scores, names = data.baselines("test"), data.series_baselines.forecasts("test").keys()
        errors = data.baseline_context("test", rows)["baseline_errors"]()
        assert errors.keys() == scores.keys() == names
    assert calls == {"fit_once": 2, "measure_forecast": len(names)}
    some = data.baseline_context("test", rows[::2])["baseline_errors"]()
    for name in names:
        np.testing.assert_array_equal(some[name].squared_errors, errors[name].squared_errors[::2])
        assert scores[name]["mse"] == pytest.approx(errors[name].squared_errors.mean())


# Real benchmarks.


def judged(data: SeriesDataModule) -> dict[str, dict[str, float]]:
    return data.baselines("test")


@pytest.mark.slow
@pytest.mark.parametrize("transform", ["last"])
def test_ett_has_the_published_baselines(shared_data: Path, transform: str) -> None:
    plain = compose("data=ett", f"data.path={shared_data / 'ett'}")
    data: Any = build_data(parse(plain))
    data.setup()
    assert len(data.windows["test"]) == 2785
    scores = judged(data)
    assert scores["seasonal naive"]["mse"] == pytest.approx(0.512, abs=5e-4)
    assert scores["ridge"] == pytest.approx({"mse": 0.370, "mae": 0.392}, abs=7e-4)


@pytest.mark.slow
def test_weather_has_the_published_baselines(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shared_data / "weather_jena2020" / "weather.csv.xz"
    plain = compose("experiment=weather_96", f"data.path={path}")
    data: Any = build_data(parse(plain))
    data.setup()
    assert len(data.windows["test"]) == 10444
    methods = data.series_baselines.methods()
    published = {name: methods[name] for name in ("persistence", "ridge")}
    monkeypatch.setattr(data.series_baselines, "methods", lambda: published)  # seconds for each
    scores = judged(data)
    assert scores["persistence"] == pytest.approx({"mse": 0.259, "mae": 0.254}, abs=5e-4)
    assert scores["ridge"] == pytest.approx({"mse": 0.176, "mae": 0.226}, abs=2e-3)


def test_ett_wants_enough_rows(tmp_path: Path) -> None:
    file = walks_file(tmp_path)
    plain = compose("data=ett", f"data.path={file}")
    with pytest.raises(DataError, match=r"200 rows, but the split of ETTh1 needs 14,400"):
        build_data(parse(plain)).setup()
    with pytest.raises(DataError, match=r"expected ETTh1.csv .*, found .*series.csv"):
        build_data(parse(compose("data=ett", f"data.path={tmp_path}"))).setup()


def test_the_hubs_ett_is_the_authors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub has rolling windows, the last of which holds everything."""
    months = 20 * 30 * 24
    values = np.random.default_rng(0).standard_normal((months, 7)).round(3)
    table = [
        {
            "start": datetime(2016, 7, 1),
            "target": values[:end, 6].tolist(),
            "feat_dynamic_real": values[:end, :6].T.tolist(),
        }
        for end in (9000, months)
    ]
    asked = []

    def load(*words):
        asked.append(words)
        return {"test": table}

    monkeypatch.setattr(ett, "load_from_hub", load)
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    hub: Any = build_data(parse(compose("data=ett", "data.source=hub")))
    hub.setup()
    assert asked == [("ETDataset/ett", ["test"], "h1", "refs/convert/parquet")]
    times = np.datetime64("2016-07-01T00:00:00") + np.arange(months) * np.timedelta64(1, "h")
    rows = [f"{t},{','.join(map(str, row))}" for t, row in zip(times, values, strict=True)]
    file = tmp_path / "ETTh1.csv"
    file.write_text("\n".join(["date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT", *rows]) + "\n")
    local: Any = build_data(parse(compose("data=ett", f"data.path={file}")))
    local.setup()
    np.testing.assert_array_equal(hub.targets, local.targets)
    np.testing.assert_array_equal(hub.times, local.times)
    assert hub.variables == local.variables
    assert hub.provenance.sha256


def test_the_packages_weather_has_three_stations() -> None:
    data: Any = build_data(parse(compose("data=weather")))
    data.setup()
    assert data.series_names == ["EWR", "JFK", "LGA"]
    assert len(data.variables) == 7
    assert np.isfinite(data.targets).all()
    assert any("pressure 2,729" in note for note in data.provenance.notes)


# Stocks.


@pytest.fixture
def stocks(tmp_path: Path) -> Iterator[Callable[..., StocksDataModule]]:
    def build(*overrides: str) -> StocksDataModule:
        data = build_data(parse(small("stocks", tmp_path, *overrides)))
        data.setup()
        assert isinstance(data, StocksDataModule)
        return data

    return build


def test_a_return_is_the_difference_of_the_logarithms_of_two_closes(stocks, tmp_path: Path) -> None:
    data = stocks()
    rows = (tmp_path / "stocks" / "AAA_2020.csv").read_text().splitlines()[1:]
    close = np.array([float(row.split(",")[3]) for row in rows])
    np.testing.assert_allclose(data.targets[:299, 0], np.diff(np.log(close)), atol=1e-6)
    assert data.series_names == ["AAA", "BBB"]


@pytest.mark.parametrize("extension", ["parquet", "tsv", "jsonl.gz"])
def test_stocks_are_read_from_every_format(stocks, tmp_path: Path, extension: str) -> None:
    expected = stocks()
    for file in (tmp_path / "stocks").iterdir():
        table, path = pd.read_csv(file), file.with_suffix(f".{extension}")
        if extension == "parquet":
            table.to_parquet(path)
        elif extension == "tsv":
            table.to_csv(path, sep="\t", index=False)
        else:
            table.to_json(path, orient="records", lines=True)
        file.unlink()
    data = stocks()
    assert data.provenance.sha256 != expected.provenance.sha256
    np.testing.assert_array_equal(data.targets, expected.targets)
    np.testing.assert_array_equal(data.times, expected.times)
    assert data.series_names == expected.series_names


def test_a_folder_without_tables_of_stocks_is_rejected(stocks, tmp_path: Path) -> None:
    (tmp_path / "stocks").mkdir()
    with pytest.raises(DataError, match=r"contains no table; choices: \.csv"):
        stocks()


def test_volatility_is_the_size_of_a_return_and_meets_har_and_ewma(stocks) -> None:
    returns, volatility = stocks(), stocks("data.forecast=volatility")
    np.testing.assert_array_equal(np.abs(returns.targets), volatility.targets)
    assert {"HAR", "EWMA"} <= volatility.baselines("test").keys()
    assert "random walk" in returns.baselines("test")


def test_prices_are_scored_as_prices(stocks) -> None:
    wanted = ("data.forecast=price", "data.transform=log_return")
    data = stocks(*wanted)
    assert data.targets.min() > 10
    task = build_task(parse(compose("data=stocks", *wanted)), data.spec)
    batch = whole(data, "test")
    assert batch.units is not None
    nothing = -batch.units.location / batch.units.scale  # a return of zero
    torch.testing.assert_close(task.metric_inputs(nothing, batch)[0], batch.units.anchor)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.forecast=price"], "needs data.transform=log_return"),
        (["data.transform=log_return"], "a return is one already"),
        (["+data.target_columns=[Close]"], "stocks have data.forecast"),
    ],
)
def test_settings_of_stocks_that_cannot_be(overrides, message, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        build_data(parse(small("stocks", tmp_path, *overrides)))


@pytest.mark.slow
def test_a_run_says_in_words_what_may_be_claimed(tmp_path: Path) -> None:
    plain = small("stocks", tmp_path)
    plain["trainer"] |= {"max_epochs": 1}
    report = run(plain).report
    against = report["details"]["against"]["random walk"]
    sentence = next(s for s in report["findings"] if s.startswith("Against random walk: skill"))
    claims = against["p"] < 0.05
    assert sentence.endswith("nothing is claimed.") != claims
    assert any(s.startswith("Each series alone against random walk") for s in report["findings"])
    assert {"test/mase", "test/smape"} <= report["scores"].keys()
    assert {"test/mase", "test/mse"} <= report["baselines"]["random walk"].keys()
    steps = report["details"]["by_step"]["network"]["mse"]
    assert np.mean(steps) == pytest.approx(report["scores"]["test/mse"], abs=1e-6)


@pytest.mark.slow
def test_what_is_measured_of_the_whole_equals_what_is_measured_in_batches(tmp_path: Path) -> None:
    plain = small("csv_series", tmp_path)
    plain["trainer"] |= {"max_epochs": 1}
    done = run(plain)
    by_step = done.report["details"]["by_step"]
    for name in ("mse", "mae"):
        assert np.mean(by_step["network"][name]) == pytest.approx(
            done.report["scores"][f"test/{name}"], rel=1e-4
        )
        for baseline in ("persistence", "ridge"):
            assert np.mean(by_step[baseline][name]) == pytest.approx(
                done.report["baselines"][baseline][f"test/{name}"], rel=1e-4
            )
    table = (done.folder.path / "errors_by_step.csv").read_text().splitlines()
    assert table[0] == "forecast,step,mse,mae,smape,mase"
    assert len(table) == 1 + 3 * len(by_step)
    assert (done.folder.path / "errors_by_step.png").exists()


@pytest.mark.slow
def test_blank_cells_of_real_prices_are_counted(shared_data: Path) -> None:
    places = shared_data / "stocks_djia30"
    data: Any = build_data(parse(compose("data=stocks", f"data.path={places}")))
    data.setup()
    assert len(data.series_names) == 31
    assert any("missing values of BA_" in note for note in data.provenance.notes)
    assert np.isfinite(data.targets).all()
