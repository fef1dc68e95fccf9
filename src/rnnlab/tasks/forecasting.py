"""Task: the next values of a series."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from rnnlab.config.types import PositiveFloat, Probability, Share
from rnnlab.errors import ConfigError
from rnnlab.layers.pooling import Pooling
from rnnlab.layers.recurrent import LayerFactory
from rnnlab.metrics.conformal import interval_scale, level_scores
from rnnlab.metrics.forecasting import AbsoluteError, NoiseRatio, SquaredError
from rnnlab.spec import Batch, DataSpec
from rnnlab.tasks.base import Encoding, Task
from rnnlab.tasks.losses import FORECAST_LOSSES, ForecastLossName

IntervalMethod = Literal["adaptive", "static"]


class Transform(NamedTuple):
    """Transform of the values that the network forecasts.

    Attributes:
        apply: converts values (B, H, V) and the last input value (B, 1, V) to what is forecast.
        invert: its inverse.
        accumulates: a value is the sum or product of all steps up to it.
    """

    apply: Callable[[Tensor, Tensor], Tensor]
    invert: Callable[[Tensor, Tensor], Tensor]
    accumulates: bool = False


def difference(values: Tensor, anchor: Tensor) -> Tensor:
    """Return each value minus the one before it.

    >>> difference(torch.tensor([[[3.0], [5.0]]]), torch.tensor([[[2.0]]])).flatten().tolist()
    [1.0, 2.0]
    """
    return torch.cat([anchor, values], dim=1).diff(dim=1)


TRANSFORMS: dict[str, Transform] = {
    "none": Transform(lambda values, _: values, lambda forecast, _: forecast),
    "last": Transform(lambda values, last: values - last, lambda forecast, last: forecast + last),
    "difference": Transform(
        difference, lambda forecast, last: last + forecast.cumsum(dim=1), accumulates=True
    ),
    "log_return": Transform(
        lambda values, last: difference(values.log(), last.log()),
        lambda forecast, last: last * forecast.cumsum(dim=1).exp(),
        accumulates=True,
    ),
}


def has_no_gaps(values: Tensor) -> bool:
    """Return whether no value is missing; False on a GPU, where an answer would wait for it."""
    return values.device.type == "cpu" and not values.isnan().any()


class KnownEffect(nn.Module):
    """Effect of features that are known in advance on the forecast of their step.

    A linear effect, plus one that depends on the window; the same weights for all steps.

    Args:
        output_size: features of the last output, H.
        known_size: known features of a step, K.
        num_values: forecast values of a step.
    """

    def __init__(self, output_size: int, known_size: int, num_values: int) -> None:
        super().__init__()
        self.linear = nn.Linear(known_size, num_values, bias=False)
        self.hidden = nn.Linear(output_size + known_size, output_size)
        self.values = nn.Linear(output_size, num_values)

    def forward(self, last: Tensor, future: Tensor) -> Tensor:
        """Map the last output (B, H) and known features (B, steps, K) to (B, steps, values)."""
        window = last.unsqueeze(1).expand(-1, future.shape[1], -1)
        hidden = torch.relu(self.hidden(torch.cat([window, future], dim=2)))
        effect: Tensor = self.linear(future) + self.values(hidden)
        return effect


class Forecasting(Task):
    """Forecast all steps of the horizon at once, from the last output of a window of values.

    Features that are known in advance (`spec.known_size`) enter the forecast of their step.

    Args:
        spec: sizes of the data: `input_size`, `output_size` target variables, `horizon`; and
            `noise_variance` and `noise_floor` where they are known.
        head_dropout: probability of dropping a feature of the last output.
        loss: mse | mae | huber | quantile, of scaled and transformed values. With `quantile` the
            network forecasts several quantiles of each value: the median is the forecast, the
            others are the ends of prediction intervals.
        huber_delta: of loss=huber: the error above which the loss is linear.
        quantiles: of loss=quantile, rising, with 0.5.
        interval_levels: shares of the future values that prediction intervals should contain, such
            as 0.9. The errors on the validation split set their widths; see
            rnnlab.metrics.conformal. Empty for no intervals.
        interval_method: adaptive (the widths also follow the errors of earlier forecasts, of which
            the values are known; see rnnlab.metrics.tracking) | static.

    Raises:
        ConfigError: loss=quantile with a transform that accumulates steps, because the quantiles of
            a sum are not the sums of quantiles.
    """

    name = "forecasting"
    metric_names = ("loss", "mse", "mae", "noise_ratio")

    def __init__(
        self,
        spec: DataSpec,
        head_dropout: Probability = 0.0,
        loss: ForecastLossName = "mse",
        huber_delta: PositiveFloat = 1.0,
        quantiles: Sequence[Share] = (0.1, 0.5, 0.9),
        interval_levels: Sequence[Share] = (0.9,),
        interval_method: IntervalMethod = "adaptive",
    ) -> None:
        super().__init__()
        self.spec = spec
        self.input_size = int(spec.input_size or 0)
        self.dropout = nn.Dropout(head_dropout)
        self.criterion = FORECAST_LOSSES[loss](huber_delta, quantiles)
        self.quantiles = tuple(quantiles) if loss == "quantile" else ()
        self.interval_levels = tuple(sorted(set(interval_levels)))
        self.has_adaptive_intervals = interval_method == "adaptive"
        if self.quantiles and TRANSFORMS[spec.transform].accumulates and spec.horizon > 1:
            raise ConfigError(
                f"task.loss={loss}: with data.transform={spec.transform} and data.horizon="
                f"{spec.horizon} a forecast is a sum of steps, whose quantiles are not the sums of "
                "theirs. Choose data.transform=last or none, data.horizon=1, or another loss"
            )

    def build(
        self, output_size: int, bidirectional: bool, layer: LayerFactory | None = None
    ) -> None:
        self.pooling = Pooling("last", output_size, bidirectional)
        levels = [len(self.quantiles)] if self.quantiles else []
        self.shape = (self.spec.horizon, self.spec.output_size, *levels)
        self.values = nn.Linear(output_size, math.prod(self.shape))
        if known_size := self.spec.known_size:
            self.known = KnownEffect(output_size, known_size, math.prod(self.shape[1:]))

    def embed(self, inputs: Tensor) -> Tensor:
        """Return the values (B, T, D) unchanged."""
        return inputs

    def predict(self, encoding: Encoding, batch: Batch) -> Tensor:
        return self.head(encoding.outputs, encoding.lengths, batch.future)

    def head(self, outputs: Tensor, lengths: Tensor, future: Tensor | None = None) -> Tensor:
        """Convert outputs (B, T, H) to future values (B, horizon, V) or quantiles (..., Q).

        `future` has the known features of the horizon, (B, horizon, K).
        """
        last = self.dropout(self.pooling(outputs, lengths))  # (B, H)
        values: Tensor = self.values(last).reshape(-1, *self.shape)
        if future is None:
            return values
        effect: Tensor = self.known(last, future)
        return values + effect.reshape(values.shape)

    def loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Return the loss of the scaled and transformed values.

        The mean over the windows of the mean over the observed values of each.
        """
        targets = self._scale(batch)
        dtype = torch.promote_types(predictions.dtype, torch.float32)
        if has_no_gaps(targets):  # the same values with fewer operations
            losses = self.criterion(predictions, targets.to(dtype))
            complete: Tensor = losses.flatten(1).mean(1)
            return complete.sum() / len(losses)
        mask = ~targets.isnan()  # (B, horizon, V)
        losses = self.criterion(predictions, targets.nan_to_num().to(dtype))
        sums = torch.where(mask, losses, 0.0).sum(dim=(1, 2))
        means: Tensor = sums / mask.sum(dim=(1, 2)).clamp(min=1)
        return means.sum() / torch.as_tensor(self.num_targets(batch)).clamp(min=1)

    def _scale(self, batch: Batch) -> Tensor:
        """Return the targets as the network forecasts them, (B, horizon, V)."""
        if batch.units is None:
            return batch.targets
        location, scale, anchor = batch.units[:3]
        return (TRANSFORMS[self.spec.transform].apply(batch.targets, anchor) - location) / scale

    def num_targets(self, batch: Batch) -> Tensor | int:
        """Return the number of windows with an observed value."""
        if has_no_gaps(batch.targets):
            return len(batch.targets)
        return (~batch.targets.isnan()).any(dim=(1, 2)).sum()

    def metric_inputs(self, predictions: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the forecasts (or their medians) and the targets, both in the units of errors.

        These are the units of the targets, except for several variables of different units; see
        rnnlab.spec.Units.error_scale.
        """
        forecasts, targets = self.median(self.to_target_units(predictions, batch)), batch.targets
        if batch.units is None or batch.units.error_scale is None:
            return forecasts, targets
        return forecasts / batch.units.error_scale, targets / batch.units.error_scale

    def decode(self, predictions: Tensor, encoding: Encoding, batch: Batch) -> Tensor:
        """Return forecasts (B, horizon, V), or all quantiles (B, horizon, V, Q)."""
        return self.to_target_units(predictions, batch)

    @property
    def has_relative_intervals(self) -> bool:
        """Whether prediction intervals are products of the forecast instead of sums."""
        return self.spec.transform == "log_return"

    def conformity_scores(self, answer: Tensor, batch: Batch) -> Tensor:
        """Return the conformity scores of an answer of `decode` at each level, (B, H, V, L)."""
        return level_scores(
            answer,
            batch.targets,
            self.quantiles,
            self.interval_levels,
            interval_scale(batch),
            self.has_relative_intervals,
        )

    def median(self, values: Tensor) -> Tensor:
        """Return the medians (B, horizon, V) of quantiles (B, horizon, V, Q), if there are any."""
        return values[..., self.quantiles.index(0.5)] if self.quantiles else values

    def to_target_units(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Convert raw predictions to the units of the targets.

        Quantiles are sorted, so that none crosses another. This brings them closer to the true
        quantiles, never farther away (Chernozhukov et al., 2010, https://arxiv.org/abs/0704.3649).
        """
        if not self.quantiles:
            return self._invert(predictions, batch)
        levels = predictions.sort(dim=-1).values.unbind(dim=-1)
        return torch.stack([self._invert(level, batch) for level in levels], dim=-1)

    def _invert(self, values: Tensor, batch: Batch) -> Tensor:
        """Return scaled and transformed values in the units of the targets, float64."""
        values = values.to(torch.float64)
        if batch.units is None:
            return values
        location, scale, anchor = batch.units[:3]
        return TRANSFORMS[self.spec.transform].invert(values * scale + location, anchor)

    def metrics(self) -> MetricCollection:
        """Return squared and absolute error, and the noise ratio where the noise is known."""
        metrics: dict[str, Any] = {"mse": SquaredError(), "mae": AbsoluteError()}
        if self.spec.noise_variance:
            metrics["noise_ratio"] = NoiseRatio(self.spec.noise_variance)
        return MetricCollection(metrics, compute_groups=False)
