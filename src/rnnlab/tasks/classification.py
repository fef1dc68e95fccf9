"""One label for a whole sequence."""

from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Literal

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from rnnlab.config.types import NonNegativeFloat, PositiveInt, Probability
from rnnlab.layers import AttentionPooling, Pooling, TokenEmbedding
from rnnlab.layers.pooling import PoolingName
from rnnlab.layers.recurrent import LayerFactory
from rnnlab.metrics.classification import class_metrics, class_scores
from rnnlab.spec import Batch, DataSpec
from rnnlab.tasks.base import Analysis, Encoded, Task, TestPredictions
from rnnlab.tasks.losses import CLASS_LOSSES, ClassLossName

CHANCE = 0.05  # of a sign test, below which one is called better than the other


class Classification(Task):
    """Embed tokens, pool the outputs over time, one linear layer to the classes.

    Args:
        spec: sizes of the data: `num_tokens` or `input_size`, `output_size`, `class_names`.
        embedding_size: D, where the inputs are tokens.
        pooling: from all steps to one vector: last | mean | max | mean_max | attention.
        word_dropout: chance to read a token as <unk>.
        embedding_dropout: chance to drop a feature of the embedding in all steps.
        head_dropout: chance to drop a pooled feature.
        label_smoothing: share of the target that goes to all classes alike (Szegedy et al., 2016);
            in training alone, so that validation losses can be compared.
        class_weights: none | balanced; balanced lets every class weigh as much as any other in the
            training loss, however rare it is.
        loss: cross_entropy | focal; the latter lets a target that is already right count for less.
        focal_gamma: how much less; 0 is the cross entropy.
    """

    name = "classification"
    metric_names = ("loss", "accuracy", "f1", "mcc", "auroc")

    def __init__(
        self,
        spec: DataSpec,
        embedding_size: PositiveInt = 100,
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
        weights = balanced(counts) if counts else torch.ones(spec.output_size)
        self.class_weights: Tensor
        self.register_buffer("class_weights", weights, persistent=False)

    def build(
        self, output_size: int, bidirectional: bool, layer: LayerFactory | None = None
    ) -> None:
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
        """Cross entropy or focal loss in nats; smoothed and weighted in training alone."""
        smoothing = self.label_smoothing if self.training else 0.0
        losses = self.losses(predictions, batch.targets, smoothing, self.focal_gamma)
        return (losses * self.class_weights[batch.targets] if self.training else losses).mean()

    def metric_inputs(self, predictions: Tensor, batch: Batch) -> Tensor:
        """The probability of each class, (B, classes)."""
        return predictions.softmax(dim=1)

    def attention(self, encoded: Encoded) -> Tensor | None:
        """The weights of `pooling=attention`."""
        pool = self.pooling.pool
        if not isinstance(pool, AttentionPooling):
            return None
        return pool.weights(encoded.outputs, encoded.lengths)

    def captions(self, predictions: Tensor, batch: Batch) -> list[str]:
        """What was predicted of each sequence, and what is right."""
        names = self._names()
        chances, said = predictions.softmax(dim=1).max(dim=1)
        return [
            f"{names[int(given)]} ({float(chance):.0%}), labelled {names[int(truth)]}"
            for given, chance, truth in zip(said, chances, batch.targets, strict=True)
        ]

    def _names(self) -> tuple[str, ...]:
        return self.spec.class_names or tuple(map(str, range(self.spec.output_size)))

    def metrics(self) -> MetricCollection:
        """See rnnlab.metrics.classification."""
        return class_metrics(self.spec.output_size, self.spec.positive_class)

    def analyze(self, test_predictions: TestPredictions) -> Analysis:
        """Whether the network is better than what it is held against.

        Uses `baselines` of the evaluation context: name -> probabilities (N, classes).
        """
        baselines = {
            name: torch.as_tensor(probabilities)
            for name, probabilities in test_predictions.evaluation_context.get(
                "baselines", {}
            ).items()
        }
        sentences = [
            verdict(
                name,
                test_predictions.predictions,
                baseline,
                test_predictions.targets,
                self.spec.positive_class,
            )
            for name, baseline in baselines.items()
        ]
        return Analysis(sentences=sentences)

    def save_figures(self, folder: Path, test_predictions: TestPredictions) -> list[Path]:
        """The confusion matrix and the ten most confidently wrong sequences."""
        from rnnlab.plots import tasks as plots
        from rnnlab.runtime.files import write_text

        probabilities, targets = test_predictions.predictions, test_predictions.targets
        names = self._names()
        counts = confusion_matrix(probabilities.argmax(dim=1), targets, len(names))
        picture = plots.confusion_matrix(counts.numpy(), names, folder / "confusion_matrix.png")
        listing = folder / "most_confidently_wrong.md"
        write_text(listing, most_confidently_wrong(test_predictions, names))
        return [picture, listing]


def balanced(counts: Sequence[int]) -> Tensor:
    """The weight of each class, such that all weigh alike and the mean over the targets is one.

    >>> balanced([30, 10])
    tensor([0.6667, 2.0000])
    """
    present = torch.tensor(counts).clamp(min=1)
    return sum(counts) / (len(counts) * present)


def verdict(
    baseline: str, ours: Tensor, theirs: Tensor, targets: Tensor, positive: int | None = None
) -> str:
    """One sentence: is the network better than this baseline, or is it chance?

    Args:
        baseline: name of the baseline.
        ours: probabilities of the network, (N, classes).
        theirs: of the baseline.
        targets: (N,).
        positive: see rnnlab.metrics.classification.class_metrics.
    """
    scores = [class_scores(given, targets, positive) for given in (ours, theirs)]
    figures = ", ".join(
        f"{name} {scores[0][name]:.4f} against {scores[1][name]:.4f}" for name in ("accuracy", "f1")
    )
    right = [given.argmax(dim=1) == targets for given in (ours, theirs)]
    alone = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    p = sign_test(*alone)
    if alone[0] > alone[1] and p < CHANCE:
        claim = f"The network is better than the {baseline} model"
    elif alone[0] > alone[1]:
        claim = f"The network is not shown to be better than the {baseline} model"
    else:
        claim = f"The network is not better than the {baseline} model, which costs seconds"
    return (
        f"{claim}: {figures}; of the {sum(alone):,} targets that one alone has right, the network "
        f"has {alone[0]:,} (sign test, p = {p:.2g})."
    )


def sign_test(wins: int, losses: int) -> float:
    """The chance of a difference as large as this if both were equally good, in both directions.

    By the normal approximation with a correction for continuity; draws do not count.

    >>> round(sign_test(30, 10), 4), sign_test(5, 5)
    (0.0027, 1.0)
    """
    trials = wins + losses
    distance = max(abs(wins - losses) - 1, 0) / max(trials, 1) ** 0.5
    return 2 * (1 - NormalDist().cdf(distance))


def confusion_matrix(predicted: Tensor, targets: Tensor, classes: int) -> Tensor:
    """How often each class (row) was taken for each class (column).

    >>> confusion_matrix(torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1]), 2)
    tensor([[1, 1],
            [0, 1]])
    """
    cells = torch.bincount(targets * classes + predicted, minlength=classes**2)
    return cells.reshape(classes, classes)


def most_confidently_wrong(
    test_predictions: TestPredictions, names: tuple[str, ...], count: int = 10
) -> str:
    """A readable page of the errors with the highest probability of the wrong class."""
    confidence, predicted = test_predictions.predictions.max(dim=1)
    wrong = (predicted != test_predictions.targets).nonzero().squeeze(1)
    worst = wrong[confidence[wrong].argsort(descending=True, stable=True)][:count].tolist()
    lines = [
        "# Most confidently wrong",
        "",
        f"{len(wrong):,} of {len(predicted):,} test targets were predicted wrongly. "
        f"The {len(worst)} with the highest probability of the wrong class:",
    ]
    for rank, i in enumerate(worst, start=1):
        given, truth = names[int(predicted[i])], names[int(test_predictions.targets[i])]
        lines += ["", f"## {rank}. predicted {given} ({confidence[i]:.1%}), labelled {truth}", ""]
        lines += [f"Test item {i}.", "", f"> {test_predictions.example(i).get('text', '')}"]
    return "\n".join(lines) + "\n"
