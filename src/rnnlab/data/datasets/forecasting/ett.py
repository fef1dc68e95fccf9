"""Electricity transformer temperature (Zhou et al., 2021, https://arxiv.org/abs/2012.07436)."""

from typing import Any, Literal

import numpy as np

from rnnlab.data.forecasting import SeriesDataModule
from rnnlab.data.prepared import Source
from rnnlab.data.readers.dates import SECOND
from rnnlab.data.readers.files import file_format
from rnnlab.data.readers.series import Series
from rnnlab.data.readers.tables import find_table
from rnnlab.data.series.splits import SplitSettings
from rnnlab.data.sources.cache import file_sha256
from rnnlab.data.sources.hub import load_from_hub
from rnnlab.data.sources.provenance import Provenance
from rnnlab.errors import ConfigError, DataError
from rnnlab.spec import Ints

Station = Literal["ETTh1", "ETTh2", "ETTm1", "ETTm2"]
COLUMNS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
HUB_NAME, HUB_REVISION = "ETDataset/ett", "refs/convert/parquet"  # main needs a script
MONTHS = (12, 4, 4)  # of training, validation and test; the rest of the file is not used
MONTH_ROWS = {"h": 30 * 24, "m": 30 * 24 * 4}


class ETTDataModule(SeriesDataModule):
    """Seven variables of two transformers, hourly (ETTh) or every 15 minutes (ETTm), two years.

    hub: `ETDataset/ett`, the 20 months of the split.
    local: the file of the authors, in any format of tables.

    The splits have 12, 4 and 4 months of 30 days. Each variable is standardized by its training
    split, and all scores are of standardized values, as in the papers.

    Args:
        station: ETTh1 | ETTh2 | ETTm1 | ETTm2.
        settings: see SeriesDataModule; `path` is the file, or a folder with it.
    """

    available_sources = ("hub", "local")

    def __init__(self, station: Station = "ETTh1", **settings: Any) -> None:
        super().__init__(**settings)
        if self.split != SplitSettings(0.1, 0.2) or self.test_path:
            raise ConfigError(
                "data=ett: has the split of the papers, 12, 4 and 4 months. For another split of "
                "the same file use data=csv_series with data.val_from and data.test_from"
            )
        self.station = station

    def hub(self) -> Source:
        provenance = Provenance("hub", f"{HUB_NAME} {self.station}")
        return Source(provenance, lambda: (self.read_hub(), []), self.station)

    def read_hub(self) -> Series:
        """Return the longest row of the hub's test split, which contains all 20 months.

        Raises:
            DataError: the hub's table has an unknown structure.
        """
        table = load_from_hub(HUB_NAME, ["test"], self.station[3:], HUB_REVISION)["test"]
        row = max(table, key=lambda row: len(row["target"]))
        columns = [*row["feat_dynamic_real"], row["target"]]
        if len(columns) != len(COLUMNS) or len({len(column) for column in columns}) != 1:
            raise DataError(
                f"{HUB_NAME}: expected {len(COLUMNS)} columns of one length, found "
                f"{[len(column) for column in columns]}; set data.path to the file of the authors"
            )
        step = {"h": 3600, "m": 900}[self.station[3]] * SECOND
        start = int(np.datetime64(row["start"], "us").astype(np.int64))
        values = np.array(columns, dtype=np.float64).T
        times = start + step * np.arange(len(values))
        observed, offsets = np.isfinite(values), np.array([0, len(values)])
        return Series(values, observed, times, times, offsets, list(COLUMNS), [self.station])

    def local(self) -> Source:
        path = self.local_path()
        if not path.is_dir():
            return super().local()
        file = find_table(path, self.station)
        if file is None:
            names = ", ".join(sorted(file.name for file in path.iterdir())) or "nothing"
            raise DataError(f"{path}: expected {self.station}.csv (or .parquet ...), found {names}")
        provenance = Provenance("local", f"{self.path}/{file.name}", sha256=file_sha256(file))
        return Source(provenance, lambda: self.read(file), file_format(file))

    def find_borders(self, series: Series, ends: Ints) -> list[Ints]:
        """See SeriesDataModule; months of 30 days, counted from the first row."""
        ends = np.cumsum(MONTHS) * MONTH_ROWS[self.station[3]]
        if len(series.times) < ends[-1]:
            raise DataError(
                f"{self.provenance.name}: {len(series.times):,} rows, but the split of "
                f"{self.station} needs {ends[-1]:,}. Check data.station; for your own "
                "data use data=csv_series"
            )
        return [np.array([end]) for end in ends]
