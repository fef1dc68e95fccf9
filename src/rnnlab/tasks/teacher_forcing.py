"""How many true tokens a decoder reads while it is taught; the others are its own.

Scheduled sampling (Bengio et al., 2015, https://arxiv.org/abs/1506.03099): what is read in training
comes nearer to what is read in use, step by step. p is how far the training is, 0..1.
"""

import math
from collections.abc import Callable
from typing import Literal

Decay = Literal["constant", "linear", "inverse_sigmoid"]
STEEPNESS = 10  # of the inverse sigmoid


def constant(p: float) -> float:
    """At the end from the beginning."""
    return 0.0


def linear(p: float) -> float:
    """1 - p."""
    return 1 - p


def inverse_sigmoid(p: float) -> float:
    """s(p) = 1 / (1 + exp(10 (p - 1/2))), stretched so that it goes from 1 to 0 exactly."""
    first, last = _sigmoid(0), _sigmoid(1)
    return (_sigmoid(p) - last) / (first - last)


def _sigmoid(p: float) -> float:
    return 1 / (1 + math.exp(STEEPNESS * (p - 0.5)))


DECAYS: dict[Decay, Callable[[float], float]] = {
    "constant": constant,
    "linear": linear,
    "inverse_sigmoid": inverse_sigmoid,
}


def true_share(decay: Decay, end: float, p: float) -> float:
    """The share of true tokens: from 1 down to `end`, or `end` all along.

    >>> true_share("linear", 0.5, 0.5)
    0.75

    Args:
        decay: constant | linear | inverse_sigmoid.
        end: the share when the training is over.
        p: how far the training is, 0..1.
    """
    return end + (1 - end) * DECAYS[decay](p)
