"""Windows of time series: the values that a network reads, and the values that follow.

S series of different lengths, one after the other in one array, N steps in all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnlab.spec import Array, Ints


@dataclass(frozen=True)
class Windows:
    """Targets in a set of series, each with the steps before it.

    `first` alone defines the targets, so they do not depend on the length of the input window.

    Attributes:
        values: of the target variables, (N, V); a gap has the previous value.
        first: first step of each target, (M,).
        horizon: steps of a target.
        observed: False where the data has no value, (N, V); None if there are no gaps.
    """

    values: Array
    first: Ints
    horizon: int
    observed: Array | None = None

    @classmethod
    def all_of(cls, values: Array, first_target: int, horizon: int) -> "Windows":
        """Return every target from step `first_target` on, in every series of (S, N, V)."""
        count, steps, variables = values.shape
        first = np.arange(first_target, steps - horizon + 1)
        starts = np.arange(count)[:, None] * steps
        return cls(values.reshape(-1, variables), (starts + first).ravel(), horizon)

    def __len__(self) -> int:
        return len(self.first)

    def inputs(self, rows: Ints, seq_len: int) -> Array:
        """Return the `seq_len` values before each target, (B, seq_len, V)."""
        values: Array = self.values[self.first[rows, None] + np.arange(-seq_len, 0)]
        return values

    def targets(self, rows: Ints, variables: Ints | None = None) -> Array:
        """Return the values of each target, (B, horizon, V); NaN where there was no value.

        `variables` are those of each target, (B, V); None for all of them.
        """
        steps: Any = self.first[rows, None] + np.arange(self.horizon)
        if variables is not None:
            steps = steps[:, :, None], variables[:, None]
        values: Array = self.values[steps]
        return values if self.observed is None else np.where(self.observed[steps], values, np.nan)

    def count_observed(self) -> Ints:
        """Return the number of observed values of each target and variable, (M, V)."""
        if self.observed is None:
            return np.full((len(self), self.values.shape[1]), self.horizon)
        counts = np.zeros((len(self.values) + 1, self.values.shape[1]), dtype=np.int64)
        np.cumsum(self.observed, axis=0, out=counts[1:])
        count: Ints = counts[self.first + self.horizon] - counts[self.first]
        return count

    def covered_steps(self) -> Array:
        """Return True for the steps of at least one target, (N,)."""
        changes = np.zeros(len(self.values) + 1, dtype=np.int64)
        np.add.at(changes, self.first, 1)
        np.add.at(changes, self.first + self.horizon, -1)
        flags: Array = np.cumsum(changes)[:-1] > 0
        return flags

    def take(self, rows: Array) -> "Windows":
        """Return some of the targets."""
        return Windows(self.values, self.first[rows], self.horizon, self.observed)

    def take_variables(self, variables: slice) -> "Windows":
        """Return the targets of some variables."""
        observed = None if self.observed is None else self.observed[:, variables]
        return Windows(self.values[:, variables], self.first, self.horizon, observed)


def first_targets(
    starts: Ints, borders: Sequence[Ints], seq_len: int, horizon: int
) -> dict[str, Ints]:
    """Return the first step of each target by split; no target crosses the border of a split.

    The input window of a validation or test target may begin in the split before.

    Args:
        starts: first step of each series that may be read, (S,).
        borders: end of training, of validation and of the test in each series, (S,) each.
        seq_len: steps of an input window.
        horizon: steps of a target.
    """
    train, val, test = borders
    begins = {"train": starts + seq_len, "val": train, "test": val}
    ends = {"train": train, "val": val, "test": test}
    ranges = {s: zip(begins[s], ends[s] - horizon + 1, strict=True) for s in begins}
    return {s: np.concatenate([np.arange(i, j) for i, j in pairs]) for s, pairs in ranges.items()}
