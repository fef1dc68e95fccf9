"""Batches of series: windows of what a network reads, the values that follow, and their units.

B targets in a batch, L steps of a window, N steps of all series, S series, V target variables of
all, D features of a step, H horizon.
"""

from dataclasses import dataclass

import numpy as np
import torch

from rnnlab.data.base import to_batch
from rnnlab.data.baselines.series import SeriesSplits
from rnnlab.data.scaling import ScaledSeries
from rnnlab.spec import Array, Batch, Ints, Units


@dataclass(frozen=True)
class SeriesBatches:
    """What a network reads of each step, and the targets; see SeriesDataModule.

    Attributes:
        splits: windows of the values in reported units.
        units: values in the units of the network, and the scales.
        covariates: of each step, calendar included, (N, C).
        num_known: covariates that are known in advance; the last ones of `units.covariates`.
        static: features of each series, (S, F).
        seq_len: L.
        subtract_last: the network reads values minus the last one of the window.
    """

    splits: SeriesSplits
    units: ScaledSeries
    covariates: Array
    num_known: int
    static: Array
    seq_len: int
    subtract_last: bool

    @property
    def num_inputs(self) -> int:
        """Number of features besides the values."""
        return int(self.covariates.shape[1] + self.static.shape[1])

    def gather(self, split: str, rows: Ints) -> Batch:
        """Return windows (B, L, D), the values that follow (B, H, V), and their units."""
        window, variable = self.splits.locate(split, rows)
        first = self.splits.windows[split].first[window]
        series = self.splits.series[split][window]
        past = first[:, None] + np.arange(-self.seq_len, 0)  # (B, L)
        values = self.units.inputs[past[:, :, None], variable[:, None]]  # (B, L, V)
        if self.subtract_last:
            values = values - values[:, -1:]
        static = np.broadcast_to(self.static[series][:, None], (*past.shape, self.static.shape[1]))
        inputs = np.concatenate([values, self.covariates[past], static], axis=2)
        lengths, targets = np.full(len(rows), self.seq_len), self.splits.targets(split, rows)
        batch = to_batch(inputs.astype(np.float32), lengths, targets, rows)
        units = self._gather_units(first, series, variable)
        return batch._replace(units=units, future=self._gather_future(first))

    def _gather_units(self, first: Ints, series: Ints, variable: Ints) -> Units:
        scale = self.units.input_scale
        arrays = (
            scale.means[series[:, None], variable],
            scale.deviations[series[:, None], variable],
            self.units.targets[first[:, None] - 1, variable],  # the last values of the windows
            self.splits.error_scale[variable],
        )
        return Units(*(torch.from_numpy(array[:, None]) for array in arrays))

    def _gather_future(self, first: Ints) -> torch.Tensor | None:
        """Return what is known about the horizon, (B, H, K); None without known columns."""
        if not self.num_known:
            return None
        known_features = self.units.covariates[:, -self.num_known :]
        steps = first[:, None] + np.arange(self.splits.horizon)
        return torch.from_numpy(known_features[steps].astype(np.float32))
