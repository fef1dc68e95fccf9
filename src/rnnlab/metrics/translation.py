"""Metrics of translations against references: BLEU, chrF and exact matches, by sacrebleu."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from rnnlab.metrics.language_modeling import Perplexity, TokenMean

TOKENIZERS = {"zh": "zh", "ja": "char", "th": "char"}  # languages without spaces between words
LONGEST_NGRAM = 4  # of BLEU


@dataclass(frozen=True)
class TranslationScores:
    """Corpus scores of one system.

    Attributes:
        scores: bleu and chrf in 0..100, exact_match in 0..1.
        signatures: of sacrebleu, by score; scores with different signatures are not comparable.
    """

    scores: dict[str, float]
    signatures: dict[str, str]

    def describe(self) -> list[str]:
        """Return BLEU and chrF with their signatures, a line each."""
        return [
            f"{name} {self.scores[key]:.2f} ({self.signatures[key]})"
            for name, key in (("BLEU", "bleu"), ("chrF", "chrf"))
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
        "bleu": corpus_score(bleu, hypotheses, references),
        "chrf": corpus_score(chrf, hypotheses, references),
        "exact_match": exact_match(hypotheses, references, lower),
    }
    signatures = {"bleu": str(bleu.get_signature()), "chrf": str(chrf.get_signature())}
    return TranslationScores(scores, signatures)


def corpus_score(metric: Any, hypotheses: Sequence[str], references: Sequence[str]) -> float:
    """Return a sacrebleu metric of all sentences together, 0..100."""
    return float(metric.corpus_score(list(hypotheses), [list(references)]).score)


def bleu_metric(references: Sequence[str], language: str = "", lower: bool = False) -> Any:
    """Return sacrebleu's BLEU; of characters where no reference has the four words it needs."""
    from sacrebleu.metrics import BLEU

    tokenizer = TOKENIZERS.get(language, "13a")
    if all(len(reference.split()) < LONGEST_NGRAM for reference in references):
        tokenizer = "char"
    return BLEU(lowercase=lower, tokenize=tokenizer)


def exact_match(hypotheses: Sequence[str], references: Sequence[str], lower: bool = False) -> float:
    """Return the share of hypotheses that equal their reference, apart from white space.

    >>> exact_match(["a  b", "C"], ["a b", "c"]), exact_match(["C"], ["c"], lower=True)
    (0.5, 1.0)
    """
    sides = [
        [text.lower().split() if lower else text.split() for text in texts]
        for texts in (hypotheses, references)
    ]
    return float(np.mean([one == other for one, other in zip(*sides, strict=True)]))


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
    """Share of target tokens that were the most probable ones after the true tokens before them."""

    higher_is_better = True

    def update(self, tokens: Tensor, targets: Tensor) -> None:
        super().update(tokens[..., 1], targets)
