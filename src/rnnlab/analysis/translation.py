"""Translations of a whole split against their references: scores, pages, pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rnnlab.tasks.base import TestPredictions

TOKENIZERS = {"zh": "zh", "ja": "char", "th": "char"}  # languages that put no space between words
LONGEST_NGRAM = 4  # of BLEU
SHOWN = 10  # sentences of each kind on the page
MAX_BINS = 5  # bars in the picture of BLEU by length


@dataclass(frozen=True)
class Quality:
    """Corpus scores of one system.

    Attributes:
        scores: bleu and chrf in 0..100, exact_match in 0..1.
        signatures: of sacrebleu, by score; without them the numbers cannot be compared.
    """

    scores: dict[str, float]
    signatures: dict[str, str]


@dataclass(frozen=True)
class Translations:
    """Sources, references and what was said instead, in the order of the split.

    Attributes:
        sources: as they were given.
        references: what a person wrote.
        hypotheses: what the network wrote.
        language: of the references; says how words are told apart.
        lower: the network knows lower case alone, so that case does not count.
        decoding: how the hypotheses were found, in words.
        choices: of some sentences, by their place: what else was found, with scores, the best
            first.
    """

    sources: Sequence[str]
    references: Sequence[str]
    hypotheses: Sequence[str]
    language: str = ""
    lower: bool = False
    decoding: str = "greedily"
    choices: Mapping[int, Sequence[tuple[str, float]]] = field(default_factory=dict)

    @classmethod
    def of(cls, test_predictions: TestPredictions, **more: Any) -> "Translations":
        """From token ids, with what the data set knows of the split; `more` are attributes."""
        known = test_predictions.evaluation_context
        hypotheses = [known["detokenize"](ids) for ids in test_predictions.predictions.tolist()]
        return cls(
            known["sources"],
            known["references"],
            hypotheses,
            known["language"],
            known["lower"],
            **more,
        )

    def quality(self) -> Quality:
        """BLEU, chrF and the share of hypotheses that equal their reference."""
        return self._quality(self.hypotheses)

    def copied(self) -> Quality:
        """The same of a system that gives each source back as it is."""
        return self._quality(self.sources)

    def _quality(self, hypotheses: Sequence[str]) -> Quality:
        from sacrebleu.metrics import CHRF

        bleu, chrf = self.bleu_metric(self.lower), CHRF(lowercase=self.lower)
        references = [list(self.references)]
        exact = [self._same(*pair) for pair in zip(hypotheses, self.references, strict=True)]
        scores = {
            "bleu": bleu.corpus_score(hypotheses, references).score,
            "chrf": chrf.corpus_score(hypotheses, references).score,
            "exact_match": float(np.mean(exact)),
        }
        signatures = {"bleu": str(bleu.get_signature()), "chrf": str(chrf.get_signature())}
        return Quality(scores, signatures)

    def _same(self, hypothesis: str, reference: str) -> bool:
        one, other = " ".join(hypothesis.split()), " ".join(reference.split())
        return one.lower() == other.lower() if self.lower else one == other

    def bleu_metric(self, lower: bool) -> Any:
        """BLEU for this language; of characters where no reference has the four words it needs."""
        from sacrebleu.metrics import BLEU

        tokenizer = TOKENIZERS.get(self.language, "13a")
        if all(len(reference.split()) < LONGEST_NGRAM for reference in self.references):
            tokenizer = "char"
        return BLEU(lowercase=lower, tokenize=tokenizer)

    def bleu_lowercase(self) -> float:
        """BLEU that does not tell upper from lower case; what older papers report."""
        score = self.bleu_metric(True).corpus_score(self.hypotheses, [list(self.references)])
        return float(score.score)

    def sentence_chrf(self) -> list[float]:
        """The chrF of each sentence, 0..100."""
        from sacrebleu.metrics import CHRF

        metric = CHRF(lowercase=self.lower)
        pairs = zip(self.hypotheses, self.references, strict=True)
        return [metric.sentence_score(one, [other]).score for one, other in pairs]

    def bleu_by_length(self) -> tuple[list[str], list[float], list[int]]:
        """Corpus BLEU of short and long sources apart: words as "3-8", BLEU, and sentences."""
        words = np.array([len(source.split()) for source in self.sources])
        shares = np.linspace(0, 1, MAX_BINS + 1)[1:]
        longest = np.unique(np.quantile(words, shares, method="inverted_cdf"))  # of each bar
        bins = np.searchsorted(longest, words)
        names, scores, counts = [], [], []
        for members in (np.flatnonzero(bins == i) for i in np.unique(bins)):
            names.append(_span(words[members]))
            scores.append(self._bleu_of(members.tolist()))
            counts.append(len(members))
        return names, scores, counts

    def _bleu_of(self, members: list[int]) -> float:
        chosen = [self.hypotheses[i] for i in members]
        references = [[self.references[i] for i in members]]
        return float(self.bleu_metric(self.lower).corpus_score(chosen, references).score)


def _span(words: Any) -> str:
    low, high = int(words.min()), int(words.max())
    return str(low) if low == high else f"{low}-{high}"


def page(translations: Translations, count: int = SHOWN) -> str:
    """Random, the worst and the best translations, and what else was found, as a readable page."""
    chrf = np.array(translations.sentence_chrf())
    order = np.argsort(-chrf, kind="stable")
    drawn = np.random.default_rng(0).permutation(len(chrf))[:count]
    lines = [
        "# Translations of the test split",
        "",
        f"{len(chrf):,} sentences, decoded {translations.decoding}; chrF of each in brackets.",
    ]
    for title, rows in (
        ("Drawn by lot", np.sort(drawn)),
        ("Worst", order[::-1][:count]),
        ("Best", order[:count]),
    ):
        lines += ["", f"## {title}"]
        for row in rows.tolist():
            lines += ["", *_entry(translations, row, chrf[row])]
    if translations.choices:
        lines += ["", "## Several answers", "", "Log-probability over length penalty of each."]
    for row, found in sorted(translations.choices.items()):
        shown = _entry(translations, row, chrf[row])[:-1]
        lines += ["", *shown, *(f"- network, {score:.3f}: {text}" for text, score in found)]
    return "\n".join(lines) + "\n"


def _entry(translations: Translations, row: int, chrf: float) -> list[str]:
    texts = {
        "source": translations.sources[row],
        "reference": translations.references[row],
        "network": translations.hypotheses[row],
    }
    return [
        f"Test sentence {row} ({chrf:.1f})",
        "",
        *(f"- {name}: {text}" for name, text in texts.items()),
    ]


def write_page(folder: Path, translations: Translations) -> Path:
    """translations.md in a run's folder."""
    from rnnlab.runtime.files import write_text

    return write_text(folder / "translations.md", page(translations))
