import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.data.text.normalization import compose_characters, lower_case, normalize_characters


@given(st.text())
def test_normalization_is_idempotent_and_the_form_c(text: str) -> None:
    for lower in (False, True):
        normal = normalize_characters(text, lower)
        assert normalize_characters(normal, lower) == normal
        assert unicodedata.is_normalized("NFC", normal)


@pytest.mark.parametrize(
    ("text", "lower"),
    [
        ("\u0130STANBUL", "istanbul"),
        ("Stra\u00dfe", "stra\u00dfe"),
        ("\u039f\u0394\u039f\u03a3", "\u03bf\u03b4\u03bf\u03c2"),  # final sigma
        ("H\u0331", "\u1e96"),  # composed in lower case only
    ],
)
def test_case_is_converted_without_new_marks(text: str, lower: str) -> None:
    assert normalize_characters(text, lower=True) == lower


def test_case_of_a_decomposed_dotted_capital() -> None:
    assert lower_case(compose_characters("I\u0307zmir")) == "izmir"


def test_lone_surrogates_are_replaced() -> None:
    assert compose_characters("a\ud800b") == "a\ufffdb"
