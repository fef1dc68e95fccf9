"""A class for each of the last steps of a sequence."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassExactMatch

from rnnlab.config.types import NonNegativeFloat, PositiveInt, Probability
from rnnlab.layers import TokenEmbedding
from rnnlab.layers.recurrent import LayerFactory
from rnnlab.spec import Batch, DataSpec
from rnnlab.tasks.base import Encoded, Task, TestPredictions
from rnnlab.tasks.classification import confusion_matrix
from rnnlab.tasks.losses import CLASS_LOSSES, ClassLossName

EXAMPLES = 20  # sequences in the listing


def last_steps(outputs: Tensor, lengths: Tensor, count: int) -> Tensor:
    """The outputs of the last `count` valid steps of each sequence, (B, T, H) -> (B, count, H).

    >>> outputs = torch.tensor([[1, 2, 3], [4, 5, 0]]).unsqueeze(2)
    >>> last_steps(outputs, torch.tensor([3, 2]), 2).squeeze(2)
    tensor([[2, 3],
            [4, 5]])
    """
    steps = lengths.unsqueeze(1) - count + torch.arange(count, device=lengths.device)  # (B, count)
    rows = torch.arange(len(outputs), device=outputs.device).unsqueeze(1)
    return outputs[rows, steps]


class StepClassification(Task):
    """Embed tokens, one linear layer from the output of each of the last `horizon` steps.

    Args:
        spec: sizes of the data: `num_tokens` or `input_size`, `output_size` classes, `horizon` the
            number of steps that have one, at most as many as the shortest sequence.
        embedding_size: D, where the inputs are tokens.
        head_dropout: chance to drop a feature of an output.
        loss: cross_entropy | focal; the latter lets a target that is already right count for less.
        focal_gamma: how much less; 0 is the cross entropy.
    """

    name = "step_classification"
    metric_names = ("loss", "accuracy", "whole")

    def __init__(
        self,
        spec: DataSpec,
        embedding_size: PositiveInt = 32,
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
        """See Task."""
        self.classes = nn.Linear(output_size, self.spec.output_size)

    def embed(self, inputs: Tensor) -> Tensor:
        """Tokens (B, T) to vectors (B, T, D)."""
        embedded: Tensor = self.embedding(inputs)
        return embedded

    def head(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Outputs (B, T, H) to a score for each class at each step (B, horizon, classes)."""
        read = last_steps(outputs, lengths, self.spec.horizon)  # (B, horizon, H)
        scores: Tensor = self.classes(self.dropout(read))
        return scores

    def loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """In nats, the mean over all steps; each sequence has equally many."""
        scores, targets = predictions.flatten(0, 1), batch.targets.flatten()
        return self.losses(scores, targets, 0.0, self.focal_gamma).mean()

    def metric_inputs(self, predictions: Tensor, batch: Batch) -> Tensor:
        """The probability of each class, (B, classes, horizon) as metrics want it."""
        return predictions.softmax(dim=2).transpose(1, 2)

    def decode(self, predictions: Tensor, encoded: Encoded, batch: Batch) -> Tensor:
        """The probability of each class at each step, (B, horizon, classes)."""
        return predictions.softmax(dim=2)

    def metrics(self) -> MetricCollection:
        """Accuracy over all steps, and the share of sequences without any error."""
        classes = self.spec.output_size
        return MetricCollection(
            {
                "accuracy": MulticlassAccuracy(classes, average="micro"),
                "whole": MulticlassExactMatch(classes),
            },
            compute_groups=False,
        )

    def save_figures(self, folder: Path, test_predictions: TestPredictions) -> list[Path]:
        """The accuracy of each step, the confusion matrix, and the first test sequences."""
        from rnnlab.plots import tasks as plots
        from rnnlab.runtime.files import write_text

        names = self.spec.class_names or tuple(map(str, range(self.spec.output_size)))
        predicted, targets = test_predictions.predictions.argmax(dim=2), test_predictions.targets
        shares = (predicted == targets).float().mean(dim=0)
        counts = confusion_matrix(predicted.flatten(), targets.flatten(), len(names))
        return [
            plots.step_accuracy(shares.numpy(), 1 / len(names), folder / "step_accuracy.png"),
            plots.confusion_matrix(counts.numpy(), names, folder / "confusion_matrix.png"),
            write_text(folder / "examples.md", listing(test_predictions, predicted, names)),
        ]


def listing(test_predictions: TestPredictions, predicted: Tensor, names: tuple[str, ...]) -> str:
    """A readable page of the first sequences: what was read, wanted and said."""
    lines = ["# The first test sequences", ""]
    for i in range(min(EXAMPLES, len(predicted))):
        wanted, said = (
            " ".join(names[int(k)] for k in row)
            for row in (test_predictions.targets[i], predicted[i])
        )
        mark = "right" if wanted == said else "WRONG"
        read = test_predictions.example(i).get("text", "")
        lines += [f"{i}. {mark}", f"   - read   `{read}`", f"   - wanted `{wanted}`"]
        lines += [f"   - said   `{said}`"]
    return "\n".join(lines) + "\n"
