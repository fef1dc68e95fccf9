"""Metrics of translations against references: BLEU, chrF and exact matches, by sacrebleu."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from rnnlab.metrics.language_modeling import Perplexity, TokenMean
from rnnlab.metrics.scripts import are_spaceless

TOKENIZERS = {"zh": "zh", "ja": "char", "th": "char"}  # languages without spaces between words
LONGEST_NGRAM = 4  # of BLEU


@dataclass(frozen=True)
class TranslationScores:
    """Corpus scores of one system.

    Attributes:
        scores: exact_match in 0..1, bleu and chrf in 0..100.
        signatures: of sacrebleu, by score; scores with different signatures are not comparable.
    """

    scores: dict[str, float]
    signatures: dict[str, str]

    def describe(self) -> list[str]:
        """Return exact matches, BLEU and chrF, the latter with their signatures, a line each."""
        return [
            f"exact matches {self.scores['exact_match']:.2%}",
            *(
                f"{name} {self.scores[key]:.2f} ({self.signatures[key]})"
                for name, key in (("BLEU", "bleu"), ("chrF", "chrf"))
            ),
        ]


def score_translations(
    hypotheses: Sequence[str], references: Sequence[str], language: str = "", lower: bool = False
) -> TranslationScores:
    """Return BLEU, chrF and the share of hypotheses that equal their reference.

    The language of the references selects BLEU's tokenizer; `lower` ignores case.
    """
    from sacrebleu.metrics import CHRF

    bleu, chrf = bleu_metric(references, language, lower), CHRF(lowercase=lower)
    scores = {
        "exact_match": exact_match(hypotheses, references, lower),
        "bleu": corpus_score(bleu, hypotheses, references),
        "chrf": corpus_score(chrf, hypotheses, references),
    }
    signatures = {"bleu": str(bleu.get_signature()), "chrf": str(chrf.get_signature())}
    return TranslationScores(scores, signatures)


def corpus_score(metric: Any, hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Return a sacrebleu metric of all sentences together, 0..100."""
    return float(metric.corpus_score(list(hypotheses), [list(references)]).score)


def bleu_metric(references: Sequence[str], language: str = "", lower: bool = False) -> Any:
    """Return sacrebleu's BLEU.

    It is of characters for text without spaces between words, and where no reference has the four
    words that it needs.
    """
    from sacrebleu.metrics import BLEU

    tokenizer = TOKENIZERS.get(language, "char" if are_spaceless(references) else "13a")
    if all(len(reference.split()) < LONGEST_NGRAM for reference in references):
        tokenizer = "char"
    return BLEU(lowercase=lower, tokenize=tokenizer)


def exact_match(hypotheses: Sequence[str], references: Sequence[str], lower: bool = False) -> float:
    """Return the share of hypotheses that equal their reference, apart from white space.

    >>> exact_match(["a  b", "C"], ["a b", "c"]), exact_match(["C"], ["c"], lower=True)
    (0.5, 1.0)
    """
    pairs = zip(hypotheses, references, strict=True)
    return float(np.mean([split_text(a, lower) == split_text(b, lower) for a, b in pairs]))


def split_text(text: str, lower: bool = False) -> list[str]:
    """Return the parts of a text between white space, as exact matches compare them."""
    return text.lower().split() if lower else text.split()


def sentence_chrf(
    hypotheses: Sequence[str], references: Sequence[str], lower: bool = False
) -> list[float]:
    """Return the chrF of each sentence, 0..100."""
    from sacrebleu.metrics import CHRF

    metric = CHRF(lowercase=lower)
    pairs = zip(hypotheses, references, strict=True)
    return [metric.sentence_score(one, [other]).score for one, other in pairs]


class SentencePerplexity(Perplexity):
    """Perplexity of target tokens from the result of `Translation.metric_inputs`."""

    def update(self, tokens: Tensor, targets: Tensor) -> None:
        """Add a batch: log probabilities and first choices (B, U, 2), and the targets (B, U)."""
        super().update(tokens[..., 0], targets)


class TokenAccuracy(TokenMean):
    """Share of target tokens that were the most probable ones after the true tokens before them.

    An unknown target counts as wrong; see `Translation.metric_inputs`.
    """

    higher_is_better = True

    def update(self, tokens: Tensor, targets: Tensor) -> None:
        super().update(tokens[..., 1], targets)
