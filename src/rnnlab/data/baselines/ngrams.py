"""What counting alone gives a language model: single tokens, and pairs of them."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[Any]
Floats = NDArray[np.float64]
CHUNK = 1 << 20  # tokens that are looked at at once
MOST_PAIRS = 20_000_000  # training pairs that are counted, the first ones: 0.5 GB


def count_tokens(ids: Ids, size: int) -> NDArray[np.int64]:
    """How often each id occurs, (size,)."""
    counts = np.zeros(size, dtype=np.int64)
    for start in range(0, len(ids), CHUNK):
        counts += np.bincount(ids[start : start + CHUNK], minlength=size)
    return counts


def unigram(counts: NDArray[np.int64]) -> Floats:
    """Log probability of each token, from its count in training and one more, (V,)."""
    smoothed = counts + 1.0
    found: Floats = np.log(smoothed / smoothed.sum())
    return found


class Bigram:
    """The next token from the one before it: interpolated Kneser-Ney (Kneser & Ney, 1995).

    p(w | v) = max(c(v, w) - d, 0) / c(v) + d * n(v) / c(v) * q(w), where n(v) is how many different
    tokens follow v, and q(w) is the share of the different pairs that end with w. The discount
    d = n1 / (n1 + 2 n2) comes from the numbers of pairs seen once and twice, so nothing is tuned.
    All counts are of the training split. q adds one to each token, so that nothing is impossible.

    Args:
        ids: of the training split, the start token first, (N + 1,).
        size: V, tokens of the vocabulary.
    """

    def __init__(self, ids: Ids, size: int) -> None:
        self.size = size
        self.pairs, self.counts = np.unique(
            self._pair(ids[:MOST_PAIRS], ids[1 : MOST_PAIRS + 1]), return_counts=True
        )
        before, after = np.divmod(self.pairs, size)
        once, twice = (int((self.counts == times).sum()) for times in (1, 2))
        self.discount = min(max(once / max(once + 2 * twice, 1), 0.1), 0.9)
        self.seen = np.bincount(before, weights=self.counts, minlength=size)  # c(v), (V,)
        self.followers = np.bincount(before, minlength=size)  # n(v), (V,)
        self.ends = (np.bincount(after, minlength=size) + 1.0) / (len(self.pairs) + size)  # q, (V,)

    def _pair(self, before: Ids, after: Ids) -> NDArray[np.int64]:
        size = min(len(before), len(after))
        pairs: NDArray[np.int64] = before[:size].astype(np.int64) * self.size + after[:size]
        return pairs

    def probabilities(self, before: Ids, after: Ids) -> Floats:
        """p(after | before) of each pair, (N,)."""
        wanted = self._pair(before, after)
        positions = np.searchsorted(self.pairs, wanted).clip(max=len(self.pairs) - 1)
        counts = np.where(self.pairs[positions] == wanted, self.counts[positions], 0)
        seen = self.seen[before]
        known = np.maximum(counts - self.discount, 0) / np.maximum(seen, 1)
        left = np.where(seen > 0, self.discount * self.followers[before] / np.maximum(seen, 1), 1)
        found: Floats = known + left * self.ends[after]
        return found


def mean_loss(ids: Ids, bigram: Bigram) -> float:
    """Mean of -ln p over a split, in nats, each token from the one before it."""
    total = sum(
        -np.log(bigram.probabilities(before, after)).sum() for before, after in neighbours(ids)
    )
    return float(total / (len(ids) - 1))


def neighbours(ids: Ids) -> Iterator[tuple[Ids, Ids]]:
    """Each id but the last and the one behind it, in chunks."""
    for start in range(0, len(ids) - 1, CHUNK):
        part = np.asarray(ids[start : start + CHUNK + 1])
        yield part[:-1], part[1:]
