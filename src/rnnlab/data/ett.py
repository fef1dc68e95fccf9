"""Electricity transformer temperature (Zhou et al., 2021, https://arxiv.org/abs/2012.07436)."""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from rnnlab.data.cache import file_sha256
from rnnlab.data.forecasting import SeriesDataModule
from rnnlab.data.prepared import Source
from rnnlab.data.rivals import Array
from rnnlab.data.series_files import Series
from rnnlab.data.sources import Provenance
from rnnlab.data.tables import find_table
from rnnlab.errors import DataError

Station = Literal["ETTh1", "ETTh2", "ETTm1", "ETTm2"]
MONTHS = (12, 4, 4)  # of training, validation and test; the rest of the file is not used
ROWS_A_MONTH = {"h": 30 * 24, "m": 30 * 24 * 4}


class ETTDataModule(SeriesDataModule):
    """Seven variables of two transformers, hourly (ETTh) or every 15 minutes (ETTm), two years.

    The split is the usual one: 12, 4 and 4 months of 30 days; each variable is scaled by its
    training part, and all scores are of scaled values, as in the papers.

    Args:
        station: ETTh1 | ETTh2 | ETTm1 | ETTm2.
        settings: see SeriesDataModule; `path` is the file, or a folder with it.
    """

    places = ("local",)

    def __init__(self, station: Station = "ETTh1", **settings: Any) -> None:
        super().__init__(**settings)
        self.station = station

    def local(self) -> Source:
        """See PreparedDataModule."""
        path = self.given_path()
        if not path.is_dir():
            return super().local()
        file = find_table(path, self.station)
        if file is None:
            names = ", ".join(sorted(file.name for file in path.iterdir())) or "nothing"
            raise DataError(f"{path}: wanted {self.station}.csv (or .csv.gz ...), found {names}")
        known = Provenance("local", f"{self.path}/{file.name}", sha256=file_sha256(file))
        return Source(known, lambda: self.read(Path(file)), "csv")

    def borders(self, series: Series) -> list[Array]:
        """See SeriesDataModule; by months of 30 days, counted from the first row."""
        ends = np.cumsum(MONTHS) * ROWS_A_MONTH[self.station[3]]
        if len(series.times) < ends[-1]:
            raise DataError(
                f"{self.path}: {len(series.times):,} rows, but the split of {self.station} needs "
                f"{ends[-1]:,}. Is data.station the right one? For data of yours: data=csv_series"
            )
        return [np.array([end]) for end in ends]
