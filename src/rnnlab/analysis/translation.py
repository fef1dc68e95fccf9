"""Analysis of translations: BLEU and chrF, BLEU by length, attention, a page of examples."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from rnnlab.analysis.base import Analysis, AnalysisResult, TestPredictions
from rnnlab.analysis.predictions import Columns, predictions_file
from rnnlab.layers.search import Hypothesis
from rnnlab.metrics.translation import (
    TranslationScores,
    bleu_metric,
    corpus_score,
    score_translations,
    sentence_chrf,
    split_text,
)
from rnnlab.models import RecurrentModel
from rnnlab.plots import translation as plots
from rnnlab.report.markdown import escape_markdown
from rnnlab.tasks import Translation

NUM_SEARCHED = 4  # test sentences with attention maps and several answers
NUM_ANSWERS = 3  # for each of them
NUM_SHOWN = 10  # sentences of each kind on the page
PERFECT_BLEU = 99.995  # 100.00 as it is printed
MAX_LENGTH_BINS = 5  # bars in the figure of BLEU by length

Search = Callable[[], list[list[Hypothesis]]]


class TranslationAnalysis(Analysis):
    """BLEU and chrF by sacrebleu over all sentences, of the network and of the copied source.

    Reads from the evaluation context:
        sources, references: texts of the test sentences, (N,).
        normalize: converts a text to the form that is compared; may be absent.
        detokenize: converts target ids to a text.
        source_tokens: returns the display form of the tokens of the i-th source.
        target_tokens: converts target ids to the display form of each token.
        language: of the references.
        lower: the vocabulary is in lower case, so case is ignored.
        unknown_shares: share of unknown tokens of "source" and "target"; may be absent.
        ceiling: the references as a perfect network writes them, (N,); may be absent.
        baselines: name of a baseline -> its translations, (N,); absent without baselines.
    """

    score_names = ("exact_match", "bleu", "chrf")

    def analyze(self, model: RecurrentModel, test: TestPredictions) -> AnalysisResult:
        task, context = cast(Translation, model.task), test.evaluation_context
        translations = Translations.decode(test)
        ours = translations.score()
        perfect = translations.replace_hypotheses(context.get("ceiling", translations.references))
        ceiling = perfect.score()
        unknown = context.get("unknown_shares", {})
        search = cache(partial(search_examples, model, test))
        lowercase = translations.bleu_lowercase()
        page = partial(write_page, translations, describe_decoding(task), context, search)
        lengths, bleu, counts = translations.bleu_by_length()
        figures: dict[str, Callable[[Path], Path]] = {
            "bleu_by_length.png": partial(plots.draw_bleu_by_length, lengths, bleu, counts)
        }
        if task.attention_type:
            figures["attention.png"] = partial(draw_example_attention, context, search)
        return AnalysisResult(
            scores=ours.scores,
            leads=True,
            baselines={
                name: translations.score_texts(texts).scores
                for name, texts in context.get("baselines", {}).items()
            },
            statements=[
                *describe_scores(ours, lowercase, translations.lower),
                *describe_unknown_shares(unknown),
                *describe_ceiling(ceiling, perfect),
            ],
            details={
                "signatures": ours.signatures,
                "ceiling": ceiling.scores,
                "unknown_shares": unknown,
                "bleu_lowercase": lowercase,
                "bleu_by_length": dict(zip(lengths, bleu, strict=True)),
                "decoding": {"beam_size": task.beam_size, "length_penalty": task.length_penalty},
            },
            figures=figures,
            texts={"translations.md": page},
            files=predictions_file(translations.to_columns),
        )


@dataclass(frozen=True)
class Translations:
    """Sources, references and hypotheses of a split, in its order.

    Attributes:
        sources: texts to translate.
        references: human translations.
        hypotheses: translations of the network.
        language: of the references; selects BLEU's tokenizer.
        lower: the vocabulary is in lower case, so case is ignored.
        normalize: converts a text to the form that is compared, such as one Unicode form.
    """

    sources: Sequence[str]
    references: Sequence[str]
    hypotheses: Sequence[str]
    language: str = ""
    lower: bool = False
    normalize: Callable[[str], str] = str

    @classmethod
    def decode(cls, test: TestPredictions) -> "Translations":
        """Return the predicted token ids as texts, with their sources and references."""
        context = test.evaluation_context
        hypotheses = [context["detokenize"](ids) for ids in test.predictions.tolist()]
        texts = context["sources"], context["references"], hypotheses
        normalize = context.get("normalize", str)
        return cls(*texts, context["language"], context["lower"], normalize)

    def to_columns(self) -> Columns:
        """Return a row for each sentence."""
        names = ("source", "reference", "translation")
        texts = (self.sources, self.references, self.hypotheses)
        return {"row": range(len(self.sources)), **dict(zip(names, texts, strict=True))}

    def replace_hypotheses(self, texts: Sequence[str]) -> "Translations":
        """Return other translations of the same sources."""
        return replace(self, hypotheses=texts)

    def first_difference(self) -> tuple[str, str]:
        """Return the first differing words of a hypothesis and of its reference."""
        for pair in zip(*self.compared(self.hypotheses), strict=True):
            hypothesis, reference = (split_text(text, self.lower) for text in pair)
            matcher = SequenceMatcher(None, hypothesis, reference, autojunk=False)
            for kind, i1, i2, j1, j2 in matcher.get_opcodes():
                if kind != "equal":
                    return " ".join(hypothesis[i1:i2]), " ".join(reference[j1:j2])
        return "", ""

    def score(self) -> TranslationScores:
        """Return the scores of the hypotheses."""
        return self.score_texts(self.hypotheses)

    def score_texts(self, texts: Sequence[str]) -> TranslationScores:
        """Return the scores of other translations of the same sources."""
        return score_translations(*self.compared(texts), self.language, self.lower)

    def compared(self, texts: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return some translations and the references in the form that is compared."""
        return [*map(self.normalize, texts)], [*map(self.normalize, self.references)]

    def bleu_lowercase(self) -> float:
        """Return BLEU without case, as older papers report it."""
        hypotheses, references = self.compared(self.hypotheses)
        metric = bleu_metric(references, self.language, lower=True)
        return corpus_score(metric, hypotheses, references)

    def sentence_chrf(self) -> list[float]:
        """Return the chrF of each sentence, 0..100."""
        return sentence_chrf(*self.compared(self.hypotheses), self.lower)

    def bleu_by_length(self) -> tuple[list[str], list[float], list[int]]:
        """Return corpus BLEU by length of the source.

        Returns:
            Ranges of words such as "3-8", the BLEU of each, and the number of its sentences.
        """
        words = np.array([len(source.split()) for source in self.sources])
        shares = np.linspace(0, 1, MAX_LENGTH_BINS + 1)[1:]
        longest = np.unique(np.quantile(words, shares, method="inverted_cdf"))  # of each bin
        bins = np.searchsorted(longest, words)
        members = [np.flatnonzero(bins == i) for i in np.unique(bins)]
        names = [format_range(words[rows]) for rows in members]
        return names, [self.bleu_of(rows) for rows in members], [len(rows) for rows in members]

    def bleu_of(self, rows: NDArray[Any]) -> float:
        """Return the corpus BLEU of some sentences."""
        hypotheses, references = self.compared(self.hypotheses)
        metric = bleu_metric(references, self.language, self.lower)
        return corpus_score(metric, [hypotheses[i] for i in rows], [references[i] for i in rows])


def format_range(values: NDArray[Any]) -> str:
    """Return the smallest and the largest value, as in "3-8"."""
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low}-{high}"


def describe_scores(scores: TranslationScores, lowercase: float, lower: bool) -> list[str]:
    """Return a sentence for each score, with the signatures that make it comparable."""
    sentences = [f"test {line}" for line in scores.describe()]
    if not lower:
        sentences.insert(2, f"test BLEU in lower case, as older papers give it: {lowercase:.2f}")
    return sentences


def describe_unknown_shares(shares: Mapping[str, float]) -> list[str]:
    """Return a sentence about the unknown tokens of the test split, if there are some.

    >>> describe_unknown_shares({"source": 0.0, "target": 0.021})
    ['<unk>, never correct, replaces 0.00% of source tokens and 2.10% of target tokens of test']
    """
    if not any(shares.values()):
        return []
    parts = " and ".join(f"{share:.2%} of {side} tokens" for side, share in shares.items())
    return [f"<unk>, never correct, replaces {parts} of test"]


def describe_ceiling(ceiling: TranslationScores, translations: Translations) -> list[str]:
    """Return a sentence about the scores of a perfect network, if they are not perfect.

    `translations` are the references, split into tokens and joined again, with their scores.
    """
    match, bleu = ceiling.scores["exact_match"], ceiling.scores["bleu"]
    if match == 1 and bleu > PERFECT_BLEU:
        return []
    hypothesis, reference = translations.first_difference()
    return [
        f"A perfect network would have exact matches {match:.2%} and BLEU {bleu:.2f}: its tokens "
        f"give {hypothesis!r} for {reference!r}. data.tokens=bpe restores every text"
    ]


def describe_decoding(task: Translation) -> str:
    """Return how sentences are decoded, in words."""
    if task.beam_size == 1:
        return "greedily"
    return f"by a beam of {task.beam_size}, length penalty {task.length_penalty:g}"


@torch.no_grad()
def search_examples(model: RecurrentModel, test: TestPredictions) -> list[list[Hypothesis]]:
    """Return the best translations of the first test sentences, the best first."""
    if test.batch is None:
        return []
    task, training = cast(Translation, model.task), model.training
    batch = test.batch(range(min(NUM_SEARCHED, len(test.targets))))
    batch = model.transfer_batch_to_device(batch, model.device, 0)
    model.eval()
    hypotheses = task.hypotheses(model.encode(batch), min(NUM_ANSWERS, task.beam_size))
    model.train(training)
    lengths = batch.lengths.tolist()
    return [
        [one.on_cpu(length) for one in answers]
        for length, answers in zip(lengths, hypotheses, strict=True)
    ]


def draw_example_attention(context: Mapping[str, Any], search: Search, path: Path) -> Path:
    """Draw source tokens, written tokens and attention weights of some test sentences."""
    sources, targets = context["source_tokens"], context["target_tokens"]
    maps = [
        (sources(i), targets(best.tokens.tolist()), best.weights.numpy())
        for i, (best, *_) in enumerate(search())
        if best.weights is not None
    ]
    return plots.draw_attention_maps(maps, path)


def write_page(
    translations: Translations, decoding: str, context: Mapping[str, Any], search: Search
) -> str:
    """Return the page of examples, with several answers to the sentences that were searched."""
    read = context["detokenize"]
    answers = {
        i: [(read(one.tokens.tolist()), one.score) for one in best]
        for i, best in enumerate(search())
        if len(best) > 1
    }
    return list_translations(translations, decoding, answers)


def list_translations(
    translations: Translations,
    decoding: str = "greedily",
    answers: Mapping[int, Sequence[tuple[str, float]]] | None = None,
    count: int = NUM_SHOWN,
) -> str:
    """Return random, the worst and the best translations, `count` of each, as a Markdown page.

    `answers` holds several answers with their scores, for some sentences by their positions.
    """
    chrf = np.array(translations.sentence_chrf())
    order = np.argsort(-chrf, kind="stable")
    sample = np.random.default_rng(0).permutation(len(chrf))[:count]
    summary = f"{len(chrf):,} sentences, decoded {decoding}; chrF of each in brackets."
    lines = ["# Translations of the test split", "", summary]
    groups = {"Random": np.sort(sample), "Worst": order[::-1][:count], "Best": order[:count]}
    for title, rows in groups.items():
        lines += ["", f"## {title}"]
        for row in rows.tolist():
            lines += ["", *list_texts(translations, row, chrf[row])]
    if answers:
        lines += ["", "## Several answers", "", "Log-probability over length penalty of each."]
    for row, hypotheses in sorted((answers or {}).items()):
        texts = list_texts(translations, row, chrf[row])[:-1]
        items = [f"- network, {score:.3f}: {escape_markdown(text)}" for text, score in hypotheses]
        lines += ["", *texts, *items]
    return "\n".join(lines) + "\n"


def list_texts(translations: Translations, row: int, chrf: float) -> list[str]:
    """Return source, reference and hypothesis of one sentence as lines of Markdown."""
    texts = {
        "source": translations.sources[row],
        "reference": translations.references[row],
        "network": translations.hypotheses[row],
    }
    items = [f"- {name}: {escape_markdown(text)}" for name, text in texts.items()]
    return [f"Test sentence {row} ({chrf:.1f})", "", *items]
