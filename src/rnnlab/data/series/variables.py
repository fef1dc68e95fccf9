"""Variables of a series data set: what is forecast, and what is read besides.

S series, N steps of all of them, V target variables, C covariates, K known ones, F static features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnnlab.data.readers.series import Series
from rnnlab.data.readers.series_columns import SeriesColumns
from rnnlab.errors import DataError, unknown_name
from rnnlab.spec import Array

MAX_CATEGORIES = 256  # of a static column of texts; each is a feature of every step
MAX_MAGNITUDE = 1e150  # its square is a number in double precision, as is that of its inverse


class SeriesVariables(NamedTuple):
    """The forecast variables and the covariates, in the units of the file.

    Attributes:
        targets: (N, V); a gap has the previous value.
        observed: False where a target has no value, (N, V).
        names: of the target variables, V.
        covariates: (N, C + K), those that are known in advance at the end.
        covariate_names: C + K.
        num_known: K.
    """

    targets: Array
    observed: Array
    names: list[str]
    covariates: Array
    covariate_names: list[str]
    num_known: int


def check_magnitudes(source: str, variables: SeriesVariables) -> None:
    """Check that double precision can hold squared errors of the targets.

    Raises:
        DataError: it cannot; names the column.
    """
    for name, values in zip(variables.names, variables.targets.T, strict=True):
        largest, spread = np.abs(values).max(), np.ptp(values)
        if largest > MAX_MAGNITUDE or 0 < spread < 1 / MAX_MAGNITUDE:
            raise DataError(
                f"{source}, column {name!r}: values up to {largest:g} with a range of {spread:g} "
                "have squared errors that are no numbers in double precision. Give the column "
                "in another unit"
            )


def select_variables(series: Series, columns: SeriesColumns) -> SeriesVariables:
    """Return the variables of the series by the roles of the columns.

    Raises:
        DataError: the series have no such column.
    """
    for setting, names in columns.roles().items():
        for name in names:
            if name not in (*series.columns, *columns.dates, columns.series):
                begin = f"there is no column {name!r}; "
                end = f". Name the right one with {setting}"
                raise DataError(unknown_name(begin, name, series.columns, end, setting=setting))
    others = (*columns.covariates, *columns.known)
    rest = [name for name in series.columns if name not in (*others, *columns.static)]
    targets = list(columns.values or rest)
    return SeriesVariables(
        series.column(*targets),
        series.is_observed(*targets),
        targets,
        series.column(*others),
        list(others),
        len(columns.known),
    )


@dataclass(frozen=True)
class StaticColumn:
    """How a column with one value for each series becomes features.

    Attributes:
        name: of the column.
        mean, deviation: of its numbers over the series.
        categories: its texts; each is a feature that is 0 or 1. None for a column of numbers.
    """

    name: str
    mean: float = 0.0
    deviation: float = 1.0
    categories: tuple[str, ...] | None = None

    @classmethod
    def fit(cls, name: str, texts: Sequence[str], is_name: bool) -> "StaticColumn":
        """Return the column of these cells, one of each series, (S,).

        `is_name` is true for the names of the series: they are categories, also if all are numbers.

        Raises:
            DataError: there are too many texts, or texts and numbers.
        """
        numbers = None if is_name else parse_numbers(name, texts)
        if numbers is not None:
            return cls(name, float(numbers.mean()), float(numbers.std()) or 1.0)
        categories = sorted(set(texts))
        if len(categories) > MAX_CATEGORIES:
            raise DataError(
                f"the static column {name!r} has {len(categories):,} different texts, and each "
                f"is an input of the network: at most {MAX_CATEGORIES}. Remove it from "
                "data.static_columns"
            )
        return cls(name, categories=tuple(categories))

    @property
    def feature_names(self) -> list[str]:
        """Name of each feature, F."""
        if self.categories is None:
            return [self.name]
        return [f"{self.name}={category}" for category in self.categories]

    def features(self, texts: Sequence[str]) -> Array:
        """Return the features (S, F) of cells, (S,).

        Raises:
            DataError: a text was not in training, or is not a number.
        """
        if self.categories is None:
            numbers = np.array([parse_number(text) for text in texts])
            self._check(texts, np.isfinite(numbers), "a number")
            scaled: Array = (numbers - self.mean) / self.deviation
            return scaled[:, None]
        flags = np.array(texts)[:, None] == np.array(self.categories)
        more = " ..." if len(self.categories) > 5 else ""
        self._check(texts, flags.any(axis=1), f"one of {', '.join(self.categories[:5])}{more}")
        features: Array = flags.astype(np.float64)
        return features

    def _check(self, texts: Sequence[str], valid: Array, expected: str) -> None:
        for row in np.flatnonzero(~valid)[:1]:
            raise DataError(
                f"the static column {self.name!r} has {texts[int(row)]!r}, but in training it was "
                f"{expected}"
            )


def static_texts(series: Series, column: str) -> list[str]:
    """Return the text of a static column for each series, (S,)."""
    codes = series.column(column)[series.offsets[:-1], 0].astype(int)
    return [series.labels[column][code] for code in codes]


def fit_static(series: Series, columns: SeriesColumns) -> list[StaticColumn]:
    """Return how the static columns become features; see StaticColumn.fit."""
    return [
        StaticColumn.fit(name, static_texts(series, name), name == columns.series)
        for name in columns.static
    ]


def static_features(series: Series, columns: Sequence[StaticColumn]) -> Array:
    """Return the features of each series, (S, F)."""
    parts = [column.features(static_texts(series, column.name)) for column in columns]
    features: Array = np.concatenate([np.empty((len(series.names), 0)), *parts], axis=1)
    return features


def parse_numbers(column: str, texts: Sequence[str]) -> Array | None:
    """Return the texts of a static column as numbers; None if none is a number.

    Raises:
        DataError: only some are.
    """
    numbers = np.array([parse_number(text) for text in texts])
    texts_only = np.isnan(numbers)
    if texts_only.all():
        return None
    if texts_only.any():
        text, number = (texts[int(np.argmax(flags))] for flags in (texts_only, ~texts_only))
        raise DataError(
            f"the static column {column!r} has numbers and texts, such as {number!r} and {text!r}: "
            "correct one, or remove the column from data.static_columns"
        )
    return numbers


def parse_number(text: str) -> float:
    """Return the finite number of a text, NaN for other texts."""
    try:
        number = float(text)
    except ValueError:
        return np.nan
    return number if np.isfinite(number) else np.nan
