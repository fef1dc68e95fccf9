"""Analysis of translations: scores, BLEU by length, and the page of examples."""

from typing import Any

import numpy as np
import pytest

from rnnlab.analysis.translation import Translations, list_translations
from rnnlab.data.text.tokenizers import build_tokenizer


def translations(hypotheses: list[str], **settings: Any) -> Translations:
    references = ["The cat sits on the mat.", "A dog runs."]
    return Translations(["Die Katze", "A dog runs."], references, hypotheses, **settings)


def test_a_perfect_translation_scores_100() -> None:
    result = translations(["The cat sits on the mat.", "A dog runs."]).score()
    assert result.scores == pytest.approx({"bleu": 100, "chrf": 100, "exact_match": 1})
    assert "tok:13a" in result.signatures["bleu"]
    assert "case:mixed" in result.signatures["bleu"]


def test_bleu_has_a_known_answer() -> None:
    """Five of six words, and a brevity penalty of exp(1 - 7 / 6)."""
    system = Translations(["x"], ["a b c d e f g"], ["a b c d e x"])
    precisions = [5 / 6, 4 / 5, 3 / 4, 2 / 3]
    expected = 100 * np.exp(1 - 7 / 6) * np.prod(precisions) ** 0.25
    assert system.score().scores["bleu"] == pytest.approx(expected)


def test_answers_of_one_word_are_scored_by_their_characters() -> None:
    """BLEU counts four words in a row: without any, even the truth would score nothing."""
    numbers = ["zweiundvierzig", "sieben"]
    result = Translations(["42", "7"], numbers, numbers).score()
    assert result.scores["bleu"] == pytest.approx(100)
    assert "tok:char" in result.signatures["bleu"]


@pytest.mark.parametrize(
    "references",
    [
        ["我们一起去看电影吧", "他 用 the new rnnlab 写程序给朋友们看一看吧"],
        ["ฉันชอบ กินข้าว ที่ บ้านเพื่อน"],
    ],
)
def test_text_without_spaces_is_scored_by_its_characters(references: list[str]) -> None:
    """Of whole phrases, one wrong character in each would score nothing."""
    hypotheses = [f"{text[:-1]}x" for text in references]
    result = Translations(["x"] * len(references), references, hypotheses).score()
    assert "tok:char" in result.signatures["bleu"]
    assert result.scores["bleu"] > 80


def test_case_counts_unless_the_network_knows_lower_case_alone() -> None:
    lower = ["the cat sits on the mat.", "a dog runs."]
    assert translations(lower).score().scores["exact_match"] == 0
    assert translations(lower).bleu_lowercase() == pytest.approx(100)
    result = translations(lower, lower=True).score()
    assert result.scores == pytest.approx({"bleu": 100, "chrf": 100, "exact_match": 1})
    assert "case:lc" in result.signatures["bleu"]


@pytest.mark.parametrize(
    ("reference", "hypothesis", "lower"),
    [
        (
            "Gro\u0308\u00dfe za\u0308hlt hier nicht.",
            "Gr\u00f6\u00dfe z\u00e4hlt hier nicht.",
            False,
        ),
        (
            "\u0130stanbul \u00e7ok b\u00fcy\u00fck de\u011fil.",
            "istanbul \u00e7ok b\u00fcy\u00fck de\u011fil.",
            True,
        ),
        ("a b c \ud800", "a b c \ufffd", False),
    ],
)
def test_texts_are_compared_as_the_vocabulary_represents_them(
    reference: str, hypothesis: str, lower: bool
) -> None:
    normalize = build_tokenizer("words", lower).normalize
    system = Translations(["x"], [reference], [hypothesis], lower=lower, normalize=normalize)
    result = system.score()
    assert system.bleu_of(np.array([0])) == pytest.approx(100)
    assert result.scores == pytest.approx({"bleu": 100, "chrf": 100, "exact_match": 1})


def test_the_copied_source_is_the_baseline() -> None:
    both = translations(["", ""])
    copied = both.score_texts(both.sources)
    assert copied.scores["exact_match"] == 0.5
    assert 0 < copied.scores["chrf"] < 100


def test_bleu_by_length_parts_the_sentences_by_their_sources() -> None:
    names, scores, counts = translations(["The cat sits on the mat.", "no"]).bleu_by_length()
    assert names == ["2", "3"]
    assert scores == pytest.approx([100, 0])
    assert counts == [1, 1]


def test_the_page_shows_the_worst_and_the_best() -> None:
    text = list_translations(translations(["nothing", "A dog runs."]), count=1)
    worst, best = text.split("## Worst")[1].split("## Best")
    assert "network: nothing" in worst
    assert "network: A dog runs." in best


def test_the_page_shows_several_answers_with_their_scores() -> None:
    answers = {1: [("A dog runs.", -0.5), ("A cat runs.", -1.25)]}
    text = list_translations(translations(["nothing", "A dog runs."]), "by a beam", answers)
    assert "decoded by a beam" in text
    several = text.split("## Several answers")[1]
    assert several.index("network, -0.500: A dog runs.") < several.index("-1.250: A cat runs.")
    assert "Test sentence 1 (100.0)" in several
    assert "Test sentence 0" not in several


def test_sentences_are_no_markup_of_the_page() -> None:
    texts = ["<script>a</script>", "*b*"]
    page = list_translations(Translations(texts, texts, texts, "en"), "", {0: [("[c](d)", -1.0)]})
    assert "- source: \\<script\\>a\\</script\\>" in page
    assert "- network: \\*b\\*" in page
    assert ": \\[c\\](d)" in page
