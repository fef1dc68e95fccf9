"""Metrics of token probabilities."""

import math

import torch
from torch import Tensor
from torchmetrics import Metric

from rnnlab.spec import PADDING_ID


class Perplexity(Metric):  # type: ignore[misc]
    """exp of the mean negative log probability of a token; padding does not count.

    Summed in double precision, because a split has millions of tokens.
    """

    higher_is_better = False
    full_state_update = False
    plot_lower_bound = 1.0

    def __init__(self) -> None:
        super().__init__()
        zero = torch.zeros((), dtype=torch.float64)
        self.add_state("surprisal", zero.clone(), dist_reduce_fx="sum")
        self.add_state("count", zero.clone(), dist_reduce_fx="sum")

    def update(self, log_probabilities: Tensor, targets: Tensor) -> None:
        """Add a batch.

        Args:
            log_probabilities: natural logarithm of the probability of each target, (B, U).
            targets: (B, U); 0 is padding.
        """
        valid = targets != PADDING_ID
        self.surprisal -= log_probabilities.double().masked_fill(~valid, 0).sum()
        self.count += valid.sum()

    def compute(self) -> Tensor:
        """See torchmetrics.Metric."""
        perplexity: Tensor = (self.surprisal / self.count).exp()
        return perplexity


class BitsPerToken(Perplexity):
    """Mean negative log2 probability of a token."""

    plot_lower_bound = 0.0

    def compute(self) -> Tensor:
        """See torchmetrics.Metric."""
        bits: Tensor = self.surprisal / self.count / math.log(2)
        return bits
