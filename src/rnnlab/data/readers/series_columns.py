"""Columns of a table of time series, and how its cells are read."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from rnnlab.data.readers.cells import Decimal, NumberStyle, Thousands
from rnnlab.data.readers.date_column import open_dates
from rnnlab.data.readers.date_formats.zones import check_zone
from rnnlab.data.readers.delimited import Delimiter, Quoting, TableFormat
from rnnlab.data.readers.tables import Table, describe_missing_header, find_column
from rnnlab.errors import ConfigError, DataError

DuplicatePolicy = Literal["error", "first", "last", "keep"]
MissingPolicy = Literal["previous", "error"]


@dataclass(frozen=True)
class SeriesColumns:
    """Columns of a table of series, and how its cells are read.

    Attributes:
        date: column of the time stamps; None if the rows are equidistant.
        values: columns to forecast; None for all columns of numbers without another role.
        series: column with the name of the series of each row; None for one series.
        delimiter: of CSV and TSV files: comma | semicolon | tab | pipe; None for the usual one of
            the extension.
        encoding: of CSV, TSV and JSON files.
        date_format: as in strptime, such as %d/%m/%Y, and %q for quarters; or of numbers: epoch_s |
            epoch_ms | epoch_us | epoch_ns | excel | mjd | steps. None for the only format that
            fits all rows.
        missing_values: numbers and words that mark a missing value, such as -9999, besides those
            of rnnlab.data.readers.cells.MISSING_NUMBERS.
        missing: previous fills a missing value with the previous one of its series; error rejects
            it.
        duplicates: rows of one series with the same time: error | first | last | keep.
        date_columns: several columns that form the time stamp together, such as (date, time) or
            (year, month, day, hour), instead of `date`.
        day_first: whether 01/02/2020 is February 1; None if the rows decide.
        time_zone: of the times, such as Europe/Berlin; None if their steps are equal without it.
        quoting, header: see rnnlab.data.readers.delimited.TableFormat.
        decimal, thousands, strip_signs: see rnnlab.data.readers.cells.NumberStyle.
        covariates: columns of numbers that are read but not forecast.
        known: columns of numbers that are known in advance, such as holidays.
        static: columns with one number or text for each series.
    """

    date: str | None = "date"
    values: tuple[str, ...] | None = None
    series: str | None = None
    delimiter: Delimiter | None = None
    encoding: str = "utf-8"
    date_format: str | None = None
    missing_values: tuple[float | str, ...] = ()
    missing: MissingPolicy = "previous"
    duplicates: DuplicatePolicy = "error"
    date_columns: tuple[str, ...] = ()
    day_first: bool | None = None
    time_zone: str | None = None
    quoting: Quoting = "auto"
    header: bool | None = None
    decimal: Decimal | None = None
    thousands: Thousands | None = None
    strip_signs: bool = False
    covariates: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    static: tuple[str, ...] = ()

    @property
    def dates(self) -> tuple[str, ...]:
        """Return the columns that form the time stamp; none if the rows are equidistant."""
        return self.date_columns or ((self.date,) if self.date else ())

    @property
    def table_format(self) -> TableFormat:
        """How the table is written."""
        return TableFormat(self.encoding, self.delimiter, self.quoting, self.header, True)

    @property
    def number_style(self) -> NumberStyle:
        """How its numbers are written."""
        return NumberStyle(self.decimal, self.thousands, self.strip_signs, self.missing_values)

    def roles(self) -> dict[str, tuple[str, ...]]:
        """Return the columns of each setting."""
        return {
            "data.date_columns" if self.date_columns else "data.date_column": self.dates,
            "data.series_column": (self.series,) if self.series else (),
            "data.target_columns": self.values or (),
            "data.covariate_columns": self.covariates,
            "data.known_columns": self.known,
            "data.static_columns": self.static,
        }

    def check_dates(self) -> None:
        """Check the format of the dates and the time zone.

        Raises:
            ConfigError: one of them does not exist.
        """
        open_dates(self.dates, self.date_format, self.day_first)
        check_zone(self.time_zone)

    def check_roles(self) -> None:
        """Check that no column has two roles; the name of the series can also be static.

        Raises:
            ConfigError: one has.
        """
        settings: dict[str, str] = {}
        for setting, columns in self.roles().items():
            for column in columns:
                other = settings.setdefault(column, setting)
                if columns.count(column) > 1:
                    raise ConfigError(f"{setting}: {column!r} is named twice; name it once")
                series_input = column == self.series and setting == "data.static_columns"
                if other != setting and not series_input:
                    raise ConfigError(
                        f"{setting}: {column!r} is named in {other} too; remove it from one"
                    )

    def select(self, table: Table) -> "ColumnPlaces":
        """Return the places of the columns; check that all columns exist, each once.

        Raises:
            DataError: one does not, or the table has no header.
        """
        table.check_delimiter((*self.dates, "")[0])
        others = [*self.dates, *((self.series,) if self.series else ())]
        if not others and not self.values and table.looks_like_values:
            raise DataError(
                f"{table.path}, line 1: is this a header? {describe_missing_header(table)}; "
                "data.header=true takes it for names"
            )
        places = {
            name: find_column(table, name, setting)
            for setting, names in self.roles().items()
            for name in names
        }
        targets = [places[name] for name in self.values or ()]
        if not self.values:
            targets = [place for place in range(table.width) if place not in places.values()]
        return ColumnPlaces(
            [places[name] for name in self.dates],
            places.get(self.series or ""),
            targets,
            [places[name] for name in (*self.covariates, *self.known)],
            [places[name] for name in self.static if name != self.series],
        )


class ColumnPlaces(NamedTuple):
    """Places of the columns in a table, counted from 0.

    Attributes:
        dates: of the columns that form the time stamp.
        series: None if the table has one series.
        targets: of the columns to forecast; candidates if these are not named.
        inputs: of covariates and of what is known in advance.
        static: of the static columns, without the names of the series.
    """

    dates: list[int]
    series: int | None
    targets: list[int]
    inputs: list[int]
    static: list[int]

    @property
    def all(self) -> list[int]:
        """Places of all columns, in this order."""
        series = () if self.series is None else (self.series,)
        return [*self.dates, *series, *self.targets, *self.inputs, *self.static]
