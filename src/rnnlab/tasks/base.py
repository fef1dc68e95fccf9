"""Base of the tasks: the part of a network that defines what is learned, but not the layers.

B batch, T time, D features that enter the architecture, H features that leave it.
"""

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from rnnlab.layers.recurrent import LayerFactory, RecurrentState
from rnnlab.spec import Batch, DataSpec


class Encoding(NamedTuple):
    """Outputs of an architecture for a batch.

    Attributes:
        outputs: (B, T, H).
        lengths: valid steps of each sequence, (B,).
        state: after step T; None where the architecture has none.
    """

    outputs: Tensor
    lengths: Tensor
    state: RecurrentState | None = None


class Task(nn.Module):
    """Embedding, head, loss, metrics and decoding of one kind of problem.

    Knows neither the architecture nor the data set, draws nothing and stores no results. Built in
    two steps, because its two ends depend on different sizes: the constructor builds the embedding,
    `build` builds the head.

    Contract, which tests/tasks/test_contracts.py checks for every conf/task/*.yaml: padding changes
    neither `loss` nor `num_targets` nor the metrics, and `loss` is a mean over `num_targets`.

    Attributes:
        name: of the YAML file in conf/task.
        metric_names: metrics of validation and test, each logged as `split/name`.
        causal: an output must not depend on later inputs.
        stateful: sequences continue from batch to batch; every process evaluates all of them.
        spec: sizes of the data.
        embedding: converts inputs to features of steps.
        input_size: D, the features of a step that enter the architecture.
        progress: progress of the training, from 0 before the first step to nearly 1 at the last;
            the model updates it.
        interval_levels: nominal coverage of each prediction interval, rising; empty for none.
    """

    name: ClassVar[str]
    metric_names: ClassVar[tuple[str, ...]]
    causal: ClassVar[bool] = False
    stateful: ClassVar[bool] = False
    spec: DataSpec
    embedding: nn.Module
    input_size: int
    progress: float = 0.0
    interval_levels: tuple[float, ...] = ()

    def build(
        self, output_size: int, bidirectional: bool, layer: LayerFactory | None = None
    ) -> None:
        """Build the head, once the architecture is known.

        Args:
            output_size: H.
            bidirectional: the second half of the outputs was read backwards.
            layer: builds one recurrent layer of the architecture's own kind from its input size and
                hidden size, for tasks with a decoder; None where the architecture has none.
        """
        raise NotImplementedError

    def embed(self, inputs: Tensor) -> Tensor:
        """Convert the inputs of a batch, tokens (B, T) or values, to features (B, T, D)."""
        features: Tensor = self.embedding(inputs)
        return features

    def head(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Convert outputs of the architecture (B, T, H) to raw predictions."""
        raise NotImplementedError

    def predict(self, encoding: Encoding, batch: Batch) -> Tensor:
        """Return raw predictions of a batch; in training they may depend on the targets."""
        return self.head(encoding.outputs, encoding.lengths)

    def loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss of raw predictions over the `num_targets` targets of a batch."""
        raise NotImplementedError

    def exact_loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Return the loss of an evaluation, computed in double precision."""
        return self.loss(predictions.to(torch.float64), batch)

    def num_targets(self, batch: Batch) -> Tensor | int:
        """Return how many targets a batch has; override it where targets are padded."""
        return batch.targets.numel()

    def metric_inputs(self, predictions: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return what the metrics compare, without padding.

        Returns:
            Raw predictions as probabilities or as values in the units of the targets, and the
            targets.
        """
        raise NotImplementedError

    def decode(self, predictions: Tensor, encoding: Encoding, batch: Batch) -> Tensor:
        """Return the answer for each of `batch.rows`, found without the targets.

        By default the predictions of `metric_inputs`; a task may also generate a sentence.
        """
        return self.metric_inputs(predictions, batch)[0]

    def attention(self, encoding: Encoding) -> Tensor | None:
        """Return the weight of each step, (B, T); None for a task without attention."""
        return None

    def captions(self, predictions: Tensor, batch: Batch) -> list[str]:
        """Return a title for each sequence of a figure."""
        first = batch.rows.reshape(len(batch.inputs), -1)[:, 0]
        return [f"test item {int(row)}" for row in first]

    def metrics(self) -> MetricCollection:
        """Return new metrics, named by `metric_names` without the loss; means over targets."""
        raise NotImplementedError
