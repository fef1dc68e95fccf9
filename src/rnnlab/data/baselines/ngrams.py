"""Unigram and bigram language models, the baselines of recurrent ones."""

import numpy as np
from numpy.typing import NDArray

from rnnlab.spec import Array

BLOCK_TOKENS = 1 << 20  # that are processed at once
MAX_PAIRS = 20_000_000  # first training pairs, which are counted: 0.5 GB


def count_ids(ids: Array, size: int) -> NDArray[np.int64]:
    """Return the number of occurrences of each id, (size,)."""
    counts = np.zeros(size, dtype=np.int64)
    for start in range(0, len(ids), BLOCK_TOKENS):
        counts += np.bincount(ids[start : start + BLOCK_TOKENS], minlength=size)
    return counts


def unigram(counts: NDArray[np.int64]) -> Array:
    """Return the log probability of each token with add-one smoothing, (V,)."""
    totals = counts + 1.0
    log_probabilities: Array = np.log(totals / totals.sum())
    return log_probabilities


class Bigram:
    """Bigram model with interpolated Kneser-Ney smoothing (Kneser & Ney, 1995).

    p(w | v) = max(c(v, w) - d, 0) / c(v) + d * n(v) / c(v) * q(w), where n(v) is the number of
    different tokens that follow v, and q(w) is the share of the different pairs that end with w.
    The discount d = n1 / (n1 + 2 n2) follows from the numbers of pairs that occur once and twice,
    so nothing is tuned. All counts are of the training split, whose ids, (N + 1,), begin with the
    start token. q adds one to each of the V = `size` tokens, so that no token is impossible.
    """

    def __init__(self, ids: Array, size: int) -> None:
        self.size = size
        self.pairs, self.counts = np.unique(
            self._pair(ids[:MAX_PAIRS], ids[1 : MAX_PAIRS + 1]), return_counts=True
        )
        before, after = np.divmod(self.pairs, size)
        once, twice = (int((self.counts == times).sum()) for times in (1, 2))
        self.discount = min(max(once / max(once + 2 * twice, 1), 0.1), 0.9)
        self.totals = np.bincount(before, weights=self.counts, minlength=size)  # c(v), (V,)
        self.followers = np.bincount(before, minlength=size)  # n(v), (V,)
        self.ends = (np.bincount(after, minlength=size) + 1.0) / (len(self.pairs) + size)  # q, (V,)

    def _pair(self, before: Array, after: Array) -> NDArray[np.int64]:
        size = min(len(before), len(after))
        pairs: NDArray[np.int64] = before[:size].astype(np.int64) * self.size + after[:size]
        return pairs

    def probabilities(self, before: Array, after: Array) -> Array:
        """Return p(after | before) of each pair, (N,)."""
        pairs = self._pair(before, after)
        positions = np.searchsorted(self.pairs, pairs).clip(max=len(self.pairs) - 1)
        counts = np.where(self.pairs[positions] == pairs, self.counts[positions], 0)
        total = self.totals[before]
        pair_share = np.maximum(counts - self.discount, 0) / np.maximum(total, 1)
        backoff = self.discount * self.followers[before] / np.maximum(total, 1)
        probabilities: Array = pair_share + np.where(total > 0, backoff, 1) * self.ends[after]
        return probabilities


def mean_loss(ids: Array, bigram: Bigram) -> float:
    """Return the mean of -ln p over a split, in nats, each token given the previous one."""
    total = 0.0
    for start in range(0, len(ids) - 1, BLOCK_TOKENS):
        part = np.asarray(ids[start : start + BLOCK_TOKENS + 1])
        total -= np.log(bigram.probabilities(part[:-1], part[1:])).sum()
    return float(total / (len(ids) - 1))
