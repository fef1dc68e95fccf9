"""Which architecture works on which data set, and which pairs the fast suite tests."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import pytest
from omegaconf import OmegaConf

from tests.helpers.configs import CONF, choices

MODELS, DATA = choices("model"), choices("data")


class Refusal(NamedTuple):
    """Architectures that a task refuses with a ConfigError, and what the error says."""

    models: tuple[str, ...]
    reason: str


ATTENTION = ("attention_gru", "attention_lstm")
BIDIRECTIONAL = ("bigru", "bilstm", "birnn")
SEGMENTED = ("segment_gru", "segment_lstm")
REFUSED = {  # all the combinations that may raise a ConfigError, by task
    "language_modeling": Refusal(
        (*ATTENTION, *BIDIRECTIONAL, *SEGMENTED),
        r"model: \w+ with these settings reads ahead, which task=language_modeling must predict: "
        "choose one",
    ),
    "translation": Refusal(
        ("linear", *SEGMENTED), "task=translation: this architecture gives no layer to build a dec"
    ),
}


@cache
def task_of(data: str) -> str:
    """Return the task that a data set chooses in its YAML file."""
    defaults = OmegaConf.load(CONF / "data" / f"{data}.yaml").defaults
    (task,) = [line["override /task@_global_.task"] for line in defaults]
    return str(task)


def refusal(model: str, data: str) -> str | None:
    """Return what the ConfigError of a pair says; None where the pair must work."""
    refused = REFUSED.get(task_of(data))
    return refused.reason if refused and model in refused.models else None


def select_pairs() -> set[tuple[str, str]]:
    """Select few pairs that work, with each data set and each architecture in at least one."""
    count = Counter(dict.fromkeys(MODELS, 0))
    pairs = set()
    for data in DATA:
        works = [model for model in MODELS if not refusal(model, data)]
        model = min(works, key=lambda name: count[name])
        count[model] += 1
        pairs.add((model, data))
    for model in [name for name in MODELS if not count[name]]:
        pairs.add((model, next(data for data in DATA if not refusal(model, data))))
    return pairs


PAIRS = [(model, data) for model in MODELS for data in DATA]
WORKING = [pair for pair in PAIRS if not refusal(*pair)]
REFUSING = [pair for pair in PAIRS if refusal(*pair)]
FAST_WORKING = select_pairs()
FAST_REFUSING = {(model, task_of(data)): (model, data) for model, data in reversed(REFUSING)}


def cover(rows: Sequence[Any], columns: Sequence[Any]) -> list[Any]:
    """All pairs as parameters; those that do not cover a row or a column first are slow."""
    size = max(len(rows), len(columns))
    fast = {(rows[i % len(rows)], columns[i % len(columns)]) for i in range(size)}
    pairs = [(row, column) for row in rows for column in columns]
    return [pytest.param(*pair, marks=[] if pair in fast else pytest.mark.slow) for pair in pairs]
