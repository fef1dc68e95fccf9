"""Sums of sine waves with noise, a forecasting problem with a known minimum error."""

import hashlib
import math
from collections.abc import Mapping
from itertools import product
from operator import mul
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.config.types import NoiseLevel, PositiveFloat, PositiveInt, Seed
from rnnlab.data.base import ALL_ROWS, DataModule, Rows, Split, to_batch
from rnnlab.data.loaders.windows import Windows
from rnnlab.data.readers.series_columns import SeriesColumns
from rnnlab.data.scaling import identity_scales
from rnnlab.data.series.processor import SeriesProcessor
from rnnlab.data.sources.provenance import Provenance
from rnnlab.errors import ConfigError
from rnnlab.metrics.tracking import ForecastOrigins
from rnnlab.spec import Array, Batch, DataSpec

ROUNDING = 1e-8  # of a wave that is a sum of other waves


def sine_waves(
    count: int,
    steps: int,
    frequencies: list[float],
    amplitudes: list[float],
    noise: float,
    random: np.random.Generator,
) -> Array:
    """Return x_t = sum_k a_k sin(2 pi f_k t + phase_k) + noise * e_t, (S, N, 1).

    e_t is standard normal, and the phases are uniform for each series and wave. The frequencies f_k
    are in cycles per step, a_k are the amplitudes, `count` is S and `steps` is N.
    """
    phases = random.uniform(0, 2 * np.pi, (count, 1, len(frequencies)))
    angles = 2 * np.pi * np.arange(steps)[:, None] * np.array(frequencies) + phases  # (S, N, K)
    clean = np.sin(angles) @ np.array(amplitudes)  # (S, N)
    noisy = clean + noise * random.standard_normal(clean.shape)
    values: Array = noisy[..., None].astype(np.float32)
    return values


def noise_floor(seq_len: int, horizon: int, frequencies: list[float], noise: float) -> float:
    """Return the mean squared error of the best unbiased linear forecast for known frequencies.

    Amplitude and phase of each wave are estimated by least squares from the noisy window. This adds
    about sigma^2 p / L to the noise sigma^2, with p = 2 parameters per wave. There is no such
    forecast for windows of less than p steps.

    In plain Python, since the settings are checked before NumPy is imported.

    >>> round(noise_floor(50, 1, [0.05], 0.1) / 0.1**2, 3)
    1.04
    """
    basis: list[list[float]] = []  # orthonormal in the window, each with its values in the horizon
    for frequency, wave in product(frequencies, (math.sin, math.cos)):
        values = [wave(2 * math.pi * frequency * step) for step in range(seq_len + horizon)]
        for other in basis:
            part = sum(map(mul, values[:seq_len], other))
            values = [value - part * unit for value, unit in zip(values, other, strict=True)]
        norm = math.hypot(*values[:seq_len])
        if norm > ROUNDING * math.sqrt(seq_len):  # otherwise the wave is a sum of earlier ones
            basis.append([value / norm for value in values])
    leverage = sum(value**2 for values in basis for value in values[seq_len:]) / horizon
    return noise**2 * (1 + leverage)


class SineDataModule(DataModule):
    """Generated series; the network forecasts the next values from a window.

    Validation and test targets are all values from step `first_target` on, independent of
    `seq_len`.

    Args:
        frequencies: of the waves, in cycles per step, each below 0.5.
        amplitudes: one of each wave; None for 1 each.
        noise: standard deviation of the noise, sigma.
        num_series: number of training series.
        num_eval_series: number of validation series, and of test series.
        steps: of each series.
        first_target: first target step in validation and test, and the longest seq_len.
        seq_len: steps of the input window.
        horizon: steps to forecast.
        data_seed: of the series, independent of the seed of the run.
        batch_size, seed, shuffle: see DataModule.
    """

    tasks = ("forecasting",)

    def __init__(
        self,
        frequencies: list[PositiveFloat] | None = None,
        amplitudes: list[PositiveFloat] | None = None,
        noise: NoiseLevel = 0.1,
        num_series: PositiveInt = 160,
        num_eval_series: PositiveInt = 100,
        steps: PositiveInt = 200,
        first_target: PositiveInt = 100,
        seq_len: PositiveInt = 50,
        horizon: PositiveInt = 1,
        batch_size: PositiveInt = 64,
        data_seed: Seed = 0,
        seed: Seed = 0,
        shuffle: bool = True,
    ) -> None:
        super().__init__(batch_size, seed, shuffle)
        self.frequencies = [0.05] if frequencies is None else list(frequencies)
        if not self.frequencies:
            raise ConfigError("data.frequencies=[]: give at least one, such as [0.05]")
        self.amplitudes = list(amplitudes or [1.0] * len(self.frequencies))
        if len(self.amplitudes) != len(self.frequencies):
            raise ConfigError(
                f"data.amplitudes: has {len(self.amplitudes)} values, but data.frequencies has "
                f"{len(self.frequencies)}: give one for each wave, or data.amplitudes=null"
            )
        if max(self.frequencies) >= 0.5:
            raise ConfigError(
                f"data.frequencies={self.frequencies}: above 0.5 cycles per step a wave is "
                "identical to a slower one"
            )
        if seq_len > first_target:
            raise ConfigError(
                f"data.seq_len={seq_len} is longer than data.first_target={first_target}: the "
                "first targets have no such window. Raise data.first_target (and data.steps)"
            )
        if first_target + horizon > steps:
            raise ConfigError(
                f"data.steps={steps} leaves no target after data.first_target={first_target} with "
                f"data.horizon={horizon}: raise data.steps"
            )
        self.noise, self.steps = noise, steps
        self.num_series, self.num_eval_series = num_series, num_eval_series
        self.first_target, self.seq_len, self.horizon = first_target, seq_len, horizon
        self.data_seed = data_seed

    def preview(self) -> DataSpec:
        noise: dict[str, Any] = {"noise_variance": self.noise**2} if self.noise else {}
        if self.noise and self.seq_len >= 2 * len(self.frequencies):
            sizes = self.seq_len, self.horizon
            noise["noise_floor"] = noise_floor(*sizes, self.frequencies, self.noise)
        return DataSpec(output_size=1, input_size=1, horizon=self.horizon, **noise)

    def setup(self, stage: str | None = None) -> None:
        """Draw the series."""
        if hasattr(self, "spec"):
            return
        self.windows = {
            "train": self._draw(0, self.num_series, self.seq_len),
            "val": self._draw(1, self.num_eval_series, self.first_target),
            "test": self._draw(2, self.num_eval_series, self.first_target),
        }
        digest = hashlib.sha256(b"".join(w.values.tobytes() for w in self.windows.values()))
        sizes = {split: len(windows) for split, windows in self.windows.items()}
        name = f"{len(self.frequencies)} sine waves"
        self.provenance = Provenance("generated", name, "", digest.hexdigest(), sizes=sizes)
        self.spec = self.preview()

    def _draw(self, stream: int, count: int, first_target: int) -> Windows:
        random = np.random.default_rng([self.data_seed, stream])
        waves = sine_waves(count, self.steps, self.frequencies, self.amplitudes, self.noise, random)
        return Windows.all_of(waves, first_target, self.horizon)

    def lengths(self, split: Split) -> NDArray[Any]:
        """See DataModule; every window has seq_len steps, (M,)."""
        return np.full(len(self.windows[split]), self.seq_len)

    def gather(self, split: Split, rows: NDArray[Any]) -> Batch:
        """Return windows (B, seq_len, 1) and the values that follow (B, horizon, 1)."""
        windows, lengths = self.windows[split], np.full(len(rows), self.seq_len)
        return to_batch(windows.inputs(rows, self.seq_len), lengths, windows.targets(rows), rows)

    def baselines(self, split: Split, rows: Rows = ALL_ROWS) -> dict[str, dict[str, float]]:
        """Return the scores of persistence, and the minimum of unbiased linear forecasts."""
        windows = self.windows[split]
        rows = np.arange(len(windows))[rows]
        errors = windows.targets(rows).astype(np.float64) - windows.inputs(rows, 1)
        scores = {"mse": float(np.square(errors).mean()), "mae": float(np.abs(errors).mean())}
        baselines = {"persistence": scores}
        if variance := self.spec.noise_variance:
            scores["noise_ratio"] = scores["mse"] / variance
            if floor := self.spec.noise_floor:
                baselines["noise floor"] = {"mse": floor, "noise_ratio": floor / variance}
        return baselines

    def evaluation_context(self, split: Split, rows: NDArray[Any]) -> Mapping[str, Any]:
        """Return `origins`; see rnnlab.metrics.tracking.ForecastOrigins. Each series is new."""
        series, step = np.divmod(self.windows[split].first[rows], self.steps)
        steps = step - self.first_target
        return {"origins": ForecastOrigins(series, steps, np.zeros((len(rows), 1), np.int64))}

    def save_processor(self, folder: Path) -> None:
        """See DataModule; new series are a column `value`, without dates."""
        SeriesProcessor(
            columns=SeriesColumns(date=None, values=("value",)),
            variables=("value",),
            covariates=(),
            series=("sine",),
            static=(),
            scales=identity_scales(1),
            error_scale=np.ones(1),
            calendar=(),
            seq_len=self.seq_len,
            horizon=self.horizon,
            independent=False,
            intervals=self.intervals,
            unseen_from=(0,),  # no row of another series was in the training
        ).save(folder)

    def input_names(self) -> tuple[str]:
        return ("value",)

    def example(self, split: Split, index: int) -> Mapping[str, Any]:
        """Return the input window of a target, (seq_len, 1)."""
        return {"history": self.windows[split].inputs(np.array([index]), self.seq_len)[0]}
