"""A sentence from another sentence: encoder and decoder, with or without attention."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchmetrics import Metric, MetricCollection

from rnnlab.errors import ConfigError
from rnnlab.layers import Pooling, TokenEmbedding
from rnnlab.layers.attention import ScaledDotAttention
from rnnlab.layers.decoder import Decoder, Memory, greedy, shifted
from rnnlab.layers.embedding import PADDING
from rnnlab.layers.recurrent import State
from rnnlab.spec import Batch, DataSpec, valid_steps
from rnnlab.tasks.base import Encoded, Findings, LayerMaker, Outcome, Task
from rnnlab.tasks.perplexity import Perplexity
from rnnlab.tasks.translations import Translations, write_page
from rnnlab.values import PositiveInt, Probability

AttentionName = Literal["none", "scaled_dot"]
ATTENTION: dict[str, Callable[[int, int], nn.Module | None]] = {  # from the sizes of query, memory
    "none": lambda query_size, memory_size: None,
    "scaled_dot": ScaledDotAttention,
}
MAPS = 4  # test sentences whose attention is drawn
SPARE = 10  # tokens that an answer may have beyond what its source suggests


class Translation(Task):
    """Read a sentence with the architecture, write another with a decoder of the same cell.

    The encoder is the architecture as it is, in one direction or both. The decoder begins with a
    learned projection of the encoder's last output (of both ends, where it reads from both), and
    looks at all outputs through the attention. It is taught with the true tokens before each
    target; what is judged on the test split is written without them, greedily.

    Args:
        spec: sizes of the data: `num_tokens` of the source, `output_size` of the target.
        embedding_size: of a source token, and of a target token.
        hidden_size: of the decoder's state; None for as many as the encoder's outputs have.
        num_layers: of the decoder.
        attention: none | scaled_dot.
        tie_weights: the last layer and the target embedding are one matrix (Press & Wolf, 2017).
        word_dropout: chance to read a token as <unk>, on both sides.
        embedding_dropout: chance to drop a feature of an embedding in all steps, on both sides.
        dropout: chance to drop a value before the last layer, and between layers of the decoder.
        label_smoothing: share of the target that goes to all tokens alike, in training.
    """

    name = "translation"
    metric_names = ("loss", "perplexity", "accuracy")
    test_names = ("bleu", "chrf", "exact_match")

    def __init__(
        self,
        spec: DataSpec,
        embedding_size: PositiveInt = 128,
        hidden_size: PositiveInt | None = None,
        num_layers: PositiveInt = 1,
        attention: AttentionName = "scaled_dot",
        tie_weights: bool = True,
        word_dropout: Probability = 0.0,
        embedding_dropout: Probability = 0.0,
        dropout: Probability = 0.0,
        label_smoothing: Probability = 0.0,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.input_size = embedding_size
        self.hidden_size, self.num_layers = hidden_size, num_layers
        self.attention_name = attention
        self.tie_weights = tie_weights
        self.word_dropout, self.embedding_dropout = word_dropout, embedding_dropout
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.embedding = TokenEmbedding(
            int(spec.num_tokens or 0), embedding_size, word_dropout, embedding_dropout
        )
        self._maps: dict[int, Tensor] = {}  # row of the test split -> attention (U, T)

    def build(self, output_size: int, bidirectional: bool, layer: LayerMaker | None = None) -> None:
        """See Task."""
        if layer is None:
            raise ConfigError(
                "task=translation: this architecture gives no layer to build a decoder from; "
                "choose one that passes `layer` to `complete`, such as model=rnn, lstm or gru"
            )
        hidden_size = self.hidden_size or output_size
        self.summary = Pooling("last", output_size, bidirectional)
        self.decoder = Decoder(
            layer,
            self.spec.output_size,
            self.input_size,
            output_size,
            hidden_size,
            self.num_layers,
            ATTENTION[self.attention_name](hidden_size, output_size),
            self.word_dropout,
            self.embedding_dropout,
            self.dropout,
            self.tie_weights,
        )

    def embed(self, inputs: Tensor) -> Tensor:
        """Source tokens (B, T) to vectors (B, T, D)."""
        embedded: Tensor = self.embedding(inputs)
        return embedded

    def begin(self, encoded: Encoded) -> tuple[Memory, State]:
        """What the decoder looks at, and its first state."""
        outputs, lengths = encoded.outputs, encoded.lengths
        memory = Memory(outputs, valid_steps(lengths, outputs.shape[1]))
        return memory, self.decoder.bridge(self.summary(outputs, lengths))

    def predict(self, encoded: Encoded, batch: Batch) -> Tensor:
        """Scores of each target token from the true ones before it, (B, U, tokens)."""
        memory, state = self.begin(encoded)
        logits: Tensor = self.decoder(shifted(batch.targets), memory, state).logits
        return logits

    def loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Cross entropy in nats per target token; labels are smoothed in training alone."""
        return cross_entropy(
            predictions.flatten(0, 1),
            batch.targets.flatten(),
            ignore_index=PADDING,
            label_smoothing=self.label_smoothing if self.training else 0.0,
        )

    def weight(self, batch: Batch) -> Tensor:
        """Target tokens, the ends included."""
        return (batch.targets != PADDING).sum()

    def read(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Log-probability of each target token, and whether it was the first choice, (B, U, 2)."""
        surprise = cross_entropy(
            predictions.flatten(0, 1), batch.targets.flatten(), reduction="none"
        )
        right = predictions.argmax(dim=2) == batch.targets
        return torch.stack([-surprise.view_as(batch.targets), right.to(surprise.dtype)], dim=2)

    def metrics(self) -> MetricCollection:
        """Perplexity of a target token, and how often the most probable one was right."""
        known = {"perplexity": SentencePerplexity(), "accuracy": TokenAccuracy()}
        return MetricCollection(known, compute_groups=False)

    def answer(self, predictions: Tensor, encoded: Encoded, batch: Batch) -> Tensor:
        """A sentence for each source, written without the targets, (B, U)."""
        memory, state = self.begin(encoded)
        tokens, weights = greedy(self.decoder, memory, state, self.limits(batch.lengths))
        if weights is not None:
            self._remember(weights, tokens, batch)
        return tokens

    def limits(self, lengths: Tensor) -> Tensor:
        """How many tokens the answer to a source of this length may have, (B,)."""
        return (lengths * self.spec.target_ratio).ceil().long() + SPARE

    def _remember(self, weights: Tensor, tokens: Tensor, batch: Batch) -> None:
        for i in (batch.rows < MAPS).nonzero().flatten().tolist():
            steps = int((tokens[i] != PADDING).sum())
            seen = weights[i, :steps, : int(batch.lengths[i])]
            self._maps[int(batch.rows[i])] = seen.float().cpu()

    def judge(self, outcome: Outcome) -> Findings:
        """BLEU and chrF by sacrebleu over all strings at once, and of the copied sources."""
        translations = Translations.of(outcome)
        quality, copied = translations.quality(), translations.copied()
        sentences = [
            f"test BLEU {quality.scores['bleu']:.2f} ({quality.signatures['bleu']})",
            f"test chrF {quality.scores['chrf']:.2f} ({quality.signatures['chrf']})",
        ]
        details = {
            "signatures": quality.signatures,
            "bleu_lowercase": translations.bleu_lowercase(),
        }
        return Findings(quality.scores, {"copy the source": copied.scores}, sentences, details)

    def write(self, folder: Path, outcome: Outcome) -> list[Path]:
        """Translations to read, BLEU by length, and where the decoder looked."""
        from rnnlab.report import plots

        translations = Translations.of(outcome)
        names, scores, counts = translations.bleu_by_length()
        picture = plots.bleu_by_length(names, scores, counts, folder / "bleu_by_length.png")
        files = [write_page(folder, translations), picture]
        maps = self._drawn(outcome)
        if maps:
            files.append(plots.attention_maps(maps, folder / "attention.png"))
        return files

    def _drawn(self, outcome: Outcome) -> list[tuple[list[str], list[str], NDArray[Any]]]:
        """Source tokens, written tokens and attention of some test sentences."""
        known = outcome.evidence
        place = {row: i for i, row in enumerate(known["rows"])}
        return [
            (
                known["source_tokens"](place[row]),
                known["target_tokens"](outcome.predictions[place[row]].tolist()),
                weights.numpy(),
            )
            for row, weights in sorted(self._maps.items())
            if row in place
        ]


class SentencePerplexity(Perplexity):
    """Perplexity from what `Translation.read` gives."""

    def update(self, read: Tensor, targets: Tensor) -> None:
        """See Perplexity."""
        super().update(read[..., 0], targets)


class TokenAccuracy(Metric):  # type: ignore[misc]
    """Share of target tokens that were the first choice, the true ones before them given."""

    higher_is_better = True
    full_state_update = False

    def __init__(self) -> None:
        super().__init__()
        zero = torch.zeros((), dtype=torch.float64)
        self.add_state("right", zero.clone(), dist_reduce_fx="sum")
        self.add_state("count", zero.clone(), dist_reduce_fx="sum")

    def update(self, read: Tensor, targets: Tensor) -> None:
        """Add a batch: what `Translation.read` gives, and the targets (B, U)."""
        valid = targets != PADDING
        self.right += read[..., 1].double().masked_fill(~valid, 0).sum()
        self.count += valid.sum()

    def compute(self) -> Tensor:
        """See torchmetrics.Metric."""
        share: Tensor = self.right / self.count
        return share
