"""Variables of a series data set: what is forecast, and what is read besides.

S series, N steps of all of them, V target variables, C covariates, K known ones, F static features.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnlab.data.readers.series import Series
from rnnlab.data.readers.series_columns import SeriesColumns
from rnnlab.errors import DataError, did_you_mean
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
        static: features of each series, scaled, (S, F).
        static_names: F.
    """

    targets: Array
    observed: Array
    names: list[str]
    covariates: Array
    covariate_names: list[str]
    num_known: int
    static: Array
    static_names: Sequence[str]


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
                raise DataError(
                    f"there is no column {name!r}; {did_you_mean(name, series.columns)}. Name the "
                    f"right one with {setting}"
                )
    others = (*columns.covariates, *columns.known)
    rest = [name for name in series.columns if name not in (*others, *columns.static)]
    targets = list(columns.values or rest)
    static, static_names = static_features(series, columns)
    return SeriesVariables(
        series.column(*targets),
        series.is_observed(*targets),
        targets,
        series.column(*others),
        list(others),
        len(columns.known),
        static,
        static_names,
    )


def static_features(series: Series, columns: SeriesColumns) -> tuple[Array, list[str]]:
    """Return features (S, F) and their names from the static columns.

    A column of numbers is one feature with mean 0 and standard deviation 1 over the series. Each
    text of another column, or of the names of the series, is a feature that is 0 or 1.

    Raises:
        DataError: a column has too many texts, or texts and numbers.
    """
    parts, names = [np.empty((len(series.names), 0))], []
    for column in columns.static:
        codes = series.column(column)[series.offsets[:-1], 0].astype(int)
        texts = [series.labels[column][code] for code in codes]
        numbers = None if column == columns.series else parse_numbers(column, texts)
        if numbers is not None:
            deviation = numbers.std()
            parts.append(((numbers - numbers.mean()) / (deviation or 1.0))[:, None])
            names.append(column)
            continue
        categories = sorted(set(texts))
        if len(categories) > MAX_CATEGORIES:
            raise DataError(
                f"the static column {column!r} has {len(categories):,} different texts, and each "
                f"is an input of the network: at most {MAX_CATEGORIES}. Remove it from "
                "data.static_columns"
            )
        parts.append(np.array(texts)[:, None] == np.array(categories))
        names += [f"{column}={category}" for category in categories]
    return np.concatenate(parts, axis=1).astype(np.float64), names


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
