"""One label for a whole sequence."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from rnnlab.layers import Pooling, TokenEmbedding
from rnnlab.layers.pooling import PoolingName
from rnnlab.spec import Batch, DataSpec
from rnnlab.tasks.base import LayerMaker, Outcome, Task
from rnnlab.values import PositiveInt, Probability


class Classification(Task):
    """Embed tokens, pool the outputs over time, one linear layer to the classes.

    Args:
        spec: sizes of the data: `num_tokens` or `input_size`, `output_size`, `class_names`.
        embedding_size: D, where the inputs are tokens.
        pooling: from all steps to one vector: last | mean | max | mean_max | attention.
        word_dropout: chance to read a token as <unk>.
        embedding_dropout: chance to drop a feature of the embedding in all steps.
        head_dropout: chance to drop a pooled feature.
        label_smoothing: share of the target that goes to all classes alike (Szegedy et al., 2016).
    """

    name = "classification"
    metric_names = ("loss", "accuracy", "f1")

    def __init__(
        self,
        spec: DataSpec,
        embedding_size: PositiveInt = 100,
        pooling: PoolingName = "mean_max",
        word_dropout: Probability = 0.0,
        embedding_dropout: Probability = 0.0,
        head_dropout: Probability = 0.0,
        label_smoothing: Probability = 0.0,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.embedding = (
            TokenEmbedding(spec.num_tokens, embedding_size, word_dropout, embedding_dropout)
            if spec.num_tokens
            else nn.Identity()
        )
        self.input_size = embedding_size if spec.num_tokens else int(spec.input_size or 0)
        self.pooling_name = pooling
        self.label_smoothing = label_smoothing
        self.dropout = nn.Dropout(head_dropout)

    def build(self, output_size: int, bidirectional: bool, layer: LayerMaker | None = None) -> None:
        """See Task."""
        self.pooling = Pooling(self.pooling_name, output_size, bidirectional)
        self.classes = nn.Linear(self.pooling.output_size, self.spec.output_size)

    def embed(self, inputs: Tensor) -> Tensor:
        """Tokens (B, T) to vectors (B, T, D)."""
        embedded: Tensor = self.embedding(inputs)
        return embedded

    def head(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Outputs (B, T, H) to a score for each class (B, classes)."""
        pooled = self.pooling(outputs, lengths)  # (B, H) or (B, 2H)
        scores: Tensor = self.classes(self.dropout(pooled))
        return scores

    def loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Cross entropy in nats."""
        return cross_entropy(predictions, batch.targets, label_smoothing=self.label_smoothing)

    def read(self, predictions: Tensor, batch: Batch) -> Tensor:
        """The probability of each class, (B, classes)."""
        return predictions.softmax(dim=1)

    def metrics(self) -> MetricCollection:
        """Accuracy over all targets, and the mean of the classes' F1."""
        classes = self.spec.output_size
        return MetricCollection(
            {
                "accuracy": MulticlassAccuracy(classes, average="micro"),
                "f1": MulticlassF1Score(classes, average="macro"),
            }
        )

    def write(self, folder: Path, outcome: Outcome) -> list[Path]:
        """The confusion matrix and the ten most confidently wrong sequences."""
        from rnnlab.report import plots
        from rnnlab.report.files import write_text

        probabilities, targets = outcome.predictions, outcome.targets
        names = self.spec.class_names or tuple(map(str, range(self.spec.output_size)))
        counts = confusion_matrix(probabilities.argmax(dim=1), targets, len(names))
        picture = plots.confusion_matrix(counts.numpy(), names, folder / "confusion_matrix.png")
        listing = folder / "most_confidently_wrong.md"
        write_text(listing, most_confidently_wrong(outcome, names))
        return [picture, listing]


def confusion_matrix(predicted: Tensor, targets: Tensor, classes: int) -> Tensor:
    """How often each class (row) was taken for each class (column).

    >>> confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2)
    tensor([[1, 1],
            [0, 1]])
    """
    cells = torch.bincount(targets * classes + predicted, minlength=classes**2)
    return cells.reshape(classes, classes)


def most_confidently_wrong(outcome: Outcome, names: tuple[str, ...], count: int = 10) -> str:
    """A readable page of the errors with the highest probability of the wrong class."""
    confidence, predicted = outcome.predictions.max(dim=1)
    wrong = (predicted != outcome.targets).nonzero().squeeze(1)
    worst = wrong[confidence[wrong].argsort(descending=True, stable=True)][:count].tolist()
    lines = [
        "# Most confidently wrong",
        "",
        f"{len(wrong):,} of {len(predicted):,} test targets were predicted wrongly. "
        f"The {len(worst)} with the highest probability of the wrong class:",
    ]
    for rank, i in enumerate(worst, start=1):
        given, truth = names[int(predicted[i])], names[int(outcome.targets[i])]
        lines += ["", f"## {rank}. predicted {given} ({confidence[i]:.1%}), labelled {truth}", ""]
        lines += [f"Test item {i}.", "", f"> {outcome.example(i).get('text', '')}"]
    return "\n".join(lines) + "\n"
