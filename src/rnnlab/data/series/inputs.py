"""What a network reads of series: windows of values and features, and their units.

B windows, L steps of a window, N steps of all series, S series, V target variables of a window, D
features of a step, H horizon.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from rnnlab.data.scaling import ScaledSeries, Standardization
from rnnlab.spec import Array, Ints, Units


class WindowInputs(NamedTuple):
    """What a network reads of some windows.

    Attributes:
        values: (B, L, D), float32.
        units: scaling between the forecasts and the units of the targets.
        future: known features of the horizon, (B, H, K); None without known columns.
    """

    values: Array
    units: Units
    future: torch.Tensor | None


@dataclass(frozen=True)
class SeriesInputs:
    """Everything that a network may read of some series; see SeriesDataModule.

    Attributes:
        scaled: the series in reported units and as the network reads them.
        forecast_scale: from reported values, transformed, to what the network forecasts.
        scale_index: position of each of the series in the scale, (S,).
        features: of each step besides the values: covariates and calendar, (N, C).
        num_known: covariates that are known in advance; the last ones of `scaled.covariates`.
        static: features of each series, (S, F).
        error_scale: see rnnlab.spec.Units, of all variables.
        seq_len: L.
        horizon: H.
        subtract_last: the network reads values minus the last one of the window.
    """

    scaled: ScaledSeries
    forecast_scale: Standardization
    scale_index: Ints
    features: Array
    num_known: int
    static: Array
    error_scale: Array
    seq_len: int
    horizon: int
    subtract_last: bool

    @property
    def num_features(self) -> int:
        """Number of features of a step besides the values."""
        return int(self.features.shape[1] + self.static.shape[1])

    def windows(self, first: Ints, series: Ints, variable: Ints) -> WindowInputs:
        """Return the windows before some steps.

        Args:
            first: step after each window, (B,).
            series: position of the series of each window, (B,).
            variable: variables of each window, (B, V), or of all windows, (1, V).
        """
        past = first[:, None] + np.arange(-self.seq_len, 0)  # (B, L)
        values = self.scaled.inputs[past[:, :, None], variable[:, None]]  # (B, L, V)
        if self.subtract_last:
            values = values - values[:, -1:]
        static = np.broadcast_to(self.static[series][:, None], (*past.shape, self.static.shape[1]))
        inputs = np.concatenate([values, self.features[past], static], axis=2)
        units = self._units(first, series, variable)
        return WindowInputs(inputs.astype(np.float32), units, self._future(first))

    def _units(self, first: Ints, series: Ints, variable: Ints) -> Units:
        scale, index = self.forecast_scale, self.scale_index[series][:, None]
        arrays = (
            scale.means[index, variable],
            scale.deviations[index, variable],
            self.scaled.targets[first[:, None] - 1, variable],  # the last values of the windows
            self.error_scale[variable],
        )
        return Units(*(torch.from_numpy(array[:, None]) for array in arrays))

    def _future(self, first: Ints) -> torch.Tensor | None:
        """Return what is known about the horizon, (B, H, K); None without known columns."""
        if not self.num_known:
            return None
        known_features = self.scaled.covariates[:, -self.num_known :]
        steps = first[:, None] + np.arange(self.horizon)
        return torch.from_numpy(known_features[steps].astype(np.float32))
