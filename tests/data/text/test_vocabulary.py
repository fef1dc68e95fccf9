import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rnnlab.data.text.vocabulary import SPECIALS, Characters, Subwords, Vocabulary, Words
from rnnlab.errors import DataError
from rnnlab.spec import END_ID, PADDING_ID, START_ID, UNKNOWN_ID

LINES = [
    "the cat sat, on the mat.",
    "The dog (a \u201cgood\u201d one) isn't here!",
    "caf\u00e9 \U0001f600",
]
BPE = Subwords.fit(LINES, 300)


def test_frequent_words_come_first_and_the_rest_is_unknown() -> None:
    words = Words.fit(["b b a a a c", "a <unk>"], len(SPECIALS) + 2, spaces=True)
    assert words.pieces == [*SPECIALS, "a", "b"]
    assert words.encode(["a b c <unk>"]) == [[4, 5, UNKNOWN_ID, UNKNOWN_ID]]


def test_what_follows_the_end_is_not_read() -> None:
    words = Words.fit(["a b"], 10)
    assert words.decode([START_ID, 4, PADDING_ID, 5, END_ID, 4]) == "a b"


@pytest.mark.parametrize("made", [Words.fit(LINES, 50), Characters.fit(LINES, 50), BPE])
def test_a_vocabulary_comes_back_from_its_file(made: Vocabulary, tmp_path) -> None:
    made.save(tmp_path / "vocabulary.json")
    back = Vocabulary.load(tmp_path / "vocabulary.json")
    assert back.pieces == made.pieces
    assert back.encode(LINES) == made.encode(LINES)
    assert [back.decode(ids) for ids in back.encode(LINES)] == LINES


@given(st.text())
@example("a <eos> <pad> <unk> b")
def test_bpe_gives_every_text_back(text: str) -> None:
    (ids,) = BPE.encode([text])
    assert BPE.decode(ids) == text


def test_the_specials_have_their_ids_in_every_kind() -> None:
    for made in (Words.fit(LINES, 50), Characters.fit(LINES, 50), BPE):
        assert tuple(made.pieces[:4]) == SPECIALS
        assert len(made) == len(made.pieces)


def test_lower_case_is_chosen() -> None:
    assert Words.fit(["The the"], 9, lower=True).pieces[4:] == ["the"]


def test_a_text_without_a_token_is_refused() -> None:
    with pytest.raises(DataError, match="holds no token"):
        Words.fit(["  ", ""], 10)
