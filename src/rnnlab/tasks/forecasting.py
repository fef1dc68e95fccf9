"""The next values of a series."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from rnnlab.config.types import PositiveFloat, Probability, Share
from rnnlab.errors import ConfigError
from rnnlab.layers.pooling import Pooling
from rnnlab.layers.recurrent import LayerFactory
from rnnlab.metrics.forecasting import (
    MEASURES,
    Verdict,
    calibrate,
    compare,
    errors_by_step,
    in_pieces,
    in_words,
)
from rnnlab.spec import Batch, DataSpec
from rnnlab.tasks.base import Analysis, Encoded, Task, TestPredictions
from rnnlab.tasks.losses import FORECAST_LOSSES, ForecastLossName

EXAMPLES = 8  # forecasts in the picture
CELLS = 2_000_000  # errors whose spread is drawn, evenly chosen

Array = NDArray[Any]


class Transform(NamedTuple):
    """What a network forecasts in place of the values, and the way back.

    Attributes:
        there: values (B, H, V) and the last one that was read (B, 1, V) to what is forecast.
        back: the inverse.
        adds_up: a value is made of all steps up to it.
    """

    there: Callable[[Tensor, Tensor], Tensor]
    back: Callable[[Tensor, Tensor], Tensor]
    adds_up: bool = False


def steps_of(values: Tensor, anchor: Tensor) -> Tensor:
    """Each value minus the one before it.

    >>> steps_of(torch.tensor([[[3.0], [5.0]]]), torch.tensor([[[2.0]]])).flatten().tolist()
    [1.0, 2.0]
    """
    return torch.cat([anchor, values], dim=1).diff(dim=1)


TRANSFORMS: dict[str, Transform] = {
    "none": Transform(lambda values, _: values, lambda forecast, _: forecast),
    "last": Transform(lambda values, last: values - last, lambda forecast, last: forecast + last),
    "difference": Transform(
        steps_of, lambda forecast, last: last + forecast.cumsum(dim=1), adds_up=True
    ),
    "log_return": Transform(
        lambda values, last: steps_of(values.log(), last.log()),
        lambda forecast, last: last * forecast.cumsum(dim=1).exp(),
        adds_up=True,
    ),
}


class Forecasting(Task):
    """Read a window of values, forecast all steps of the horizon at once from its last output.

    Args:
        spec: sizes of the data: `input_size`, `output_size` target variables, `horizon`; and
            `noise_variance` and `noise_floor` where they are known.
        head_dropout: chance to drop a feature of the last output.
        loss: mse | mae | huber | quantile, of what the network forecasts: scaled, and transformed.
            With `quantile` it forecasts several quantiles of each value, of which the median is
            the forecast; the others are drawn as a fan around it.
        huber_delta: of loss=huber: the error from which on it is a straight line.
        quantiles: of loss=quantile, rising, 0.5 among them.

    Raises:
        ConfigError: quantiles are asked for, but what the network forecasts are steps that are
            added up: quantiles of steps say nothing of quantiles of their sum.
    """

    name = "forecasting"
    metric_names = ("loss", "mse", "mae", "noise_ratio")
    test_names = ("smape", "mase")

    def __init__(
        self,
        spec: DataSpec,
        head_dropout: Probability = 0.0,
        loss: ForecastLossName = "mse",
        huber_delta: PositiveFloat = 1.0,
        quantiles: Sequence[Share] = (0.1, 0.5, 0.9),
    ) -> None:
        super().__init__()
        self.spec = spec
        self.input_size = int(spec.input_size or 0)
        self.dropout = nn.Dropout(head_dropout)
        self.criterion = FORECAST_LOSSES[loss](huber_delta, quantiles)
        self.quantiles = self.criterion.quantiles
        if self.quantiles and TRANSFORMS[spec.transform].adds_up and spec.horizon > 1:
            raise ConfigError(
                f"task.loss={loss}: with data.transform={spec.transform} and data.horizon="
                f"{spec.horizon} a forecast is a sum of steps, whose quantiles are not the sums of "
                "theirs. Choose data.transform=last or none, data.horizon=1, or another loss"
            )
        self._measured: tuple[TestPredictions, Table] | None = None

    def build(
        self, output_size: int, bidirectional: bool, layer: LayerFactory | None = None
    ) -> None:
        """See Task."""
        self.pooling = Pooling("last", output_size, bidirectional)
        levels = [len(self.quantiles)] if self.quantiles else []
        self.shape = (self.spec.horizon, self.spec.output_size, *levels)
        self.values = nn.Linear(output_size, math.prod(self.shape))

    def embed(self, inputs: Tensor) -> Tensor:
        """Values (B, T, D) as they are."""
        return inputs

    def head(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Outputs (B, T, H) to future values (B, horizon, V), or their quantiles (.., Q)."""
        last = self.dropout(self.pooling(outputs, lengths))  # (B, H)
        values: Tensor = self.values(last)
        return values.reshape(-1, *self.shape)

    def loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """The chosen loss of what the network forecasts: scaled, and transformed."""
        wanted = batch.targets
        if batch.units is not None:
            location, scale, anchor = batch.units
            there = TRANSFORMS[self.spec.transform].there
            wanted = (there(batch.targets, anchor) - location) / scale
        loss: Tensor = self.criterion(predictions, wanted)
        return loss

    def metric_inputs(self, predictions: Tensor, batch: Batch) -> Tensor:
        """The values themselves, in the units of the targets; the median of quantiles."""
        values = self.in_units(predictions, batch)
        return values[..., self.quantiles.index(0.5)] if self.quantiles else values

    def decode(self, predictions: Tensor, encoded: Encoded, batch: Batch) -> Tensor:
        """As `read`; of quantiles all of them, (B, horizon, variables, Q)."""
        return self.in_units(predictions, batch)

    def in_units(self, predictions: Tensor, batch: Batch) -> Tensor:
        """What the network said, in the units of the targets.

        Quantiles are put in order, so that none crosses another; that brings them closer to the
        true ones, never farther away (Chernozhukov et al., 2010, https://arxiv.org/abs/0704.3649).
        """
        if not self.quantiles:
            return self._back(predictions, batch)
        levels = predictions.sort(dim=-1).values.unbind(dim=-1)
        return torch.stack([self._back(level, batch) for level in levels], dim=-1)

    def _back(self, values: Tensor, batch: Batch) -> Tensor:
        if batch.units is None:
            return values
        location, scale, anchor = batch.units
        return TRANSFORMS[self.spec.transform].back(values * scale + location, anchor)

    def metrics(self) -> MetricCollection:
        """Squared and absolute error; the squared error over the noise where that is known."""
        known: dict[str, Any] = {"mse": MeanSquaredError(), "mae": MeanAbsoluteError()}
        if self.spec.noise_variance:
            known["noise_ratio"] = NoiseRatio(self.spec.noise_variance)
        return MetricCollection(known, compute_groups=False)

    def analyze(self, test_predictions: TestPredictions) -> Analysis:
        """Errors of each step of the horizon, the network against each baseline, and its quantiles.

        Uses `naive_errors`, `origin`, `times`, `series`, `baselines` and `headline_baselines` of
        the evaluation context; see SeriesDataModule.evaluation_context in rnnlab.data.forecasting.
        Generated series do not provide them, so their analysis has no comparison.
        """
        against = (
            self._against(test_predictions)
            if "baselines" in test_predictions.evaluation_context
            else Analysis()
        )
        fan = self._of_fan(test_predictions) if self.quantiles else Analysis()
        return Analysis(
            scores={**against.scores, **fan.scores},
            baselines=against.baselines,
            sentences=[*against.sentences, *fan.sentences],
            details={**against.details, **fan.details},
        )

    def _against(self, test_predictions: TestPredictions) -> Analysis:
        """The network against each baseline."""
        table = self.measured(test_predictions)
        verdicts = {
            name: compare(table.over_time["network"], errors, self.spec.horizon)
            for name, errors in table.over_time.items()
            if name != "network"
        }
        means = {
            name: {measure: float(steps.mean()) for measure, steps in measured.items()}
            for name, measured in table.by_step.items()
        }
        return Analysis(
            scores={name: means["network"][name] for name in self.test_names},
            baselines={name: scores for name, scores in means.items() if name != "network"},
            sentences=[
                *(
                    in_words(name, verdicts[name])
                    for name in test_predictions.evaluation_context["headline_baselines"]
                ),
                *self.each_alone(test_predictions, table),
                *table.warning(),
            ],
            details={"against": plain(verdicts), "by_step": table.plain()},
        )

    def _of_fan(self, test_predictions: TestPredictions) -> Analysis:
        """How well the quantiles say what may come."""
        found = calibrate(
            test_predictions.predictions.numpy(), test_predictions.targets.numpy(), self.quantiles
        )
        nominal = self.quantiles[-1] - self.quantiles[0]
        below = {
            f"{q:g}": round(float(b), 6) for q, b in zip(self.quantiles, found.below, strict=True)
        }
        return Analysis(
            scores={
                "pinball": found.pinball,
                "coverage": found.coverage,
                "width": found.width,
            },
            sentences=[
                f"The interval from quantile {self.quantiles[0]:g} to {self.quantiles[-1]:g} "
                f"should hold {nominal:.1%} of the truths and holds {found.coverage:.1%}; it is "
                f"{found.width:.4g} wide in the mean."
            ],
            details={"quantiles": {"nominal_coverage": nominal, "share_below": below}},
        )

    def point(self, test_predictions: TestPredictions) -> TestPredictions:
        """The same with one forecast of each value, (N, H, V)."""
        if not self.quantiles:
            return test_predictions
        return test_predictions._replace(
            predictions=test_predictions.predictions[..., self.quantiles.index(0.5)]
        )

    def measured(self, test_predictions: TestPredictions) -> "Table":
        """The network and every baseline, measured once for both `judge` and `write`."""
        if self._measured is None or self._measured[0] is not test_predictions:
            self._measured = test_predictions, Table.of(self.point(test_predictions))
        return self._measured[1]

    def each_alone(self, test_predictions: TestPredictions, table: "Table") -> Iterator[str]:
        """On how many of several series the network is better or worse, each tested alone."""
        known = test_predictions.evaluation_context
        names = sorted(set(known["series"]))
        if len(names) < 2 or not known["headline_baselines"]:
            return
        reference = known["headline_baselines"][0]
        alone = [
            compare(ours, theirs, self.spec.horizon)
            for ours, theirs in table.of_series("network", reference, known["series"], names)
        ]
        better = sum(verdict.p < 0.05 and verdict.skill > 0 for verdict in alone)
        worse = sum(verdict.p < 0.05 and verdict.skill < 0 for verdict in alone)
        yield (
            f"Each series alone against {reference}: better on {better} of {len(names)}, worse on "
            f"{worse} (p < .05; by chance about {0.025 * len(names):.1f} of each)."
        )

    def save_figures(self, folder: Path, test_predictions: TestPredictions) -> list[Path]:
        """Some forecasts against the truth and a baseline; the errors, of each step too."""
        from rnnlab.plots import tasks as plots

        predicted, truths = (
            self.point(test_predictions).predictions.numpy(),
            test_predictions.targets.numpy(),
        )
        shown = np.linspace(0, len(truths) - 1, num=min(EXAMPLES, len(truths)), dtype=int)
        baselines = test_predictions.evaluation_context.get("baselines", {})
        table = self.measured(test_predictions) if baselines else None
        best = table.best_baseline() if table else ""
        picture = plots.forecasts(
            [test_predictions.example(int(i)) for i in shown],
            truths[shown],
            predicted[shown],
            self.fan(test_predictions, shown),
            (best, baselines[best](shown)) if best else None,
            folder / "forecasts.png",
        )
        cloud = np.linspace(0, predicted[..., 0].size - 1, num=20_000, dtype=int)
        pictures = [
            picture,
            plots.forecast_scatter(
                truths[..., 0].ravel()[np.unique(cloud)],
                predicted[..., 0].ravel()[np.unique(cloud)],
                folder / "forecast_errors.png",
            ),
        ]
        if table:
            some = slice(None, None, -(-truths.size // CELLS))
            pictures += self._write_steps(folder, table, predicted[some] - truths[some])
        return pictures

    def fan(
        self, test_predictions: TestPredictions, shown: Array
    ) -> list[tuple[str, Array, Array]]:
        """Where the truth may be of the first variable: names, low and high ends, (examples, H).

        What the quantiles say, the widest interval first; without quantiles two sigma of the noise
        where it is known, else the middle 80% of the errors that were made.
        """
        said = test_predictions.predictions.numpy()[
            shown, :, 0
        ]  # (examples, H) or (examples, H, Q)
        if self.quantiles:
            return [
                (f"{self.quantiles[high] - self.quantiles[low]:.0%} interval", *ends)
                for low, high in intervals(self.quantiles)
                for ends in [(said[..., low], said[..., high])]
            ]
        if self.spec.noise_variance:
            sigma = self.spec.noise_variance**0.5
            return [("2 sigma of the noise", said - 2 * sigma, said + 2 * sigma)]
        errors = (
            test_predictions.predictions[..., 0].numpy() - test_predictions.targets[..., 0].numpy()
        )
        low, high = -np.quantile(errors, [0.9, 0.1], axis=0)
        return [("middle 80% of errors", said + low, said + high)]

    def _write_steps(self, folder: Path, table: "Table", errors: Array) -> list[Path]:
        """The errors of each step of the horizon: as a picture, and as a table."""
        from rnnlab.plots import tasks as plots
        from rnnlab.runtime.files import write_text

        lines = [",".join(["forecast", "step", *MEASURES])]
        for name, measured in table.by_step.items():
            for step in range(self.spec.horizon):
                values = [f"{measured[measure][step]:.6g}" for measure in MEASURES]
                lines.append(",".join([name, str(step + 1), *values]))
        return [
            plots.errors_by_step(table.by_step, errors, folder / "errors_by_step.png"),
            write_text(folder / "errors_by_step.csv", "\n".join(lines) + "\n"),
        ]


def intervals(quantiles: Sequence[float]) -> list[tuple[int, int]]:
    """Which quantiles are the ends of intervals around the median, from the outermost inwards.

    >>> intervals([0.05, 0.25, 0.5, 0.75, 0.95])
    [(0, 4), (1, 3)]
    """
    median = quantiles.index(0.5)
    return [(i, len(quantiles) - 1 - i) for i in range(min(median, len(quantiles) - 1 - median))]


class Table(NamedTuple):
    """The network and every baseline, measured at the same targets.

    Attributes:
        by_step: name -> measure -> its value at each step of the horizon, (H,).
        squared: name -> squared error of each target, (N,).
        over_time: name -> mean squared error at each point in time, (n,), over all series.
    """

    by_step: Mapping[str, Mapping[str, Array]]
    squared: Mapping[str, Array]
    over_time: Mapping[str, Array]

    @classmethod
    def of(cls, test_predictions: TestPredictions) -> "Table":
        """Measure what was predicted, and what the baselines say of the same targets."""
        known = test_predictions.evaluation_context
        predicted = test_predictions.predictions.numpy()
        forecasts = {"network": lambda rows: predicted[rows], **known["baselines"]}
        by_step, squared = {}, {}
        _, moment = np.unique(known["times"], return_inverse=True)
        for name, forecast in forecasts.items():
            by_step[name], squared[name] = measure(forecast, test_predictions)
        over_time = {
            name: np.bincount(moment, errors) / np.bincount(moment)
            for name, errors in squared.items()
        }
        return cls(by_step, squared, over_time)

    def of_series(
        self, one: str, other: str, owners: Array, names: list[str]
    ) -> Iterator[tuple[Array, Array]]:
        """The squared errors of two forecasts, for each series alone."""
        for name in names:
            yield self.squared[one][owners == name], self.squared[other][owners == name]

    def plain(self) -> dict[str, Any]:
        """As plain values, for report.json."""
        return {
            name: {key: [round(float(v), 6) for v in steps] for key, steps in measured.items()}
            for name, measured in self.by_step.items()
        }

    def best_baseline(self) -> str:
        """The baseline with the lowest squared error."""
        baselines = [name for name in self.by_step if name != "network"]
        return min(baselines, key=lambda name: float(self.by_step[name]["mse"].mean()))

    def warning(self) -> Iterator[str]:
        """What the numbers do not say by themselves."""
        best = self.best_baseline()
        ours, theirs = (float(self.by_step[n]["mse"].mean()) for n in ("network", best))
        if theirs <= ours:
            yield f"The lowest squared error is that of a baseline: {best}."


def measure(
    forecast: Callable[[Array], Array], test_predictions: TestPredictions
) -> tuple[dict[str, Array], Array]:
    """The errors of each step of the horizon (H,), and the squared error of each target (N,)."""
    known, truths = test_predictions.evaluation_context, test_predictions.targets.numpy()
    rows = np.arange(len(truths))
    sums: dict[str, Array] = {}
    squared = np.empty(len(truths))
    for part in in_pieces(rows, truths[0].size):
        predicted = forecast(part)
        steps = errors_by_step(
            predicted, truths[part], known["naive_errors"][part], known["origin"][part]
        )
        for name, values in steps.items():
            sums[name] = sums.get(name, 0.0) + values * len(part)
        squared[part] = np.square(predicted - truths[part], dtype=np.float64).mean(axis=(1, 2))
    return {name: total / len(rows) for name, total in sums.items()}, squared


def plain(verdicts: Mapping[str, Verdict]) -> dict[str, dict[str, float | None]]:
    """Verdicts as plain values; a p that is not defined as null."""
    return {
        name: {"skill": verdict.skill, "p": verdict.p if verdict.p == verdict.p else None}
        for name, verdict in verdicts.items()
    }


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
