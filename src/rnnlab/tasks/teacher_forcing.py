"""Share of true input tokens of a decoder in training; the others are its own predictions.

Scheduled sampling (Bengio et al., 2015, https://arxiv.org/abs/1506.03099): the inputs in training
gradually become those at inference. p is the progress of the training, 0..1.
"""

import math
from collections.abc import Callable
from typing import Literal

Decay = Literal["constant", "linear", "inverse_sigmoid"]
STEEPNESS = 10  # of the inverse sigmoid


def inverse_sigmoid_decay(p: float) -> float:
    """Return 1 / (1 + exp(10 (p - 1/2))), scaled to fall from exactly 1 to 0."""
    first, last = _sigmoid(0), _sigmoid(1)
    return (_sigmoid(p) - last) / (first - last)


def _sigmoid(p: float) -> float:
    return 1 / (1 + math.exp(STEEPNESS * (p - 0.5)))


DECAYS: dict[Decay, Callable[[float], float]] = {
    "constant": lambda p: 0.0,  # the final share from the beginning
    "linear": lambda p: 1 - p,
    "inverse_sigmoid": inverse_sigmoid_decay,
}


def true_share(decay: Decay, end: float, p: float) -> float:
    """Return the share of true tokens, which falls from 1 to `end`, or is `end` throughout.

    >>> true_share("linear", 0.5, 0.5)
    0.75
    """
    return end + (1 - end) * DECAYS[decay](p)
