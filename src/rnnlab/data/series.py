"""Windows on series: what was read, and the values that follow."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Windows:
    """Targets in a set of series, each with the steps before it.

    What is forecast is given by `series` and `first` alone, so it stays the same whatever the
    length of the window that is read before it.

    Attributes:
        values: all series, (S, N, D).
        series: in which series each target is, (M,).
        first: the step of the first value to forecast, (M,).
        horizon: values to forecast.
    """

    values: Floats
    series: Ints
    first: Ints
    horizon: int

    @classmethod
    def all_of(cls, values: Floats, first_target: int, horizon: int) -> "Windows":
        """Every target from step `first_target` on, in every series."""
        count, steps, _ = values.shape
        first = np.arange(first_target, steps - horizon + 1)
        series = np.repeat(np.arange(count), len(first))
        return cls(values, series, np.tile(first, count), horizon)

    def __len__(self) -> int:
        return len(self.first)

    def inputs(self, rows: Ints, seq_len: int) -> Floats:
        """The `seq_len` values before each target, (B, seq_len, D)."""
        steps = self.first[rows, None] + np.arange(-seq_len, 0)
        chosen: Floats = self.values[self.series[rows, None], steps]
        return chosen

    def targets(self, rows: Ints) -> Floats:
        """The values to forecast, (B, horizon, D)."""
        steps = self.first[rows, None] + np.arange(self.horizon)
        chosen: Floats = self.values[self.series[rows, None], steps]
        return chosen
