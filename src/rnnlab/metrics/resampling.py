"""How much scores vary over test targets: covariances of the scores of several networks.

R networks, N units (targets, sentences, or blocks of consecutive targets), K statistics of a unit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

BOOTSTRAP_SAMPLES = 2000  # of a bootstrap; the standard error then has an error of 1.6%
MAX_WEIGHTS = 4_000_000  # weights at a time: 32 MB
FEWEST_UNITS = 20  # of a test over targets

TargetMethod = Literal["paired bootstrap", "Diebold-Mariano"]


@dataclass(frozen=True)
class TargetCovariance:
    """Variances and covariances of scores over test targets, where all networks have the same.

    Attributes:
        matrix: (R, R), of the scores of the networks.
        degrees: degrees of freedom of the matrix.
        method: that estimates it.
        units: what was drawn, with its number, such as "872 targets".
    """

    matrix: NDArray[Any]
    degrees: int
    method: TargetMethod
    units: str

    def variance_of_networks(self, first: int, second: int) -> float:
        """Return the variance of the difference of two networks over targets."""
        one, other = self.matrix[[first, second], [first, second]].tolist()
        return max(0.0, float(one + other - 2 * self.matrix[first, second]))

    def variance_of_pairs(self, first: list[int], second: list[int]) -> float:
        """Return the part of the variance that is common to all seeds, of paired networks.

        It is the mean covariance of two differences: what other targets change for all seeds alike.
        What they change for one seed alone is a part of the variance over seeds already.
        """
        cross = self.matrix[np.ix_(first, second)]
        within = self.matrix[np.ix_(first, first)] + self.matrix[np.ix_(second, second)]
        return max(0.0, mean_covariance(within - cross - cross.T))

    def variance_of_groups(self, first: list[int], second: list[int]) -> float:
        """Return the part of the variance that is common to all seeds, without pairs."""
        one, other = (mean_covariance(self.matrix[np.ix_(i, i)]) for i in (first, second))
        return max(0.0, one + other - 2 * float(self.matrix[np.ix_(first, second)].mean()))


def mean_covariance(matrix: NDArray[Any]) -> float:
    """Return the mean of a square matrix outside its diagonal; at least two rows."""
    n = len(matrix)
    return float((matrix.sum() - np.trace(matrix)) / (n * (n - 1)))


def bootstrap_covariance(
    statistics: NDArray[Any],
    score: Callable[[NDArray[Any]], NDArray[Any]],
    resamples: int = BOOTSTRAP_SAMPLES,
) -> NDArray[Any]:
    """Return the covariance of the scores of networks, by resampling units: the paired bootstrap.

    All networks get the same resamples. (Efron & Tibshirani, An Introduction to the Bootstrap,
    1993; Koehn, 2004, https://aclanthology.org/W04-3250, for translations.)

    Args:
        statistics: what the score is computed from, added up over units, (R, N, K).
        score: converts sums (..., K) to scores (...).
        resamples: number of resamples.
    """
    networks, count, width = statistics.shape
    values = np.moveaxis(statistics, 1, 0).reshape(count, networks * width).astype(np.float64)
    random, chunk = np.random.default_rng(0), max(1, MAX_WEIGHTS // count)
    scores = [
        score((draw_counts(random, size, count) @ values).reshape(size, networks, width))
        for size in split_number(resamples, chunk)
    ]
    return np.atleast_2d(np.cov(np.concatenate(scores), rowvar=False))


def split_number(total: int, size: int) -> list[int]:
    """Return parts of a number that are at most `size`.

    >>> split_number(5, 2)
    [2, 2, 1]
    """
    return [min(size, total - start) for start in range(0, total, size)]


def draw_counts(random: np.random.Generator, resamples: int, count: int) -> NDArray[Any]:
    """Return how often each of `count` units is in each resample, (resamples, count)."""
    draws = random.integers(0, count, (resamples, count))
    draws += count * np.arange(resamples)[:, None]
    counts = np.bincount(draws.ravel(), minlength=resamples * count)
    return counts.reshape(resamples, count).astype(np.float64)


def cosine_covariance(losses: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Return the covariance of the mean losses of networks over time, with its degrees of freedom.

    The losses are series whose values depend on those before. Their long-run covariance is the mean
    of the products of their first 0.4 n^(2/3) cosine coefficients, which are nearly independent;
    Student's t with as many degrees of freedom is then the Diebold-Mariano test for small samples
    (Lazarus et al., 2018, https://doi.org/10.1080/07350015.2018.1506926; Coroneo & Iacone, 2020,
    https://doi.org/10.1002/jae.2756).

    `losses` is (R, n), in the order of time.
    """
    n = losses.shape[1]
    degrees = max(1, int(0.4 * n ** (2 / 3)))
    phases = np.pi * np.outer(np.arange(n) + 0.5, np.arange(1, degrees + 1)) / n
    coefficients = np.sqrt(2 / n) * losses.astype(np.float64) @ np.cos(phases)  # (R, degrees)
    return coefficients @ coefficients.T / degrees / n, degrees


def block_sums(statistics: NDArray[Any], length: int) -> NDArray[Any]:
    """Return the sums over blocks of consecutive units, (N, K) -> (blocks, K).

    >>> block_sums(np.arange(5)[:, None], 2).ravel().tolist()
    [1, 5, 4]
    """
    return np.add.reduceat(statistics, np.arange(0, len(statistics), length), axis=0)
