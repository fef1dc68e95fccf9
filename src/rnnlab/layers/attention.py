"""Attention: a weighted mean of the memory for each query.

B batch, T steps of the memory, U queries, Q features of a query, H features of the memory.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from rnnlab.errors import ConfigError

AttentionName = Literal["additive", "dot", "scaled_dot", "general", "multi_head"]


class Attention(nn.Module):
    """Base class: weights = softmax_t(score(query, memory_t)), over the valid steps.

    A subclass defines `scores`. `keys` computes what depends only on the memory, once for all
    queries.

    Args:
        query_size: Q.
        memory_size: H.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.query_size, self.memory_size = query_size, memory_size

    def keys(self, memory: Tensor) -> Tensor:
        """Return the keys (B, T, ...) of the memory (B, T, H) for `scores`."""
        return memory

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the score of each step of the memory for each query, (B, U, T)."""
        raise NotImplementedError

    def forward(
        self, queries: Tensor, memory: Tensor, valid: Tensor, keys: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the context of each query and the attention weights.

        Args:
            queries: (B, U, Q).
            memory: (B, T, H).
            valid: steps of the memory that may be attended to, (B, T); at least one per row.
            keys: result of `keys` for this memory; None to compute it here.

        Returns:
            The weighted means (B, U, H) and the weights (B, U, T), which sum to one over T.
        """
        scores = self.scores(queries, self.keys(memory) if keys is None else keys)
        weights = scores.masked_fill(~valid.unsqueeze(1), -torch.inf).softmax(dim=2)
        return weights @ memory, weights


class AdditiveAttention(Attention):
    """v . tanh(W query + U memory_t + b) (Bahdanau et al., 2015, https://arxiv.org/abs/1409.0473).

    Needs memory for B * U * T * H numbers.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.query = nn.Linear(query_size, memory_size)
        self.memory = nn.Linear(memory_size, memory_size, bias=False)
        self.energy = nn.Linear(memory_size, 1, bias=False)

    def keys(self, memory: Tensor) -> Tensor:
        keys: Tensor = self.memory(memory)
        return keys

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        both = torch.tanh(self.query(queries).unsqueeze(2) + keys.unsqueeze(1))  # (B, U, T, H)
        energies: Tensor = self.energy(both).squeeze(3)
        return energies


class DotAttention(Attention):
    """query . memory_t (Luong et al., 2015, https://aclanthology.org/D15-1166).

    Raises:
        ConfigError: the sizes differ.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        if query_size != memory_size:
            raise ConfigError(
                f"attention=dot multiplies queries of {query_size} features with a memory of "
                f"{memory_size}: use equal sizes, or choose general or scaled_dot, which project"
            )

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        return queries @ keys.transpose(1, 2)


class GeneralAttention(Attention):
    """(W query) . memory_t (Luong et al., 2015, https://aclanthology.org/D15-1166)."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.project = nn.Linear(query_size, memory_size, bias=False)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        products: Tensor = self.project(queries) @ keys.transpose(1, 2)
        return products


class ScaledDotAttention(Attention):
    """(W query + b) . memory_t / sqrt(H) (Vaswani et al., 2017, https://arxiv.org/abs/1706.03762).

    One head; without the scale the weights of wide memories concentrate on one step.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.project = nn.Linear(query_size, memory_size)
        self.scale = 1 / math.sqrt(memory_size)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        products: Tensor = self.project(queries) @ keys.transpose(1, 2) * self.scale
        return products


class MultiHeadAttention(Attention):
    """Several scaled dot products in parallel (Vaswani et al., 2017).

    Each head projects queries, keys and values to H / num_heads features; the contexts are
    concatenated and projected. The returned weights are the mean over the heads.

    Args:
        query_size: Q.
        memory_size: H, a multiple of num_heads.
        num_heads: number of heads.

    Raises:
        ConfigError: `num_heads` does not divide H.
    """

    def __init__(self, query_size: int, memory_size: int, num_heads: int = 4) -> None:
        super().__init__(query_size, memory_size)
        if memory_size % num_heads:
            raise ConfigError(
                f"num_heads={num_heads} does not divide the {memory_size} features of the memory "
                "of attention=multi_head: choose a divisor"
            )
        self.num_heads = num_heads
        self.query = nn.Linear(query_size, memory_size)
        self.key = nn.Linear(memory_size, memory_size)
        self.value = nn.Linear(memory_size, memory_size)
        self.join = nn.Linear(memory_size, memory_size)

    def keys(self, memory: Tensor) -> Tensor:
        """Return keys and values of all heads, (B, T, 2H)."""
        return torch.cat([self.key(memory), self.value(memory)], dim=2)

    def forward(
        self, queries: Tensor, memory: Tensor, valid: Tensor, keys: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        both = self.keys(memory) if keys is None else keys
        parts = (self.query(queries), *both.chunk(2, dim=2))
        query, key, value = (self._split(part) for part in parts)
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])  # (B, heads, U, T)
        weights = scores.masked_fill(~valid[:, None, None], -torch.inf).softmax(dim=3)
        context = (weights @ value).transpose(1, 2).flatten(2)  # (B, U, H)
        return self.join(context), weights.mean(dim=1)

    def _split(self, features: Tensor) -> Tensor:
        """(B, steps, H) -> (B, heads, steps, H / heads)."""
        batch, steps, _ = features.shape
        return features.reshape(batch, steps, self.num_heads, -1).transpose(1, 2)


ATTENTION: dict[AttentionName, Callable[[int, int], Attention]] = {  # of Q and H
    "additive": AdditiveAttention,
    "dot": DotAttention,
    "scaled_dot": ScaledDotAttention,
    "general": GeneralAttention,
    "multi_head": MultiHeadAttention,
}
