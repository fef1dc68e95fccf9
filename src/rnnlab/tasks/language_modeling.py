"""Task: the next token of a text."""

from typing import Literal

import torch
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from rnnlab.config.types import LayerSize, Probability
from rnnlab.layers import LinearCrossEntropy, LockedDropout, TokenEmbedding
from rnnlab.layers.recurrent import LayerFactory, RecurrentState
from rnnlab.layers.sampling import Step
from rnnlab.metrics.language_modeling import BitsPerToken, Perplexity
from rnnlab.spec import Batch, DataSpec
from rnnlab.tasks.base import Encoding, Task


class LanguageModeling(Task):
    """Embed tokens, carry the state, then one linear layer from each output to the next token.

    Args:
        spec: sizes of the data: `num_tokens`, and `token_kind`.
        embedding_size: D.
        tie_weights: share the weights of the embedding with the output layer (Inan et al., 2017;
            Press & Wolf, 2017): far fewer parameters, and better for short texts. If H differs from
            D, a linear map (H to D) is added between them.
        word_dropout: probability of replacing a token by <unk>.
        type_dropout: probability of replacing all occurrences of a word in a window by zeros (Gal &
            Ghahramani, 2016; the embedding dropout of Merity et al., 2018).
        embedding_dropout: probability of dropping a feature of the embedding in all steps of a
            window.
        head_dropout: probability of dropping a feature of the outputs in all steps of a window.
        gradient_precision: precision of the matrix products for the gradients of the output layer:
            `same` as the scores, or bfloat16, which rounds gradients by about 0.3% and takes half
            the time on processors that support it. The loss is exact with both.
    """

    name = "language_modeling"
    metric_names = ("loss", "perplexity", "bits_per_character")
    embedding: TokenEmbedding
    causal = True
    stateful = True

    def __init__(
        self,
        spec: DataSpec,
        embedding_size: LayerSize = 128,
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
        gradient_dtype = None if gradient_precision == "same" else torch.bfloat16
        self.cross_entropy = LinearCrossEntropy(gradient_dtype)
        self.embedding = TokenEmbedding(
            int(spec.num_tokens or 0), embedding_size, word_dropout, embedding_dropout, type_dropout
        )
        self.dropout = LockedDropout(head_dropout)

    def build(
        self, output_size: int, bidirectional: bool, layer: LayerFactory | None = None
    ) -> None:
        fits = output_size == self.input_size or not self.tie_weights
        size = output_size if fits else self.input_size
        self.projection = nn.Identity() if fits else nn.Linear(output_size, size, bias=False)
        self.scores = nn.Linear(size, self.spec.output_size)
        nn.init.zeros_(self.scores.bias)
        if self.tie_weights:
            self.scores.weight = self.embedding.vectors.weight

    def head(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Convert outputs (B, T, H) to a score for each next token (B, T, V)."""
        scores: Tensor = self.scores(self.features(outputs))
        return scores

    def features(self, outputs: Tensor) -> Tensor:
        """Convert outputs (B, T, H) to the inputs of the last layer (B, T, E)."""
        features: Tensor = self.projection(self.dropout(outputs))
        return features

    def predict(self, encoding: Encoding, batch: Batch) -> Tensor:
        """Return the log probability of each target in nats, (B, T).

        The scores of all tokens are not needed for anything else, and never kept together.
        """
        features = self.features(encoding.outputs).flatten(0, 1)
        weight, bias = self.scores.weight, self.scores.bias
        losses: Tensor = self.cross_entropy(features, weight, bias, batch.targets.flatten())
        return -losses.view_as(batch.targets)

    def loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Return the mean negative log likelihood of a token in nats."""
        return -predictions.mean()

    def metric_inputs(self, predictions: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the log probability of each target in nats, (B, T), and the targets."""
        return predictions, batch.targets

    def stepper(self, network: nn.Module) -> Step:
        """Return the step function of rnnlab.layers.sampling.generate for the network."""

        def step(
            tokens: Tensor, state: RecurrentState | None
        ) -> tuple[Tensor, RecurrentState | None]:
            outputs, state = network(self.embed(tokens), None, state)
            lengths = torch.ones(len(tokens), dtype=torch.long)
            return self.head(outputs[:, -1:], lengths)[:, 0], state

        return step

    def metrics(self) -> MetricCollection:
        """Return perplexity; for characters also bits."""
        metrics: dict[str, Metric] = {"perplexity": Perplexity()}
        if self.spec.token_kind == "characters":
            metrics["bits_per_character"] = BitsPerToken()
        return MetricCollection(metrics, compute_groups=False)
