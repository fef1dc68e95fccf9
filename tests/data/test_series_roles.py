"""Roles of the columns of a series: targets, covariates, known in advance, static."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnlab.data.datasets.forecasting.csv_series import CsvSeriesDataModule
from rnnlab.data.forecasting import SeriesDataModule
from rnnlab.errors import ConfigError, DataError
from rnnlab.models import GRU
from rnnlab.spec import Batch, DataSpec
from rnnlab.tasks.forecasting import Forecasting
from tests.helpers.cases import open_case

SETTINGS = {"report_in": "original", "seq_len": 4, "horizon": 2, "ridge_window": 4}


def open_series(path: Path, **settings: Any) -> SeriesDataModule:
    data = CsvSeriesDataModule(path=str(path), **{**SETTINGS, **settings})
    data.setup()
    return data


def write_table(folder: Path, static: bool = False, rows: int = 100) -> Path:
    """Write two series with a holiday, a price, and perhaps static columns."""
    random, path = np.random.default_rng(0), folder / "shops.csv"
    lines = []
    for shop, region, size in (("b", "north", 120), ("a", "south", 80)):
        for i in range(rows):
            day, value = np.datetime64("2020-01-01") + i, random.standard_normal()
            cells = [day, shop, f"{value:.3f}", int(i % 7 == 3), f"{9 + i % 5}.5"]
            lines.append(",".join(map(str, [*cells, region, size] if static else cells)))
    names = "date,shop,sales,holiday,price" + (",region,size" if static else "")
    path.write_text("\n".join([names, *lines]) + "\n")
    return path


def whole(data: SeriesDataModule, split: str) -> Batch:
    return data.gather(split, np.arange(data.size(split)))


def test_covariates_are_never_targets(series_cases: Path) -> None:
    data = open_case(series_cases / "covariates-become-targets")
    assert (data.variables, data.spec.output_size) == (["sales"], 1)
    assert data.input_names() == ["sales", "price"]


def test_a_misspelt_column_is_an_error(series_cases: Path) -> None:
    case = series_cases / "covariates-become-targets"
    for setting in ("covariate_columns", "known_columns", "static_columns", "target_columns"):
        with pytest.raises(DataError, match=rf"'prcie'; did you mean price.*data\.{setting}"):
            open_case(case, f"data.{setting}=[prcie]")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"target_columns": ["v", "v"]}, r"data\.target_columns: 'v' is named twice"),
        (
            {"target_columns": ["v"], "covariate_columns": ["v"]},
            r"data\.covariate_columns: 'v' is named in data\.target_columns too",
        ),
        (
            {"known_columns": ["p"], "covariate_columns": ["p"]},
            r"data\.known_columns: 'p' is named in data\.covariate_columns too",
        ),
        ({"target_columns": ["date"]}, r"'date' is named in data\.date_column too"),
        ({"series_column": "id", "covariate_columns": ["id"]}, r"'id' is named in data\.series_c"),
        ({"target_columns": []}, r"data\.target_columns=\[\]: name at least one"),
    ],
)
def test_a_column_has_one_role(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CsvSeriesDataModule(path="none.csv", **settings)


def test_no_column_is_left_to_forecast(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    with pytest.raises(DataError, match=r"no column of numbers to forecast.*data\.target_columns"):
        open_series(path, series_column="shop", covariate_columns=["sales", "holiday", "price"])


def test_a_window_of_one_step_without_its_last_value_is_rejected(series_cases: Path) -> None:
    case = series_cases / "seq-len-1-sees-nothing"
    with pytest.raises(ConfigError, match=r"data\.seq_len=2 or more, or data\.transform=none"):
        open_case(case)
    assert open_case(case, "data.transform=none").spec.input_size == 1


# Known in advance.


@pytest.mark.parametrize("channels", ["joint", "independent"])
def test_known_columns_are_read_in_the_window_and_over_the_horizon(
    channels: str, tmp_path: Path
) -> None:
    columns = {"series_column": "shop", "known_columns": ["holiday", "price"]}
    data = open_series(write_table(tmp_path), channels=channels, **columns)
    assert data.variables == ["sales"]
    assert data.input_names()[1:] == ["holiday", "price"]
    assert data.spec.known_size == 2
    for split in ("train", "val", "test"):
        batch, first = whole(data, split), data.windows[split].first
        assert batch.future is not None
        assert batch.future.shape == (len(first), 2, 2)
        holiday = (first[:, None] % 100 + np.arange(2)) % 7 == 3
        high = batch.future[..., 0].numpy() > 0
        np.testing.assert_array_equal(high, holiday)
        np.testing.assert_array_equal(
            batch.inputs[:, :, 1].numpy() > 0, (first[:, None] % 100 + np.arange(-4, 0)) % 7 == 3
        )


def test_known_columns_of_the_future_reach_the_forecast_of_their_step() -> None:
    torch.manual_seed(0)
    task = Forecasting(DataSpec(output_size=2, input_size=3, horizon=4, known_size=1))
    model = GRU(task, hidden_size=5).eval()
    future = torch.zeros(1, 4, 1, requires_grad=True)
    rows = torch.arange(1)
    batch = Batch(torch.randn(1, 6, 3), torch.tensor([6]), torch.zeros(1, 4, 2), rows)
    predictions = model.predictions(batch._replace(future=future))
    assert predictions.shape == (1, 4, 2)
    predictions[0, 2].sum().backward()
    assert future.grad is not None
    assert future.grad.flatten().ne(0).tolist() == [False, False, True, False]


@pytest.mark.slow
def test_a_small_network_learns_the_effect_of_a_holiday(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """y = 10 x holiday + noise 0.3; without the known column the error is that of a guess."""
    from rnnlab.experiment.run import run
    from tests.helpers.configs import small

    monkeypatch.setattr("rnnlab.plots.figures.save_figure", lambda figure, path: path)
    random, path = np.random.default_rng(0), tmp_path / "holidays.csv"
    holiday = (random.random(1500) < 0.15).astype(int)
    values = 10 * holiday + 0.3 * random.standard_normal(1500)
    days = np.datetime64("2020-01-01") + np.arange(1500)
    lines = [f"{d},{y:.4f},{h}" for d, y, h in zip(days, values, holiday, strict=True)]
    path.write_text("\n".join(["date,y,holiday", *lines]) + "\n")
    plain = small("csv_series", tmp_path, "seed=1")
    plain["data"] |= {
        "path": str(path),
        "seq_len": 14,
        "horizon": 3,
        "calendar": [],
        "batch_size": 32,
    }
    plain["data"] |= {"known_columns": ["holiday"], "transform": "none"}
    plain["model"] |= {"hidden_size": 16}
    plain["optimizer"] |= {"lr": 0.01}
    plain["trainer"] |= {"max_epochs": 8}
    assert run(plain).report["scores"]["test/mse"] < 0.15


@pytest.mark.parametrize("words", [("False", "True"), ("false", "TRUE")])
def test_true_and_false_are_flags(words: tuple[str, str], tmp_path: Path) -> None:
    path = write_table(tmp_path)
    flags = [f",{words[int(i % 7 == 3)]}," for i in range(100)] * 2
    header, *rows = path.read_text().splitlines()
    lines = [
        row.replace(f",{int(i % 100 % 7 == 3)},", flag)
        for i, (row, flag) in enumerate(zip(rows, flags, strict=True))
    ]
    columns = {"series_column": "shop", "known_columns": ["holiday", "price"]}
    expected = whole(open_series(path, **columns), "test")
    path.write_text("\n".join([header, *lines]) + "\n")
    batch = whole(open_series(path, **columns), "test")
    torch.testing.assert_close(batch.future, expected.future)


# Static.


def test_static_columns_are_inputs_of_every_step(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"series_column": "shop", "target_columns": ["sales"]}
    data = open_series(
        write_table(tmp_path, static=True), static_columns=["region", "size", "shop"], **columns
    )
    names = ["sales", "region=north", "region=south", "size", "shop=a", "shop=b"]
    assert data.input_names() == names
    assert data.spec.input_size == 6
    batch, series = whole(data, "test"), data.splits.series["test"]
    assert data.series_names == ["b", "a"]
    features = {0: [1, 0, 1, 0, 1], 1: [0, 1, -1, 1, 0]}
    for index, expected in features.items():
        rows = batch.inputs[torch.from_numpy(series == index)][..., 1:]
        assert (rows == torch.tensor(expected)).all()


@pytest.mark.parametrize(
    ("column", "change", "message"),
    [
        ("region", ("north", "east"), r"'b' has two values of the static column 'region', 'east'"),
        ("region", ("north", ""), None),
        ("size", ("120", "big"), r"'size' has numbers and texts, such as '80' and 'big'"),
    ],
)
def test_static_columns_that_are_not_static_are_rejected(
    column: str, change: tuple[str, str], message: str | None, tmp_path: Path
) -> None:
    """One changed row is two values; an empty cell has the value of the other rows."""
    path = write_table(tmp_path, static=True)
    count = -1 if change[1] == "big" else 1
    path.write_text(path.read_text().replace(f",{change[0]}", f",{change[1]}", count))
    columns: dict[str, Any] = {"series_column": "shop", "target_columns": ["sales"]}
    if message is None:
        data = open_series(path, static_columns=[column], **columns)
        assert data.input_names()[1:] == ["region=north", "region=south"]
        return
    with pytest.raises(DataError, match=message):
        open_series(path, static_columns=[column], **columns)


def test_a_series_without_a_static_value_is_rejected(tmp_path: Path) -> None:
    path = write_table(tmp_path, static=True)
    path.write_text(path.read_text().replace(",south", ","))
    columns: dict[str, Any] = {"series_column": "shop", "target_columns": ["sales"]}
    with pytest.raises(DataError, match="'a' has no value of the static column 'region'"):
        open_series(path, static_columns=["region"], **columns)


def test_too_many_texts_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnlab.data.series.variables.MAX_CATEGORIES", 1)
    columns: dict[str, Any] = {"series_column": "shop", "target_columns": ["sales"]}
    with pytest.raises(DataError, match="has 2 different texts"):
        open_series(write_table(tmp_path, static=True), static_columns=["region"], **columns)


def test_an_empty_name_of_a_series_is_rejected(tmp_path: Path) -> None:
    path = write_table(tmp_path)
    path.write_text(path.read_text().replace("2020-01-05,b,", "2020-01-05,,"))
    with pytest.raises(DataError, match=r"line 6, column 'shop': no name of a series"):
        open_series(path, series_column="shop")
