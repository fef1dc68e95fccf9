"""Task: a class for each of the last steps of a sequence."""

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from rnnlab.config.types import LayerSize, NonNegativeFloat, Probability
from rnnlab.layers import TokenEmbedding
from rnnlab.layers.recurrent import LayerFactory
from rnnlab.metrics.classification import ClassAccuracy, ExactMatch
from rnnlab.spec import Batch, DataSpec
from rnnlab.tasks.base import Encoding, Task
from rnnlab.tasks.losses import CLASS_LOSSES, ClassLossName


def last_steps(outputs: Tensor, lengths: Tensor, count: int) -> Tensor:
    """Return the outputs of the last `count` valid steps, (B, T, H) -> (B, count, H).

    >>> outputs = torch.tensor([[1, 2, 3], [4, 5, 0]]).unsqueeze(2)
    >>> last_steps(outputs, torch.tensor([3, 2]), 2).squeeze(2)
    tensor([[2, 3],
            [4, 5]])
    """
    steps = lengths.unsqueeze(1) - count + torch.arange(count, device=lengths.device)  # (B, count)
    rows = torch.arange(outputs.shape[0], device=outputs.device).unsqueeze(1)
    return outputs[rows, steps]


class StepClassification(Task):
    """Embed tokens, then one linear layer on the output of each of the last `horizon` steps.

    Args:
        spec: sizes of the data: `num_tokens` or `input_size`, `output_size` classes, and
            `horizon`, the number of last steps with a target, at most as many as the shortest
            sequence has.
        embedding_size: D, where the inputs are tokens.
        head_dropout: probability of dropping a feature of an output.
        loss: cross_entropy | focal; focal reduces the weight of targets that are already correct.
        focal_gamma: strength of this reduction; 0 is the cross entropy.
    """

    name = "step_classification"
    metric_names = ("loss", "accuracy", "exact_match")

    def __init__(
        self,
        spec: DataSpec,
        embedding_size: LayerSize = 32,
        head_dropout: Probability = 0.0,
        loss: ClassLossName = "cross_entropy",
        focal_gamma: NonNegativeFloat = 2.0,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.losses, self.focal_gamma = CLASS_LOSSES[loss], focal_gamma
        self.embedding = (
            TokenEmbedding(spec.num_tokens, embedding_size) if spec.num_tokens else nn.Identity()
        )
        self.input_size = embedding_size if spec.num_tokens else int(spec.input_size or 0)
        self.dropout = nn.Dropout(head_dropout)

    def build(
        self, output_size: int, bidirectional: bool, layer: LayerFactory | None = None
    ) -> None:
        self.classes = nn.Linear(output_size, self.spec.output_size)

    def head(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Convert outputs (B, T, H) to scores of the classes at each step (B, horizon, classes)."""
        last = last_steps(outputs, lengths, self.spec.horizon)  # (B, horizon, H)
        scores: Tensor = self.classes(self.dropout(last))
        return scores

    def loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss of a step in nats; each sequence has equally many."""
        scores, targets = predictions.flatten(0, 1), batch.targets.flatten()
        return self.losses(scores, targets, 0.0, self.focal_gamma).mean()

    def metric_inputs(self, predictions: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return probabilities (B, classes, horizon), as torchmetrics expects, and targets."""
        return predictions.softmax(dim=2).transpose(1, 2), batch.targets

    def decode(self, predictions: Tensor, encoding: Encoding, batch: Batch) -> Tensor:
        """Return the probability of each class at each step, (B, horizon, classes)."""
        return predictions.softmax(dim=2)

    def metrics(self) -> MetricCollection:
        """Return accuracy over all steps, and the share of sequences without any error."""
        classes = self.spec.output_size
        accuracy = ClassAccuracy(classes)
        metrics = {"accuracy": accuracy, "exact_match": ExactMatch(classes)}
        return MetricCollection(metrics, compute_groups=False)
