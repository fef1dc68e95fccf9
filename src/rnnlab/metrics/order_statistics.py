"""Order statistics of the columns of a table with missing values."""

import numpy as np

from rnnlab.spec import Array, Ints


def order_statistic(values: Array, ranks: Ints) -> Array:
    """Return the value of each rank, from 1, in its column, (n, H) and (H,) -> (H,).

    NaN for a rank below 1 or above the number of values that are not NaN.

    >>> order_statistic(np.array([[3.0, np.nan], [1.0, 5.0]]), np.array([2, 2])).tolist()
    [3.0, nan]
    """
    count, columns = values.shape
    rising = np.sort(np.concatenate([values, np.full((1, columns), np.nan)]), axis=0)  # NaN last
    place = np.where((ranks >= 1) & (ranks <= count), ranks - 1, count)
    return np.asarray(rising[place, np.arange(columns)])


def conformal_ranks(counts: Ints, level: float) -> Ints:
    """Return ceil((n + 1) level) for numbers n of values."""
    ranks: Ints = np.ceil(np.round((counts + 1) * level, 9)).astype(np.int64)
    return ranks
