"""Where a decoder looks: a weighted mean of all outputs of the encoder, at each of its steps.

B batch, T steps of the source, U steps of the target, Q features of a query, H of an output.
"""

import math

import torch
from torch import Tensor, nn


class ScaledDotAttention(nn.Module):
    """Scaled dot product (Vaswani et al., 2017, https://arxiv.org/abs/1706.03762), one head.

    weight_ut = softmax_t(W query_u . output_t / sqrt(H)), over the valid steps.

    Args:
        query_size: Q.
        memory_size: H.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.project = nn.Linear(query_size, memory_size)
        self.scale = 1 / math.sqrt(memory_size)

    def forward(self, queries: Tensor, memory: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """What each query sees.

        Args:
            queries: (B, U, Q).
            memory: (B, T, H).
            valid: which steps of the memory may be seen, (B, T); at least one of each row.

        Returns:
            The weighted means (B, U, H), and the weights (B, U, T): they sum to one over T.
        """
        scores = self.project(queries) @ memory.transpose(1, 2) * self.scale  # (B, U, T)
        weights = scores.masked_fill(~valid.unsqueeze(1), -torch.inf).softmax(dim=2)
        return weights @ memory, weights
