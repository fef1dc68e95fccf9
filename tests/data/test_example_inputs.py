"""The example inputs of each processor are inputs that its network accepts."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnlab
from tests.helpers.run_folders import write_run

FAMILIES = (
    *("imdb", "csv_series", "stocks", "sine", "adding", "copying", "text_file", "parallel_text"),
)


@pytest.mark.parametrize("data", FAMILIES)
def test_a_run_accepts_its_example(data: str, tmp_path: Path) -> None:
    folder = write_run(data, tmp_path).folder
    run = rnnlab.load(folder)
    example = run.processor.example_inputs()
    assert run.processor.reads_texts == isinstance(example, list)
    frame = run.predict(example)
    assert len(frame) > 0
    assert np.isfinite(frame.select_dtypes("number")).all(axis=None)


@pytest.mark.parametrize("transform", ["none", "last", "difference", "log_return"])
def test_the_example_fits_the_columns(transform: str, tmp_path: Path) -> None:
    table = tmp_path / "series.csv"  # that of small()
    lines = [
        f"{day:02d}.{month:02d}.2021;{shop};{region};{100 + day + 7 * month};{day % 7};{day % 2}"
        for shop, region in (("a", "north"), ("b", "south"))
        for month in range(1, 7)
        for day in range(1, 29)
    ]
    table.write_text("\n".join(["day;shop;region;sales;price;holiday", *lines]) + "\n")
    settings: list[Any] = [
        *("data.date_column=day", "data.date_format=%d.%m.%Y"),
        *("data.series_column=shop", "data.static_columns=[region]", "data.target_columns=[sales]"),
        *("data.covariate_columns=[price]", "data.known_columns=[holiday]"),
        *("data.delimiter=semicolon", f"data.transform={transform}", "data.calendar=[day_of_week]"),
    ]
    run = rnnlab.load(write_run("csv_series", tmp_path, *settings).folder)
    example = run.processor.example_inputs()
    assert example["day"][0] == "01.01.2024"
    frame = run.predict(example)
    assert len(frame) == 3
    assert np.isfinite(frame["forecast"]).all()
