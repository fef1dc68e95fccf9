"""Where a network looks: a weighted mean of all outputs of another, at each of its steps.

B batch, T steps of the memory that is looked at, U steps that look, Q features of a query, H of the
memory.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

AttentionName = Literal["additive", "dot", "scaled_dot", "general", "multi_head"]


class Attention(nn.Module):
    """Base of all: weights = softmax_t(score(query, memory_t)), over the valid steps.

    A subclass says what a score is. What depends on the memory alone is computed by `keys`, once
    for all queries.

    Args:
        query_size: Q.
        memory_size: H.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.query_size, self.memory_size = query_size, memory_size

    def keys(self, memory: Tensor) -> Tensor:
        """What `scores` compares with the queries, of the memory (B, T, H): (B, T, ...)."""
        return memory

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """How well each step of the memory answers each query, (B, U, T)."""
        raise NotImplementedError

    def forward(
        self, queries: Tensor, memory: Tensor, valid: Tensor, keys: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """What each query sees.

        Args:
            queries: (B, U, Q).
            memory: (B, T, H).
            valid: which steps of the memory may be seen, (B, T); at least one of each row.
            keys: what `keys` said of this memory; None to compute it here.

        Returns:
            The weighted means (B, U, H), and the weights (B, U, T): they sum to one over T.
        """
        scores = self.scores(queries, self.keys(memory) if keys is None else keys)
        weights = scores.masked_fill(~valid.unsqueeze(1), -torch.inf).softmax(dim=2)
        return weights @ memory, weights


class AdditiveAttention(Attention):
    """v . tanh(W query + U memory_t + b) (Bahdanau et al., 2015, https://arxiv.org/abs/1409.0473).

    Holds B * U * T * H numbers at once.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.query = nn.Linear(query_size, memory_size)
        self.memory = nn.Linear(memory_size, memory_size, bias=False)
        self.energy = nn.Linear(memory_size, 1, bias=False)

    def keys(self, memory: Tensor) -> Tensor:
        """See Attention."""
        projected: Tensor = self.memory(memory)
        return projected

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See Attention."""
        both = torch.tanh(self.query(queries).unsqueeze(2) + keys.unsqueeze(1))  # (B, U, T, H)
        energies: Tensor = self.energy(both).squeeze(3)
        return energies


class DotAttention(Attention):
    """query . memory_t (Luong et al., 2015, https://aclanthology.org/D15-1166).

    Raises:
        ValueError: the two differ in size.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        if query_size != memory_size:
            raise ValueError(
                f"attention=dot multiplies queries of {query_size} features with a memory of "
                f"{memory_size}: make both alike, or choose general or scaled_dot, which project"
            )

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See Attention."""
        return queries @ keys.transpose(1, 2)


class GeneralAttention(Attention):
    """(W query) . memory_t (Luong et al., 2015, https://aclanthology.org/D15-1166)."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.project = nn.Linear(query_size, memory_size, bias=False)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See Attention."""
        products: Tensor = self.project(queries) @ keys.transpose(1, 2)
        return products


class ScaledDotAttention(Attention):
    """(W query + b) . memory_t / sqrt(H) (Vaswani et al., 2017, https://arxiv.org/abs/1706.03762).

    One head; the scale keeps the scores of wide memories from ending all in one step.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.project = nn.Linear(query_size, memory_size)
        self.scale = 1 / math.sqrt(memory_size)

    def scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        """See Attention."""
        products: Tensor = self.project(queries) @ keys.transpose(1, 2) * self.scale
        return products


class MultiHeadAttention(Attention):
    """Several scaled dot products side by side (Vaswani et al., 2017).

    Each head has its own projections of queries, keys and values to H / num_heads features; what
    they see is joined and projected. The weights that are given are the mean over the heads.

    Args:
        query_size: Q.
        memory_size: H, a multiple of num_heads.
        num_heads: heads.

    Raises:
        ValueError: the heads do not divide H.
    """

    def __init__(self, query_size: int, memory_size: int, num_heads: int = 4) -> None:
        super().__init__(query_size, memory_size)
        if memory_size % num_heads:
            raise ValueError(
                f"num_heads={num_heads} does not divide the {memory_size} features that "
                "attention=multi_head looks at: choose a divisor"
            )
        self.num_heads = num_heads
        self.query = nn.Linear(query_size, memory_size)
        self.key = nn.Linear(memory_size, memory_size)
        self.value = nn.Linear(memory_size, memory_size)
        self.join = nn.Linear(memory_size, memory_size)

    def keys(self, memory: Tensor) -> Tensor:
        """Keys and values of all heads, (B, T, 2H)."""
        return torch.cat([self.key(memory), self.value(memory)], dim=2)

    def forward(
        self, queries: Tensor, memory: Tensor, valid: Tensor, keys: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """See Attention."""
        both = self.keys(memory) if keys is None else keys
        parts = (self.query(queries), *both.chunk(2, dim=2))
        query, key, value = (self._split(part) for part in parts)
        scores = query @ key.transpose(2, 3) / math.sqrt(query.shape[3])  # (B, heads, U, T)
        weights = scores.masked_fill(~valid[:, None, None], -torch.inf).softmax(dim=3)
        seen = (weights @ value).transpose(1, 2).flatten(2)  # (B, U, H)
        return self.join(seen), weights.mean(dim=1)

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
