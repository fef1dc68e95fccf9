"""Splits of series: by share, by date, by a second file; series that are too short."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlab.data.base import SPLITS
from rnnlab.data.datasets.forecasting.csv_series import CsvSeriesDataModule
from rnnlab.data.forecasting import SeriesDataModule
from rnnlab.errors import ConfigError, DataError
from tests.helpers.cases import open_case

SETTINGS = {"report_in": "original", "seq_len": 4, "horizon": 2, "ridge_window": 4}


def open_series(path: Path, **settings: Any) -> SeriesDataModule:
    data = CsvSeriesDataModule(path=str(path), **{**SETTINGS, **settings})
    data.setup()
    return data


def write_panel(folder: Path, lengths: dict[str, int], name: str = "panel.csv") -> Path:
    """Write series of days from 2020-01-01 on, one after the other."""
    random, path = np.random.default_rng(0), folder / name
    lines = [
        f"{np.datetime64('2020-01-01') + i},{series},{value:.3f}"
        for series, count in lengths.items()
        for i, value in enumerate(random.standard_normal(count).cumsum())
    ]
    path.write_text("\n".join(["date,id,value", *lines]) + "\n")
    return path


def split_sizes(data: SeriesDataModule) -> list[int]:
    return [data.size(split) for split in SPLITS]


def first_targets(data: SeriesDataModule, split: str) -> list[str]:
    """Return the first date of the targets of a split in each series."""
    windows, series = data.windows[split], data.splits.series[split]
    first = [windows.first[series == i][0] for i in np.unique(series)]
    return [str(np.datetime64(int(data.local_times[row]), "us"))[:10] for row in first]


# Series without dates.


def test_series_without_dates_are_split_by_their_own_rows(series_cases: Path) -> None:
    case = series_cases / "panel-without-dates"
    data, dated = open_case(case), open_case(case, "data.date_column=date")
    assert data.series_names == dated.series_names == ["A", "B"]
    assert split_sizes(data) == split_sizes(dated) == [150, 22, 46]
    np.testing.assert_array_equal(data.targets, dated.targets)


def test_series_without_dates_may_have_different_lengths(tmp_path: Path) -> None:
    path = write_panel(tmp_path, {"a": 100, "b": 40})
    columns = {"series_column": "id", "target_columns": ["value"]}
    data = open_series(path, date_column=None, **columns)
    assert [border.tolist() for border in data.splits.borders] == [[70, 128], [80, 132], [100, 140]]


# Too short.


def test_a_short_series_is_refused_with_the_setting_that_drops_it(series_cases: Path) -> None:
    case = series_cases / "short-series-blocks-panel"
    with pytest.raises(DataError, match=r"'C' has .* 1 of 3 series .* data\.short_series=drop"):
        open_case(case)
    data = open_case(case, "data.short_series=drop")
    assert data.series_names == ["A", "B"]
    assert any(note.startswith("1 series too short") for note in data.provenance.notes)


def test_a_panel_of_short_series_is_refused_always(tmp_path: Path) -> None:
    path = write_panel(tmp_path, {"a": 60, "b": 60})
    with pytest.raises(DataError, match="all 2 series are too short"):
        open_series(path, series_column="id", seq_len=50, short_series="drop")


def test_a_split_without_steps_is_an_error_in_words(series_cases: Path) -> None:
    with pytest.raises(DataError, match=r"has 0 steps for test, but .*data\.test_fraction"):
        open_case(series_cases / "test-fraction-indexerror")


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
@pytest.mark.parametrize("date_column", ["date", None])
def test_files_of_a_few_rows_are_rejected(
    rows: int, date_column: str | None, tmp_path: Path
) -> None:
    path = write_panel(tmp_path, {"a": rows})
    with pytest.raises(DataError, match=r"has \d steps for (train|val|test)"):
        open_series(path, date_column=date_column, series_column="id", target_columns=["value"])


def test_a_series_without_a_target_value_in_training_is_not_scaled_by_chance(
    tmp_path: Path,
) -> None:
    path = write_panel(tmp_path, {"a": 100, "b": 100})
    rows = path.read_text().splitlines()
    empty = [row.rsplit(",", 1)[0] + "," for row in rows[102:181]]  # all but the first of b
    path.write_text("\n".join([*rows[:101], rows[101], *empty, *rows[181:]]) + "\n")
    columns: dict[str, Any] = {"series_column": "id", "val_fraction": 0.05, "test_fraction": 0.05}
    open_series(path, **columns)
    path.write_text("\n".join([*rows[:101], "2020-01-01,b,", *empty, *rows[181:]]) + "\n")
    assert open_series(path, **columns).series_names == ["a", "b"]  # rows without a previous value


# The future.


def test_rows_after_the_last_target_are_the_future(tmp_path: Path) -> None:
    path = write_panel(tmp_path, {"a": 100, "b": 100})
    rows = path.read_text().splitlines()
    future = [f"2020-04-{10 + i},{series},,{i}" for series in "ab" for i in range(14)]
    short = tmp_path / "without.csv"
    values = [f"{row},{i % 3}" for i, row in enumerate(rows[1:])]
    short.write_text("\n".join(["date,id,value,price", *values]) + "\n")
    path.write_text("\n".join(["date,id,value,price", *values, *future]) + "\n")
    columns = {"series_column": "id", "target_columns": ["value"], "covariate_columns": ["price"]}
    data, other = open_series(path, **columns), open_series(short, **columns)
    assert split_sizes(data) == split_sizes(other)
    assert data.baselines("test") == other.baselines("test")
    assert "28 rows at the end of the series have no value of value" in str(data.provenance.notes)


def test_a_test_part_without_values_is_not_scored(series_cases: Path) -> None:
    """The last 80 rows have no value: they are no split, and the notes say so."""
    data = open_case(series_cases / "filled-test-scored")
    assert any(
        note.startswith("80 rows at the end of the series have no value of v")
        for note in data.provenance.notes
    )
    values = np.genfromtxt(data.path, delimiter=",", skip_header=1)[:, 1]
    observed = values[~np.isnan(values)]
    first = data.windows["test"].first
    truth = np.array([observed[i : i + 2] for i in first])
    errors = truth - observed[first - 1][:, None]
    assert data.baselines("test")["persistence"]["mse"] == pytest.approx(
        np.square(errors).mean(), rel=1e-9
    )


def test_a_long_season_is_reported(series_cases: Path) -> None:
    data = open_case(series_cases / "season-dropped")
    assert "seasonal naive" not in data.baselines("val")
    reason = data.missing_baselines()["seasonal naive"]
    assert "data.season=365 is longer than the 280 training steps" in reason


# Dates as borders.


def test_splits_begin_at_the_dates_as_typed(tmp_path: Path) -> None:
    path = write_panel(tmp_path, {"a": 100, "b": 90})
    dates = {"val_from": "2020-03-01", "test_from": "2020-03-15"}
    data = open_series(path, series_column="id", **dates)
    assert first_targets(data, "val") == ["2020-03-01"] * 2
    assert first_targets(data, "test") == ["2020-03-15"] * 2


def test_one_date_and_one_share(tmp_path: Path) -> None:
    path = write_panel(tmp_path, {"a": 100})
    columns: dict[str, Any] = {"series_column": "id", "val_fraction": 0.1, "test_fraction": 0.2}
    assert first_targets(open_series(path, test_from="2020-03-15", **columns), "val") == [
        "2020-03-05"
    ]
    data = open_series(path, val_from="2020-03-01", **columns)
    assert first_targets(data, "test") == ["2020-03-21"]  # row 80


def test_the_number_of_a_step_as_a_border(tmp_path: Path) -> None:
    path = write_panel(tmp_path, {"a": 100})
    columns: dict[str, Any] = {"target_columns": ["value"], "date_column": None}
    data = open_series(path, val_from=60, test_from="80", **columns)
    assert [int(data.windows[split].first[0]) for split in ("val", "test")] == [60, 80]


def test_a_number_of_an_index_as_a_border(tmp_path: Path) -> None:
    """The index begins at 100, at the same steps in both series."""
    lines = [f"{i},{name},{i % 7}" for name in "ab" for i in range(100, 200 - 20 * (name == "b"))]
    path = tmp_path / "index.csv"
    path.write_text("\n".join(["t,id,value", *lines]) + "\n")
    data = open_series(path, date_column="t", series_column="id", val_from=150, test_from=165)
    assert [border.tolist() for border in data.splits.borders] == [[50, 150], [65, 165], [100, 180]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"test_from": "2021-01-01"}, r"data\.test_from=2021-01-01: the rows .* to 2020-04-09"),
        ({"val_from": "2019-01-01"}, r"the rows with a target value are from 2020-01-01"),
        ({"val_from": "2020-04-05"}, r"val_from=2020-04-05 is not before the test, .*2020-03-21"),
    ],
)
def test_dates_outside_of_the_file_are_rejected(
    settings: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        open_series(write_panel(tmp_path, {"a": 100}), series_column="id", **settings)


@pytest.mark.parametrize("typed", ["01.02.2020", "2020-13-01", "2020-01-01T00:00+01:00", "soon"])
def test_a_border_that_is_no_date_is_rejected_before_reading(typed: str) -> None:
    with pytest.raises(ConfigError, match=r"data\.test_from=.*such as data\.test_from=2024-01-31"):
        CsvSeriesDataModule(path="none.csv", test_from=typed)


def test_a_date_for_rows_without_dates_is_rejected(tmp_path: Path) -> None:
    path = write_panel(tmp_path, {"a": 100})
    with pytest.raises(ConfigError, match=r"no dates; give the number of a step"):
        open_series(path, date_column=None, target_columns=["value"], test_from="2020-02-01")


# A separate test file.


@pytest.mark.parametrize("date_column", ["date", None])
def test_a_test_file_continues_the_series(date_column: str | None, tmp_path: Path) -> None:
    """Both files together are split as one file is by the date of the second."""
    whole = write_panel(tmp_path, {"a": 100, "b": 100})
    header, *rows = whole.read_text().splitlines()
    parts = {"first.csv": [*rows[:70], *rows[100:170]], "second.csv": [*rows[70:100], *rows[170:]]}
    for name, lines in parts.items():
        (tmp_path / name).write_text("\n".join([header, *lines]) + "\n")
    columns: dict[str, Any] = {"series_column": "id", "target_columns": ["value"]}
    columns["date_column"] = date_column
    data = open_series(
        tmp_path / "first.csv", test_path=str(tmp_path / "second.csv"), val_fraction=0.1, **columns
    )
    dates = {"val_from": "2020-03-04", "test_from": "2020-03-11"}
    rows = {"val_from": 63, "test_from": 70}
    one = open_series(whole, **(dates if date_column else rows), **columns)
    np.testing.assert_array_equal(data.targets, one.targets)
    assert [border.tolist() for border in data.splits.borders] == [[63, 163], [70, 170], [100, 200]]
    assert split_sizes(data) == split_sizes(one)
    assert data.series_names == ["a", "b"]
    assert data.baselines("test") == one.baselines("test")


def test_a_test_file_of_one_series_needs_no_series_column(tmp_path: Path) -> None:
    header, *rows = write_panel(tmp_path, {"a": 100}).read_text().splitlines()
    for name, lines in {"one.csv": rows[:80], "two.csv": rows[80:]}.items():
        (tmp_path / name).write_text("\n".join([header, *lines]) + "\n")
    data = open_series(
        tmp_path / "one.csv", test_path=str(tmp_path / "two.csv"), target_columns=["value"]
    )
    assert data.series_names == ["one.csv"]
    assert data.size("test") == 19


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["date,id,value", "2020-02-01,a,1"], r"'a' begins at 2020-02-01.* ends at 2020-04-09"),
        (["date,id,value", "2021-02-01,z,1"], r"the series 'z' is not in panel\.csv"),
        (["date,id,value,more", "2021-02-01,a,1,2"], r"the column 'more' is in only one"),
    ],
)
def test_a_test_file_that_does_not_fit_is_rejected(
    lines: list[str], message: str, tmp_path: Path
) -> None:
    path, other = write_panel(tmp_path, {"a": 100}), tmp_path / "other.csv"
    other.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=message):
        open_series(path, test_path=str(other), series_column="id")


def test_a_test_file_and_a_date_of_the_test_are_rejected() -> None:
    with pytest.raises(ConfigError, match=r"and not data\.test_from"):
        CsvSeriesDataModule(path="a.csv", test_path="b.csv", test_from="2020-01-01")


def test_the_split_of_the_papers_is_fixed(tmp_path: Path) -> None:
    from rnnlab.data.datasets.forecasting.ett import ETTDataModule

    with pytest.raises(ConfigError, match="data=ett: has the split of the papers"):
        ETTDataModule(path=str(tmp_path), test_from="2020-01-01")
