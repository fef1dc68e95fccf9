"""The next values of a series."""

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from rnnlab.layers.pooling import Pooling
from rnnlab.spec import Batch, DataSpec
from rnnlab.tasks.base import LayerMaker, Outcome, Task
from rnnlab.values import Probability

EXAMPLES = 8  # forecasts in the picture


class Forecasting(Task):
    """Read a window of values, forecast all steps of the horizon at once from its last output.

    Args:
        spec: sizes of the data: `input_size`, `output_size` target variables, `horizon`; and
            `noise_variance` and `noise_floor` where they are known.
        head_dropout: chance to drop a feature of the last output.
    """

    name = "forecasting"
    metric_names = ("loss", "mse", "mae", "noise_ratio")

    def __init__(self, spec: DataSpec, head_dropout: Probability = 0.0) -> None:
        super().__init__()
        self.spec = spec
        self.input_size = int(spec.input_size or 0)
        self.dropout = nn.Dropout(head_dropout)

    def build(self, output_size: int, bidirectional: bool, layer: LayerMaker | None = None) -> None:
        """See Task."""
        self.pooling = Pooling("last", output_size, bidirectional)
        self.values = nn.Linear(output_size, self.spec.horizon * self.spec.output_size)

    def embed(self, inputs: Tensor) -> Tensor:
        """Values (B, T, D) as they are."""
        return inputs

    def head(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Outputs (B, T, H) to future values (B, horizon, variables)."""
        last = self.dropout(self.pooling(outputs, lengths))  # (B, H)
        values: Tensor = self.values(last)
        return values.reshape(-1, self.spec.horizon, self.spec.output_size)

    def loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Mean squared error."""
        return mse_loss(predictions, batch.targets)

    def read(self, predictions: Tensor, batch: Batch) -> Tensor:
        """The values themselves."""
        return predictions

    def metrics(self) -> MetricCollection:
        """Squared and absolute error; the squared error over the noise where that is known."""
        known: dict[str, Any] = {"mse": MeanSquaredError(), "mae": MeanAbsoluteError()}
        if self.spec.noise_variance:
            known["noise_ratio"] = NoiseRatio(self.spec.noise_variance)
        return MetricCollection(known, compute_groups=False)

    def write(self, folder: Path, outcome: Outcome) -> list[Path]:
        """Some forecasts against the truth, with what was read before them; all as a cloud."""
        from rnnlab.report import plots

        predicted, truths = outcome.predictions.numpy(), outcome.targets.numpy()
        shown = np.linspace(0, len(truths) - 1, num=min(EXAMPLES, len(truths)), dtype=int)
        histories = [outcome.example(int(i))["history"] for i in shown]
        sigma = self.spec.noise_variance**0.5 if self.spec.noise_variance else None
        return [
            plots.forecasts(
                histories, truths[shown], predicted[shown], sigma, folder / "forecasts.png"
            ),
            plots.forecast_scatter(
                truths[..., 0].ravel(), predicted[..., 0].ravel(), folder / "forecast_errors.png"
            ),
        ]


class NoiseRatio(MeanSquaredError):  # type: ignore[misc]  # noqa: N818
    """Mean squared error / variance of the noise: 1 is what no forecast can beat.

    Args:
        variance: of the noise in the targets.
    """

    def __init__(self, variance: float) -> None:
        super().__init__()
        self.variance = variance

    def compute(self) -> Tensor:
        """See torchmetrics.Metric."""
        ratio: Tensor = super().compute() / self.variance
        return ratio
