"""A page that shows how a network read a text: each token shaded by its surprise."""

import math
from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np

from rnnlab.tasks.base import TestPredictions

PASSAGES = 4  # of a text, from its beginning, middle and end
PASSAGE_CHARACTERS = 1_200
LEAST_EXPECTED = 25
BREAKS = ("<eos>", "\n")
STYLE = """
body { font: 16px/1.9 Georgia, serif; max-width: 46em; margin: 2em auto; padding: 0 1em; }
h1, h2, table { font-family: system-ui, sans-serif; line-height: 1.4; }
span { border-radius: 3px; padding: 1px 0; }
table { border-collapse: collapse; font-size: 14px; }
td, th { padding: 3px 12px 3px 0; text-align: left; vertical-align: top; }
td.number { text-align: right; }
"""


def surprise_page(test_predictions: TestPredictions) -> str:
    """Passages of the test text and its least expected tokens, in HTML.

    Args:
        test_predictions: log probabilities of the targets in nats, (N,), with the
            evaluation context that rnnlab.tasks.LanguageModeling needs.
    """
    bits = -test_predictions.predictions.double().numpy() / math.log(2)
    pieces: Sequence[str] = test_predictions.evaluation_context["pieces"]
    tokens = [pieces[i] for i in test_predictions.targets.tolist()]
    joint = test_predictions.evaluation_context["joint"]
    return "\n".join(
        [
            '<!doctype html><html><head><meta charset="utf-8"><title>Surprise</title>',
            f"<style>{STYLE}</style></head><body>",
            "<h1>How the network read the test text</h1>",
            f"<p>The surprise of a token is -log2 of the probability that it was given: "
            f"{bits.mean():.2f} bits in the mean of {len(bits):,} tokens. The darker, the more "
            "surprising; a pointer on a token shows its bits.</p>",
            *_passages(tokens, bits, joint, math.log2(len(pieces))),
            *_least_expected(test_predictions, bits),
            "</body></html>\n",
        ]
    )


def _passages(tokens: Sequence[str], bits: Any, joint: str, darkest: float) -> list[str]:
    """Passages that begin at equal distances, at the beginning of a line where there is one."""
    begins = [0, *(i + 1 for i, token in enumerate(tokens[:-1]) if token in BREAKS)]
    wanted = np.linspace(0, len(tokens), PASSAGES, endpoint=False)
    starts = sorted({begins[np.searchsorted(begins, place, side="right") - 1] for place in wanted})
    html: list[str] = []
    for start, following in pairwise([*starts, len(tokens)]):
        end = start + passage_length(tokens[start:following], len(joint))
        shaded = (_shaded(tokens[i], bits[i], darkest) for i in range(start, end))
        html += [f"<h2>From token {start:,}</h2>", f"<p>{joint.join(shaded)}</p>"]
    return html


def passage_length(tokens: Sequence[str], joint: int, most: int = PASSAGE_CHARACTERS) -> int:
    """How many tokens fill a passage.

    >>> passage_length(["a", "bb", "ccc"], joint=1, most=5)
    2
    """
    ends = np.cumsum([len(token) + joint for token in tokens])
    return max(int(np.searchsorted(ends, most, side="right")), 1)


def _shaded(token: str, bits: float, darkest: float) -> str:
    """A token as a span; what is no more likely than by lot is darkest."""
    shade = min(bits / darkest, 1)
    shown = "&crarr;<br>" if token in BREAKS else escape(token)
    style = f"background:rgba(224,138,30,{shade:.2f})"
    return f'<span style="{style}" title="{bits:.1f} bits">{shown}</span>'


def _least_expected(test_predictions: TestPredictions, bits: Any) -> list[str]:
    worst = np.argsort(-bits, kind="stable")[:LEAST_EXPECTED].tolist()
    counts = test_predictions.evaluation_context["counts"]
    rows = []
    for i in worst:
        shown = test_predictions.example(i)
        seen = int(counts[int(test_predictions.targets[i])])
        rows.append(
            f"<tr><td>... {escape(shown['context'])}</td><td><b>{escape(shown['target'])}</b></td>"
            f'<td class="number">{bits[i]:.1f}</td><td class="number">{seen:,}</td></tr>'
        )
    head = "<th>behind</th><th>came</th><th>bits</th><th>times in training</th>"
    return ["<h2>The least expected</h2>", f"<table><tr>{head}</tr>", *rows, "</table>"]
