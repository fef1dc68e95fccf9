"""The next token of a text."""

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from rnnlab.config.types import PositiveInt, Probability
from rnnlab.layers import LockedDropout, TokenEmbedding, linear_cross_entropy
from rnnlab.layers.recurrent import LayerFactory, RecurrentState
from rnnlab.layers.sampling import Step
from rnnlab.metrics.language_modeling import Perplexity
from rnnlab.spec import Batch, DataSpec
from rnnlab.tasks.base import Analysis, Encoded, Task, TestPredictions

BUCKETS = (0, 1, 10, 100, 1_000, 10_000, 100_000)  # times that training has a token, from ...


class LanguageModeling(Task):
    """Embed tokens, carry the state on, one linear layer from each output to the next token.

    The data set gives as evaluation_context of a split (`TestPredictions.evaluation_context`):
        pieces: each token as a person reads it, V of them.
        joint: what stands between two of them in a text.
        decode: ids to a text.
        counts: how often training has each, (V,).
        unknown: split -> share of its tokens that are <unk>.

    Args:
        spec: sizes of the data: `num_tokens`, and `token_kind`.
        embedding_size: D.
        tie_weights: the output layer has the weights of the embedding (Inan et al., 2017; Press &
            Wolf, 2017): far fewer parameters, and better where a text is short. Where the network
            gives another number of features than D, a linear map (H to D) stands between them.
        word_dropout: chance to read a token as <unk>.
        type_dropout: chance that a word of the vocabulary is read as zero wherever it stands in a
            window (Gal & Ghahramani, 2016; the embedding dropout of Merity et al., 2018).
        embedding_dropout: chance to drop a feature of the embedding in all steps of a window.
        head_dropout: chance to drop a feature of the outputs in all steps of a window.
        gradient_precision: that the gradients of the output layer are multiplied in: the `same` as
            its scores, or bfloat16, which rounds a gradient by some 0.3% of its size and takes half
            the time on processors that have it. The loss is exact with both.
    """

    name = "language_modeling"
    metric_names = ("loss", "perplexity", "bits_per_character")
    causal = True
    stateful = True

    def __init__(
        self,
        spec: DataSpec,
        embedding_size: PositiveInt = 128,
        tie_weights: bool = False,
        word_dropout: Probability = 0.0,
        type_dropout: Probability = 0.0,
        embedding_dropout: Probability = 0.0,
        head_dropout: Probability = 0.0,
        gradient_precision: Literal["same", "bfloat16"] = "same",
    ) -> None:
        super().__init__()
        self.spec = spec
        self.input_size = embedding_size
        self.tie_weights = tie_weights
        self.gradient_dtype = None if gradient_precision == "same" else torch.bfloat16
        self.embedding = TokenEmbedding(
            int(spec.num_tokens or 0), embedding_size, word_dropout, embedding_dropout, type_dropout
        )
        self.dropout = LockedDropout(head_dropout)

    def build(
        self, output_size: int, bidirectional: bool, layer: LayerFactory | None = None
    ) -> None:
        """See Task."""
        fits = output_size == self.input_size or not self.tie_weights
        size = output_size if fits else self.input_size
        self.projection = nn.Identity() if fits else nn.Linear(output_size, size, bias=False)
        self.scores = nn.Linear(size, self.spec.output_size)
        nn.init.zeros_(self.scores.bias)
        if self.tie_weights:
            self.scores.weight = self.embedding.vectors.weight

    def embed(self, inputs: Tensor) -> Tensor:
        """Tokens (B, T) to vectors (B, T, D)."""
        embedded: Tensor = self.embedding(inputs)
        return embedded

    def head(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Outputs (B, T, H) to a score for each token that may come next (B, T, V)."""
        scores: Tensor = self.scores(self.features(outputs))
        return scores

    def features(self, outputs: Tensor) -> Tensor:
        """Outputs (B, T, H) to what the last layer reads (B, T, E)."""
        features: Tensor = self.projection(self.dropout(outputs))
        return features

    def predict(self, encoded: Encoded, batch: Batch) -> Tensor:
        """The log probability of each target, in nats, (B, T).

        The scores of all tokens are needed for nothing else, and are never held together.
        """
        features = self.features(encoded.outputs).flatten(0, 1)
        weight, bias = self.scores.weight, self.scores.bias
        losses = linear_cross_entropy(
            features, weight, bias, batch.targets.flatten(), gradient_dtype=self.gradient_dtype
        )
        return -losses.view_as(batch.targets)

    def loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Mean negative log likelihood of a token, in nats."""
        return -predictions.mean()

    def num_targets(self, batch: Batch) -> Tensor | int:
        """Tokens."""
        return batch.targets.numel()

    def metric_inputs(self, predictions: Tensor, batch: Batch) -> Tensor:
        """The log probability of each target, in nats, (B, T)."""
        return predictions

    def stepper(self, network: nn.Module) -> Step:
        """What rnnlab.layers.sampling.generate asks for, from the architecture around this task."""

        def step(
            tokens: Tensor, state: RecurrentState | None
        ) -> tuple[Tensor, RecurrentState | None]:
            outputs, state = network(self.embed(tokens), None, state)
            lengths = torch.ones(len(tokens), dtype=torch.long)
            return self.head(outputs[:, -1:], lengths)[:, 0], state

        return step

    def sample(
        self, network: nn.Module, folder: Path, test_predictions: TestPredictions
    ) -> list[Path]:
        """Texts that the network writes, at several temperatures."""
        from rnnlab.analysis.samples import samples_page
        from rnnlab.runtime.files import write_text

        trained = network.training
        network.eval()
        device = self.scores.weight.device
        page = samples_page(
            self.stepper(network), test_predictions.evaluation_context["decode"], device
        )
        network.train(trained)
        return [write_text(folder / "samples.md", page)]

    def metrics(self) -> MetricCollection:
        """Perplexity; for characters also bits."""
        known: dict[str, Metric] = {"perplexity": Perplexity()}
        if self.spec.token_kind == "characters":
            known["bits_per_character"] = Bits()
        return MetricCollection(known, compute_groups=False)

    def analyze(self, test_predictions: TestPredictions) -> Analysis:
        """How the loss is spread over rare and frequent tokens."""
        buckets = loss_by_frequency(test_predictions)
        sentences = [
            f"test tokens that training has {bucket['times']} times: {bucket['share']:.1%} of all, "
            f"loss {bucket['loss']:.2f}"
            for bucket in buckets[:1] + buckets[1:][-1:]  # the rarest and the most frequent ones
        ]
        return Analysis(sentences=sentences, details={"loss_by_frequency": buckets})

    def save_figures(self, folder: Path, test_predictions: TestPredictions) -> list[Path]:
        """Loss by frequency, the frequencies themselves, and passages with their surprise."""
        from rnnlab.analysis.surprisal import surprise_page
        from rnnlab.plots import tasks as plots
        from rnnlab.runtime.files import write_text

        known = test_predictions.evaluation_context
        return [
            plots.loss_by_frequency(
                loss_by_frequency(test_predictions), folder / "loss_by_frequency.png"
            ),
            plots.token_frequencies(
                known["counts"], known["unknown"], folder / "token_frequencies.png"
            ),
            write_text(folder / "surprise.html", surprise_page(test_predictions)),
        ]


class Bits(Perplexity):
    """Mean negative log2 likelihood of a token."""

    def compute(self) -> Tensor:
        """See torchmetrics.Metric."""
        result: Tensor = self.surprise / self.count / math.log(2)
        return result


def loss_by_frequency(test_predictions: TestPredictions) -> list[dict[str, Any]]:
    """How often training has a token, its share of the test tokens, and their mean loss in nats.

    Only ranges that some test token falls into.
    """
    seen = np.asarray(test_predictions.evaluation_context["counts"])[
        test_predictions.targets.numpy()
    ]
    losses = -test_predictions.predictions.double().numpy()
    ranges = np.searchsorted(BUCKETS, seen, side="right") - 1
    return [
        {
            "times": times(i),
            "share": float((ranges == i).mean()),
            "loss": float(losses[ranges == i].mean()),
        }
        for i in np.unique(ranges).tolist()
    ]


def times(bucket: int) -> str:
    """How a range of counts is called.

    >>> times(0), times(2), times(6)
    ('0', '10-99', '100,000+')
    """
    first, rest = BUCKETS[bucket], BUCKETS[bucket + 1 :]
    if not rest:
        return f"{first:,}+"
    return f"{first:,}" if rest[0] == first + 1 else f"{first:,}-{rest[0] - 1:,}"
