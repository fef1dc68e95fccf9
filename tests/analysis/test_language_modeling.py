"""Analysis of language models: loss by frequency and the page of surprisals."""

import math
from typing import Any

import numpy as np
import torch

from rnnlab.analysis import TestPredictions
from rnnlab.analysis.language_modeling import format_bucket, loss_by_frequency
from rnnlab.analysis.surprisal import surprisal_page
from tests.helpers.pages import check_offline


def predictions_of(
    losses: list[float], targets: list[int], tokens: list[str], counts: Any
) -> TestPredictions:
    context = {
        "tokens": tokens,
        "separator": " ",
        "counts": np.array(counts),
        "uncontext": {"train": 0.0},
    }
    return TestPredictions(
        -torch.tensor(losses),
        torch.tensor(targets),
        lambda i: {"context": "behind <b>", "target": tokens[targets[i]]},
        context,
    )


def test_the_loss_is_split_by_frequency() -> None:
    buckets = loss_by_frequency(
        predictions_of([1.0, 3.0, 5.0, 7.0], [0, 0, 1, 2], ["a", "b", "c"], [12, 9, 1])
    )
    assert buckets == [
        {"times": "1-9", "share": 0.5, "loss": 6.0},
        {"times": "10-99", "share": 0.5, "loss": 2.0},
    ]
    assert [format_bucket(i) for i in (0, 1, 6)] == ["0", "1-9", "100,000+"]


def test_the_page_shades_and_lists_unexpected_tokens() -> None:
    page = surprisal_page(
        predictions_of([0.1, 9.0, 0.2], [0, 1, 2], ["<a>", "&b", "<eos>"], [5, 5, 5])
    )
    assert "&lt;a&gt;" in page
    assert "<a>" not in page
    assert "&crarr;<br>" in page
    listed = page[page.index("The least expected") :]
    assert listed.index("&amp;b") < listed.index("&lt;a&gt;")
    assert f"{9.0 / math.log(2):.1f}" in listed
    assert "behind &lt;b&gt;" in listed
    check_offline(page)
    assert 'name="viewport"' in page
    legend = page.partition('class="legend"')[2].partition("</p>")[0]
    assert legend.count("<span") == 5
    assert f"{math.log2(3):.1f} bits or more" in legend
