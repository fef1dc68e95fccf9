"""What a task is: the part of a network that knows what is learned, but not how it is read.

B batch, T time, D features that enter the architecture, H features that leave it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn
from torchmetrics import MetricCollection

from rnnlab.layers.recurrent import LayerFactory, RecurrentState
from rnnlab.spec import Batch, DataSpec


class Encoded(NamedTuple):
    """What an architecture made of a batch.

    Attributes:
        outputs: (B, T, H).
        lengths: valid steps of each sequence, (B,).
        state: after step T, None where the architecture has none.
    """

    outputs: Tensor
    lengths: Tensor
    state: RecurrentState | None = None


class TestPredictions(NamedTuple):
    """Everything that was predicted on one split, in the order of the split.

    Attributes:
        predictions: what `Task.answer` said, (N, ...); sequences are padded with zeros.
        targets: (N, ...).
        example: gives what stands behind the i-th target, to be shown beside its prediction.
        evaluation_context: more values of the split that the data set provides, by name; each
            task documents which ones it uses.
    """

    predictions: Tensor
    targets: Tensor
    example: Callable[[int], Mapping[str, Any]]
    evaluation_context: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Analysis:
    """What only the whole split tells.

    Attributes:
        scores: more metrics of the network, by name.
        baselines: more metrics of what the network is held against: baseline -> metric -> value.
        sentences: what follows from the numbers, in words.
        details: plain values for report.json, such as a metric of each step of a horizon.
    """

    scores: Mapping[str, float] = field(default_factory=dict)
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    sentences: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


class Task(nn.Module):
    """Embedding, head, loss and metrics of one kind of problem. Knows no architecture, no data set.

    Built in two steps, since its two ends hang on different sizes: the constructor makes what
    stands before the architecture, `build` what stands behind it.

    Attributes:
        name: the word after `task=`.
        metric_names: what is logged of validation and test, each as `split/name`.
        test_names: what `judge` adds for the test split.
        causal: an output may not depend on later inputs.
        stateful: sequences go on from batch to batch; every process evaluates all of them.
        spec: the sizes that it was built for.
        input_size: D, the features of a step that enters the architecture.
        progress: how far the training is, 0 before the first step and near 1 at the last, for what
            changes on the way; the model keeps it up to date.
    """

    name: ClassVar[str]
    metric_names: ClassVar[tuple[str, ...]]
    test_names: ClassVar[tuple[str, ...]] = ()
    causal: ClassVar[bool] = False
    stateful: ClassVar[bool] = False
    spec: DataSpec
    input_size: int
    progress: float = 0.0

    def build(
        self, output_size: int, bidirectional: bool, layer: LayerFactory | None = None
    ) -> None:
        """Make the head, once the architecture is known.

        Args:
            output_size: H.
            bidirectional: the second half of the outputs was read backwards.
            layer: makes one recurrent layer of the architecture's own kind from its input size and
                hidden size, for tasks that generate; None where it has no such layer.
        """
        raise NotImplementedError

    def embed(self, inputs: Tensor) -> Tensor:
        """The inputs of a batch to what the architecture reads, (B, T, D)."""
        raise NotImplementedError

    def head(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Outputs of the architecture (B, T, H) to raw predictions."""
        raise NotImplementedError

    def predict(self, encoded: Encoded, batch: Batch) -> Tensor:
        """Raw predictions of a batch; in training the targets may be looked at."""
        return self.head(encoded.outputs, encoded.lengths)

    def loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Raw predictions to one number, the mean over what `weight` counts."""
        raise NotImplementedError

    def num_targets(self, batch: Batch) -> Tensor | int:
        """How many targets the loss of a batch is the mean of."""
        return len(batch.targets)

    def metric_inputs(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Raw predictions to what the metrics take: probabilities, values in the targets' units."""
        raise NotImplementedError

    def decode(self, predictions: Tensor, encoded: Encoded, batch: Batch) -> Tensor:
        """What a person is given: the same, or a sentence that was generated without the targets.

        One entry for each of `batch.rows`.
        """
        return self.metric_inputs(predictions, batch)

    def attention(self, encoded: Encoded) -> Tensor | None:
        """How much of each step is seen, (B, T); None for a task that weighs no steps."""
        return None

    def captions(self, predictions: Tensor, batch: Batch) -> list[str]:
        """A line for each sequence, to stand above a picture of it."""
        first = batch.rows.reshape(len(batch.inputs), -1)[:, 0]
        return [f"test item {int(row)}" for row in first]

    def metrics(self) -> MetricCollection:
        """New metrics, named by `metric_names` without the loss; means over targets."""
        raise NotImplementedError

    def analyze(self, test_predictions: TestPredictions) -> Analysis:
        """What the whole test split alone tells, such as BLEU, or which of two is better."""
        return Analysis()

    def sample(
        self, network: nn.Module, folder: Path, test_predictions: TestPredictions
    ) -> list[Path]:
        """Leave what the network does when it is asked once more, such as texts that it writes.

        Called after the test, with the weights that were tested; it must leave the network and all
        random states as they are.

        Args:
            network: the architecture around this task.
            folder: of the run.
            test_predictions: see `write`.
        """
        return []

    def save_figures(self, folder: Path, test_predictions: TestPredictions) -> list[Path]:
        """Leave the pictures and files that show what was learned in a run's folder."""
        raise NotImplementedError
