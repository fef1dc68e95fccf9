"""What a task is: the part of a network that knows what is learned, but not how it is read.

B batch, T time, D features that enter the architecture, H features that leave it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn
from torchmetrics import MetricCollection


class Outcome(NamedTuple):
    """Everything that was predicted on one split, in the order of the split.

    Attributes:
        predictions: what `Task.read` made of the head's outputs, (N, ...).
        targets: (N, ...).
        example: gives what stands behind the i-th target, to be shown beside its prediction.
    """

    predictions: Tensor
    targets: Tensor
    example: Callable[[int], Mapping[str, Any]]


class Task(nn.Module):
    """Embedding, head, loss and metrics of one kind of problem. Knows no architecture, no data set.

    Built in two steps, since its two ends hang on different sizes: the constructor makes what
    stands before the architecture, `build` what stands behind it.

    Attributes:
        name: the word after `task=`.
        metric_names: what is logged of validation and test, each as `split/name`.
        causal: an output may not depend on later inputs.
        input_size: D, the features of a step that enters the architecture.
    """

    name: ClassVar[str]
    metric_names: ClassVar[tuple[str, ...]]
    causal: ClassVar[bool] = False
    input_size: int

    def build(self, output_size: int, bidirectional: bool) -> None:
        """Make the head, once H is known; `bidirectional`: its second half was read backwards."""
        raise NotImplementedError

    def embed(self, inputs: Tensor) -> Tensor:
        """The inputs of a batch to what the architecture reads, (B, T, D)."""
        raise NotImplementedError

    def head(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Outputs of the architecture (B, T, H) to raw predictions."""
        raise NotImplementedError

    def loss(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Raw predictions and targets to one number, the mean over targets."""
        raise NotImplementedError

    def read(self, predictions: Tensor) -> Tensor:
        """Raw predictions to what a person reads and the metrics take: probabilities, values."""
        raise NotImplementedError

    def metrics(self) -> MetricCollection:
        """New metrics, named by `metric_names` without the loss; means over targets."""
        raise NotImplementedError

    def write(self, folder: Path, outcome: Outcome) -> list[Path]:
        """Leave the pictures and files that show what was learned in a run's folder."""
        raise NotImplementedError
