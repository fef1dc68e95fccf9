"""A page of texts that a language model generated."""

from collections.abc import Callable, Sequence

import torch

from rnnlab.layers.sampling import SamplingConfig, Step, generate
from rnnlab.spec import END_ID, PADDING_ID, START_ID, UNKNOWN_ID

Decode = Callable[[Sequence[int]], str]
SPECIAL = (PADDING_ID, UNKNOWN_ID, START_ID)  # that a text does not have
RULES = {
    "greedy: always the most probable token": SamplingConfig(0.0, suppress_tokens=SPECIAL),
    "temperature 0.7": SamplingConfig(0.7, suppress_tokens=SPECIAL),
    "temperature 1.0": SamplingConfig(1.0, suppress_tokens=SPECIAL),
    "temperature 1.0, among the most probable 90%": SamplingConfig(
        1.0, top_p=0.9, suppress_tokens=SPECIAL
    ),
}
SAMPLES, TOKENS, SEED = 2, 80, 0


def samples_page(step: Step, decode: Decode, device: torch.device) -> str:
    """Texts from the very beginning, by several rules, in Markdown; the same for the same weights.

    Args:
        step: see rnnlab.layers.sampling.generate.
        decode: ids to a text, up to the first end.
        device: that computes.
    """
    start = torch.full((SAMPLES, 1), START_ID, device=device)
    parts = ["# What the network writes\n"]
    for name, rule in RULES.items():
        parts.append(f"## {name[0].upper()}{name[1:]}\n")
        count = 1 if rule.temperature == 0 else SAMPLES
        made = generate(step, start[:count], TOKENS, rule, SEED)
        parts += [quoted(text_of(ids, decode)) + "\n" for ids in made.tolist()]
    return "\n".join(parts)


def text_of(ids: Sequence[int], decode: Decode) -> str:
    r"""Ids to a text; where an end stands a line ends.

    >>> text_of([5, 6, END_ID, 7], lambda ids: " ".join(map(str, ids)))
    '5 6\n7'
    """
    lines: list[list[int]] = [[]]
    for i in ids:
        if i == END_ID:
            lines.append([])
        else:
            lines[-1].append(i)
    return "\n".join(decode(line) for line in lines)


def quoted(text: str) -> str:
    """As a block of Markdown that shows every line as it is."""
    return "\n".join(f"    {line}" for line in text.split("\n"))
