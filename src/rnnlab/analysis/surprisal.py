"""HTML page of a test text in which each token is shaded by its surprisal."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnnlab.analysis.base import TestPredictions
from rnnlab.plots.figures import CAPTION
from rnnlab.report.html import render_html

NUM_PASSAGES = 4  # at equal distances
PASSAGE_CHARACTERS = 1_200
NUM_LEAST_EXPECTED = 25
LINE_BREAKS = ("<eos>", "\n")


class Token(NamedTuple):
    """A token of a passage.

    Attributes:
        text: to display.
        bits: surprisal.
        shade: 0..1, from expected to no more likely than a random token.
    """

    text: str
    bits: float
    shade: float

    @property
    def is_break(self) -> bool:
        """Whether a line ends here."""
        return self.text in LINE_BREAKS


class Passage(NamedTuple):
    """A part of the test text that starts at token `start`."""

    start: int
    tokens: list[Token]


def surprisal_page(test: TestPredictions) -> str:
    """Return passages of the test text and its least expected tokens as an HTML page.

    The predictions are log probabilities of the targets in nats, (N,).
    """
    bits = -test.predictions.double().numpy() / math.log(2)
    darkest = math.log2(len(test.evaluation_context["tokens"]))
    return render_html(
        "surprisal.html",
        title="Surprisal of the test text",
        subtitle=CAPTION.get(),
        answer="",
        provenance={},
        legend=[Token("", share * darkest, share) for share in (0, 0.25, 0.5, 0.75, 1)],
        mean_bits=float(bits.mean()),
        count=len(bits),
        separator=test.evaluation_context["separator"],
        passages=list(select_passages(test, bits)),
        least_expected=list(least_expected_tokens(test, bits)),
    )


def select_passages(test: TestPredictions, bits: NDArray[Any]) -> Iterator[Passage]:
    """Yield passages at equal distances, each from the start of a line where there is one."""
    names: Sequence[str] = test.evaluation_context["tokens"]
    tokens = [names[i] for i in test.targets.tolist()]
    lines = [0, *(i + 1 for i, token in enumerate(tokens[:-1]) if token in LINE_BREAKS)]
    positions = np.linspace(0, len(tokens), NUM_PASSAGES, endpoint=False)
    starts = {lines[np.searchsorted(lines, position, side="right") - 1] for position in positions}
    darkest = math.log2(len(names))
    gap = len(test.evaluation_context["separator"])
    for start, following in pairwise([*sorted(starts), len(tokens)]):
        end = start + passage_length(tokens[start:following], gap)
        members = ((tokens[i], float(bits[i])) for i in range(start, end))
        yield Passage(start, [Token(text, b, min(b / darkest, 1)) for text, b in members])


def passage_length(
    tokens: Sequence[str], separator_length: int, max_characters: int = PASSAGE_CHARACTERS
) -> int:
    """Return how many tokens fill a passage.

    >>> passage_length(["a", "bb", "ccc"], separator_length=1, max_characters=5)
    2
    """
    ends = np.cumsum([len(token) + separator_length for token in tokens])
    return max(int(np.searchsorted(ends, max_characters, side="right")), 1)


def least_expected_tokens(test: TestPredictions, bits: NDArray[Any]) -> Iterator[dict[str, Any]]:
    """Yield the tokens with the highest surprisal, with their contexts and training counts."""
    counts = test.evaluation_context["counts"]
    for i in np.argsort(-bits, kind="stable")[:NUM_LEAST_EXPECTED].tolist():
        example = test.example(i)
        yield {
            "context": example["context"],
            "token": example["target"],
            "bits": float(bits[i]),
            "count": int(counts[int(test.targets[i])]),
        }
