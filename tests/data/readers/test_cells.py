"""Numbers in cells: missing values, decimal comma, thousands, percent and currency signs."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from rnnlab.data.readers.cells import MISSING_NUMBERS, NumberColumn, NumberStyle
from rnnlab.errors import ConfigError


def read(cells: list[Any], **style: Any) -> NumberColumn:
    column = NumberColumn("price", NumberStyle(**style))
    column.add(cells[:1])
    column.add(cells[1:])
    return column


@pytest.mark.parametrize("word", ["NA", "?", "-", ".", "None", "#N/A", "<NA>", "n/a", "null", " "])
def test_words_for_missing_values_are_counted(word: str) -> None:
    column = read(["1", word, "2.5", word.lower()])
    assert column.find_problem() is None
    np.testing.assert_array_equal(column.values, [1, np.nan, 2.5, np.nan])
    assert column.missing.total() == 2
    assert word.strip().lower() in MISSING_NUMBERS


def test_words_and_numbers_of_a_setting_are_missing() -> None:
    column = read(["-9999", "-9999.0", "n.v.", "5"], missing=(-9999, "N.V."))
    np.testing.assert_array_equal(column.values, [np.nan, np.nan, np.nan, 5])
    typed = NumberColumn("price", NumberStyle(missing=("-1",)))
    typed.add(pd.Series([1, -1]))
    np.testing.assert_array_equal(typed.values, [1, np.nan])


@pytest.mark.parametrize(
    ("cell", "style", "value"),
    [
        ("50,346", {"decimal": "comma"}, 50.346),
        ("-1.234,5", {"decimal": "comma", "thousands": "dot"}, -1234.5),
        ("1,234,567.5", {"thousands": "comma"}, 1234567.5),
        ("1 234,5", {"decimal": "comma", "thousands": "space"}, 1234.5),
        ("1\u202f234", {"thousands": "space"}, 1234),
        ("1\u2019234.50", {"thousands": "apostrophe"}, 1234.5),
        ("999.5", {"thousands": "comma"}, 999.5),
        ("12 %", {"strip_signs": True}, 12),
        ("-$3", {"strip_signs": True}, -3),
        ("$-3", {"strip_signs": True}, -3),
        ("\u20ac 1.234,50", {"decimal": "comma", "thousands": "dot", "strip_signs": True}, 1234.5),
        ("1,5e-3", {"decimal": "comma"}, 0.0015),
        ("+.5", {}, 0.5),
        ("0.1", {"decimal": "dot"}, 0.1),
    ],
)
def test_a_number_is_read_in_its_style(cell: str, style: dict[str, Any], value: float) -> None:
    column = read([cell, cell], **style)
    assert column.find_problem() is None
    assert column.values.tolist() == [value, value]


@pytest.mark.parametrize(
    ("cells", "style", "reason"),
    [
        (["50,346", "1"], {}, "Set data.decimal=comma, or data.thousands=comma"),
        (["1", "1.234,5"], {}, "Set data.decimal=comma data.thousands=dot"),
        (["1.234.567"], {}, "Set data.decimal=comma data.thousands=dot"),
        (["1 234"], {}, "Set data.thousands=space"),
        (["12%"], {}, "Set data.strip_signs=true"),
        (["$1,234.50"], {}, "Set data.thousands=comma data.strip_signs=true"),
        (["1.5"], {"decimal": "comma"}, "with these data.decimal and data.thousands"),
        (["12,34"], {"thousands": "comma"}, "Set data.decimal=comma"),
        (["5%", "5"], {"strip_signs": True}, "has no sign, but cells above have %"),
        (["$5", "\u20ac5"], {"strip_signs": True}, "has \u20ac, but cells above have \\$"),
        (["1", "missing"], {}, r"or list it in data.missing_values=\[missing\]"),
        (["1_000"], {}, "is not a number"),
        (["1e999"], {}, "is not a number"),
        (["\u0661"], {}, "is not a number"),
        (["1", "0x1f"], {}, "is not a number"),
    ],
)
def test_a_cell_that_is_not_a_number_has_a_reason_and_a_setting(cells, style, reason) -> None:
    problem = read(cells, **style).find_problem()
    assert problem is not None
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(problem.reason)


@pytest.mark.parametrize(
    ("cells", "has_semicolons", "is_doubtful"),
    [
        (["1.234", "987"], False, True),
        (["1.234", "12.345"], False, False),
        (["1.234", "12.345"], True, True),
        (["1.234", "0.987"], True, False),
        (["1.234", "987.5"], True, False),
        (["1234.234", "98.123"], True, False),
        (["1", "2"], True, False),
    ],
)
def test_a_dot_between_thousands_makes_a_column_doubtful(
    cells, has_semicolons, is_doubtful
) -> None:
    assert (read(cells).find_doubtful_dot(has_semicolons) is not None) == is_doubtful
    assert read(cells, decimal="dot").find_doubtful_dot(has_semicolons) is None


def test_a_mark_of_missing_values_is_no_whole_number() -> None:
    column = read(["1.234", "-999"], missing=(-999.0,))
    assert column.find_doubtful_dot(False) is None
    assert np.isnan(column.values[1])


def test_text_is_told_from_numbers_with_a_bad_cell() -> None:
    assert read(["Sunny", "Rain"]).is_text
    assert read(["Sunny", "NA", *["Rain"] * 20, "7"]).is_text
    assert not read(["1", "2", "twelve"]).is_text
    assert not read(["1,5", "2,5"]).is_text
    assert not read(["NA", "?"]).is_text


def test_one_separator_cannot_have_two_meanings() -> None:
    with pytest.raises(ConfigError, match=r"data.thousands=dot: .* set data.decimal=comma"):
        NumberStyle(thousands="dot")


def test_numbers_are_those_of_python() -> None:
    values = np.random.default_rng(0).standard_normal(1000) * 10.0 ** np.linspace(-300, 300, 1000)
    values = values[np.isfinite(values)]
    assert read([repr(float(value)) for value in values]).values.tolist() == values.tolist()
