"""Metrics of token probabilities."""

import math

import torch
from torch import Tensor
from torchmetrics import Metric

from rnnlab.spec import PADDING_ID


class TokenMean(Metric):  # type: ignore[misc]
    """Mean of a value over the target tokens; padding does not count.

    Summed in double precision, because a split has millions of tokens.
    """

    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        zero = torch.zeros((), dtype=torch.float64)
        self.add_state("total", zero.clone(), dist_reduce_fx="sum")
        self.add_state("count", zero.clone(), dist_reduce_fx="sum")

    def update(self, values: Tensor, targets: Tensor) -> None:
        """Add a batch: the value of each target, and the targets, (B, U); 0 is padding."""
        valid = targets != PADDING_ID
        self.total += values.double().masked_fill(~valid, 0).sum()
        self.count += valid.sum()

    def compute(self) -> Tensor:
        mean: Tensor = self.total / self.count
        return mean


class Perplexity(TokenMean):
    """exp of the mean negative log probability of a token, from natural logarithms."""

    higher_is_better = False
    plot_lower_bound = 1.0

    def update(self, log_probabilities: Tensor, targets: Tensor) -> None:
        super().update(-log_probabilities, targets)

    def compute(self) -> Tensor:
        return super().compute().exp()


class BitsPerToken(Perplexity):
    """Mean negative log2 probability of a token."""

    plot_lower_bound = 0.0

    def compute(self) -> Tensor:
        return TokenMean.compute(self) / math.log(2)
