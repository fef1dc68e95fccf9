"""Task: one label for a whole sequence."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from rnnlab.config.types import LayerSize, NonNegativeFloat, Probability
from rnnlab.layers import AttentionPooling, Pooling, TokenEmbedding
from rnnlab.layers.pooling import PoolingName
from rnnlab.layers.recurrent import LayerFactory
from rnnlab.metrics.classification import class_metrics
from rnnlab.spec import Batch, DataSpec
from rnnlab.tasks.base import Encoding, Task
from rnnlab.tasks.losses import CLASS_LOSSES, ClassLossName


class Classification(Task):
    """Embed tokens, pool the outputs over time, one linear layer to the classes.

    Args:
        spec: sizes of the data: `num_tokens` or `input_size`, `output_size`, `class_names`.
        embedding_size: D, where the inputs are tokens.
        pooling: how all steps become one vector: last | mean | max | mean_max | attention.
        word_dropout: probability of replacing a token by <unk>.
        embedding_dropout: probability of dropping a feature of the embedding in all steps.
        head_dropout: probability of dropping a pooled feature.
        label_smoothing: share of the target that is spread over all classes (Szegedy et al., 2016);
            in training only, so that validation losses are comparable.
        class_weights: none | balanced; with balanced, all classes have equal weight in the training
            loss, however rare they are.
        loss: cross_entropy | focal; focal reduces the weight of targets that are already correct.
        focal_gamma: strength of this reduction; 0 is the cross entropy.
    """

    name = "classification"
    metric_names = ("loss", "accuracy", "f1", "mcc", "auroc")

    def __init__(
        self,
        spec: DataSpec,
        embedding_size: LayerSize = 100,
        pooling: PoolingName = "mean_max",
        word_dropout: Probability = 0.0,
        embedding_dropout: Probability = 0.0,
        head_dropout: Probability = 0.0,
        label_smoothing: Probability = 0.0,
        class_weights: Literal["none", "balanced"] = "none",
        loss: ClassLossName = "cross_entropy",
        focal_gamma: NonNegativeFloat = 2.0,
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
        self.losses, self.focal_gamma = CLASS_LOSSES[loss], focal_gamma
        self.dropout = nn.Dropout(head_dropout)
        counts = spec.class_counts if class_weights == "balanced" else ()
        weights = balance_classes(counts) if counts else torch.ones(spec.output_size)
        self.class_weights: Tensor
        self.register_buffer("class_weights", weights, persistent=False)

    def build(
        self, output_size: int, bidirectional: bool, layer: LayerFactory | None = None
    ) -> None:
        self.pooling = Pooling(self.pooling_name, output_size, bidirectional)
        self.classes = nn.Linear(self.pooling.output_size, self.spec.output_size)

    def head(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Convert outputs (B, T, H) to a score for each class (B, classes)."""
        features = self.pooling(outputs, lengths)  # (B, H) or (B, 2H)
        scores: Tensor = self.classes(self.dropout(features))
        return scores

    def loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Return cross entropy or focal loss in nats; smoothed and weighted in training only."""
        smoothing = self.label_smoothing if self.training else 0.0
        losses = self.losses(predictions, batch.targets, smoothing, self.focal_gamma)
        return (losses * self.class_weights[batch.targets] if self.training else losses).mean()

    def metric_inputs(self, predictions: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the probability of each class, (B, classes), and the targets (B,)."""
        return predictions.softmax(dim=1), batch.targets

    def attention(self, encoding: Encoding) -> Tensor | None:
        """Return the weights of `pooling=attention`."""
        pool = self.pooling.pool
        if not isinstance(pool, AttentionPooling):
            return None
        return pool.weights(encoding.outputs, encoding.lengths)

    def captions(self, predictions: Tensor, batch: Batch) -> list[str]:
        """Return prediction and label of each sequence."""
        names = self.spec.label_names
        probabilities, predicted_classes = predictions.softmax(dim=1).max(dim=1)
        rows = zip(predicted_classes, probabilities, batch.targets, strict=True)
        return [
            f"{names[int(prediction)]} ({float(p):.0%}), labelled {names[int(label)]}"
            for prediction, p, label in rows
        ]

    def metrics(self) -> MetricCollection:
        """Return the metrics of rnnlab.metrics.classification."""
        return class_metrics(self.spec.output_size, self.spec.positive_class)


def balance_classes(counts: Sequence[int]) -> Tensor:
    """Return weights with which all classes have equal weight; their mean over targets is one.

    >>> balance_classes([30, 10])
    tensor([0.6667, 2.0000])
    """
    present = torch.tensor(counts).clamp(min=1)
    return sum(counts) / (len(counts) * present)
