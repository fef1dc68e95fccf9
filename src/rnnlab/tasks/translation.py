"""A sentence from another sentence: encoder and decoder, with or without attention."""

from math import nan
from pathlib import Path
from typing import Any, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from torchmetrics import Metric, MetricCollection

from rnnlab.analysis.translation import Translations, write_page
from rnnlab.config.types import Fraction, NonNegativeFloat, PositiveInt, Probability
from rnnlab.errors import ConfigError
from rnnlab.layers import Pooling, TokenEmbedding
from rnnlab.layers.attention import ATTENTION, AttentionName
from rnnlab.layers.decoder import Decoder, Memory, shift_right
from rnnlab.layers.recurrent import LayerFactory, RecurrentState
from rnnlab.layers.search import Hypothesis, beam_search, greedy
from rnnlab.metrics.language_modeling import Perplexity
from rnnlab.spec import PADDING_ID, Batch, DataSpec, valid_steps
from rnnlab.tasks.base import Analysis, Encoded, Task, TestPredictions
from rnnlab.tasks.teacher_forcing import Decay, true_share

SHOWN = 4  # test sentences whose attention is drawn, and of which several answers are kept
CHOICES = 3  # answers to each of them
SPARE = 10  # tokens that an answer may have beyond what its source suggests


class Translation(Task):
    """Read a sentence with the architecture, write another with a decoder of the same cell.

    The encoder is the architecture as it is, in one direction or both. The decoder begins with a
    learned projection of the encoder's last output (of both ends, where it reads from both), and
    looks at all outputs through the attention. It is taught with the true tokens before each
    target; what is judged on the test split is written without them, by beam search.

    Of the architecture the decoder takes the layer, with the cell's own settings (such as the
    forget bias); its size, depth and dropout are set here.

    Args:
        spec: sizes of the data: `num_tokens` of the source, `output_size` of the target.
        embedding_size: of a source token, and of a target token.
        hidden_size: of the decoder's state; None for as many as the encoder's outputs have.
        num_layers: of the decoder.
        attention: none | additive | dot | scaled_dot | general | multi_head; see
            rnnlab.layers.attention.
        input_feeding: what was seen at the last step is joined to the next input (Luong et al.,
            2015); in training too the decoder then goes step by step, which takes longer.
        teacher_forcing: share of true tokens that the decoder reads at the end of the training; the
            others are what it would have written itself. Below 1 it goes step by step too.
        teacher_forcing_decay: constant | linear | inverse_sigmoid, how the share comes there from
            1; see rnnlab.tasks.teacher_forcing.
        tie_weights: the last layer and the target embedding are one matrix (Press & Wolf, 2017).
        word_dropout: chance to read a token as <unk>, on both sides.
        embedding_dropout: chance to drop a feature of an embedding in all steps, on both sides.
        dropout: chance to drop a value before the last layer, and between layers of the decoder.
        label_smoothing: share of the target that goes to all tokens alike, in training.
        beam_size: beginnings that are followed when a sentence is written; 1 takes the most
            probable token at each step.
        length_penalty: alpha of a beam search; a sentence of U tokens is worth
            log p / ((5 + U) / 6)^alpha. More than 0 helps long ones.
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
        attention: AttentionName | Literal["none"] = "scaled_dot",
        input_feeding: bool = False,
        teacher_forcing: Fraction = 1.0,
        teacher_forcing_decay: Decay = "linear",
        tie_weights: bool = True,
        word_dropout: Probability = 0.0,
        embedding_dropout: Probability = 0.0,
        dropout: Probability = 0.0,
        label_smoothing: Probability = 0.0,
        beam_size: PositiveInt = 5,
        length_penalty: NonNegativeFloat = 0.6,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.input_size = embedding_size
        self.hidden_size, self.num_layers = hidden_size, num_layers
        self.attention_maker = None if attention == "none" else ATTENTION[attention]
        self.input_feeding = input_feeding
        self.teacher_forcing, self.teacher_forcing_decay = teacher_forcing, teacher_forcing_decay
        self.tie_weights = tie_weights
        self.word_dropout, self.embedding_dropout = word_dropout, embedding_dropout
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.beam_size, self.length_penalty = beam_size, length_penalty
        self.embedding = TokenEmbedding(
            int(spec.num_tokens or 0), embedding_size, word_dropout, embedding_dropout
        )
        self._written: dict[int, list[Hypothesis]] = {}  # row of the test split -> the best ones

    def build(
        self, output_size: int, bidirectional: bool, layer: LayerFactory | None = None
    ) -> None:
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
            self.attention_maker,
            self.input_feeding,
            self.word_dropout,
            self.embedding_dropout,
            self.dropout,
            self.tie_weights,
        )

    def embed(self, inputs: Tensor) -> Tensor:
        """Source tokens (B, T) to vectors (B, T, D)."""
        embedded: Tensor = self.embedding(inputs)
        return embedded

    def begin(self, encoded: Encoded) -> tuple[Memory, RecurrentState]:
        """What the decoder looks at, and its first state."""
        outputs, lengths = encoded.outputs, encoded.lengths
        valid = valid_steps(lengths, outputs.shape[1])
        return self.decoder.begin(outputs, valid, self.summary(outputs, lengths))

    def predict(self, encoded: Encoded, batch: Batch) -> Tensor:
        """Scores of each target token from the true ones before it, (B, U, tokens).

        While training only a share of those before it may be the true ones.
        """
        memory, state = self.begin(encoded)
        true = self.true_share() if self.training else 1.0
        logits: Tensor = self.decoder(shift_right(batch.targets), memory, state, true).logits
        return logits

    def true_share(self) -> float:
        """How many of the tokens that are read are the true ones, at this point of the training."""
        return true_share(self.teacher_forcing_decay, self.teacher_forcing, self.progress)

    def loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Cross entropy in nats per target token; labels are smoothed in training alone."""
        return cross_entropy(
            predictions.flatten(0, 1),
            batch.targets.flatten(),
            ignore_index=PADDING_ID,
            label_smoothing=self.label_smoothing if self.training else 0.0,
        )

    def num_targets(self, batch: Batch) -> Tensor:
        """Target tokens, the ends included."""
        return (batch.targets != PADDING_ID).sum()

    def metric_inputs(self, predictions: Tensor, batch: Batch) -> Tensor:
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

    def decode(self, predictions: Tensor, encoded: Encoded, batch: Batch) -> Tensor:
        """A sentence for each source, written without the targets, (B, U)."""
        shown = bool((batch.rows < SHOWN).any())
        if self.beam_size == 1:
            found = self._greedy(encoded)
        else:
            n_best = min(CHOICES, self.beam_size) if shown else 1
            found = self.search(encoded, self.beam_size, n_best)
        if shown:
            self._remember(found, batch)
        return pad_sequence([best[0].tokens for best in found], True, PADDING_ID)

    def _greedy(self, encoded: Encoded) -> list[list[Hypothesis]]:
        memory, state = self.begin(encoded)
        tokens, weights = greedy(self.decoder, memory, state, self.limits(encoded.lengths))
        found = []
        for i, steps in enumerate((tokens != PADDING_ID).sum(dim=1).tolist()):
            seen = None if weights is None else weights[i, :steps]
            found.append([Hypothesis(tokens[i, :steps], nan, seen)])
        return found

    def search(self, encoded: Encoded, beam_size: int, n_best: int = 1) -> list[list[Hypothesis]]:
        """The best sentences for each source, the best first; see rnnlab.layers.search."""
        memory, state = self.begin(encoded)
        limits = self.limits(encoded.lengths)
        return beam_search(
            self.decoder, memory, state, limits, beam_size, self.length_penalty, n_best
        )

    def limits(self, lengths: Tensor) -> Tensor:
        """How many tokens the answer to a source of this length may have, (B,)."""
        return (lengths * self.spec.target_ratio).ceil().long() + SPARE

    def _remember(self, found: list[list[Hypothesis]], batch: Batch) -> None:
        for i in (batch.rows < SHOWN).nonzero().flatten().tolist():
            length = int(batch.lengths[i])
            self._written[int(batch.rows[i])] = [one.on_cpu(length) for one in found[i]]

    def analyze(self, test_predictions: TestPredictions) -> Analysis:
        """BLEU and chrF by sacrebleu over all strings at once, and of the copied sources."""
        translations = Translations.of(test_predictions)
        quality, copied = translations.quality(), translations.copied()
        sentences = [
            f"test BLEU {quality.scores['bleu']:.2f} ({quality.signatures['bleu']})",
            f"test chrF {quality.scores['chrf']:.2f} ({quality.signatures['chrf']})",
        ]
        lower = translations.bleu_lowercase()
        if not translations.lower:
            sentences.insert(1, f"test BLEU in lower case, as older papers give it: {lower:.2f}")
        details = {
            "signatures": quality.signatures,
            "bleu_lowercase": lower,
            "decoding": {"beam_size": self.beam_size, "length_penalty": self.length_penalty},
        }
        return Analysis(quality.scores, {"copy the source": copied.scores}, sentences, details)

    def save_figures(self, folder: Path, test_predictions: TestPredictions) -> list[Path]:
        """Translations to read, BLEU by length, and where the decoder looked."""
        from rnnlab.plots import tasks as plots

        translations = Translations.of(
            test_predictions, decoding=self.decoding(), choices=self._choices(test_predictions)
        )
        names, scores, counts = translations.bleu_by_length()
        picture = plots.bleu_by_length(names, scores, counts, folder / "bleu_by_length.png")
        files = [write_page(folder, translations), picture]
        maps = self._drawn(test_predictions)
        if maps:
            files.append(plots.attention_maps(maps, folder / "attention.png"))
        return files

    def decoding(self) -> str:
        """How sentences are written, in words."""
        if self.beam_size == 1:
            return "greedily"
        return f"by a beam of {self.beam_size}, length penalty {self.length_penalty:g}"

    def _kept(self, test_predictions: TestPredictions) -> list[tuple[int, list[Hypothesis]]]:
        """Place in the outcome, and what was written, of the sentences that are shown."""
        place = {row: i for i, row in enumerate(test_predictions.evaluation_context["rows"])}
        return [(place[row], best) for row, best in sorted(self._written.items()) if row in place]

    def _drawn(
        self, test_predictions: TestPredictions
    ) -> list[tuple[list[str], list[str], NDArray[Any]]]:
        """Source tokens, written tokens and attention of some test sentences."""
        known = test_predictions.evaluation_context
        return [
            (
                known["source_tokens"](i),
                known["target_tokens"](best[0].tokens.tolist()),
                best[0].weights.numpy(),
            )
            for i, best in self._kept(test_predictions)
            if best[0].weights is not None
        ]

    def _choices(self, test_predictions: TestPredictions) -> dict[int, list[tuple[str, float]]]:
        """Several answers to some test sentences, where a beam gave several."""
        read = test_predictions.evaluation_context["detokenize"]
        return {
            i: [(read(one.tokens.tolist()), one.score) for one in best]
            for i, best in self._kept(test_predictions)
            if len(best) > 1
        }


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
        valid = targets != PADDING_ID
        self.right += read[..., 1].double().masked_fill(~valid, 0).sum()
        self.count += valid.sum()

    def compute(self) -> Tensor:
        """See torchmetrics.Metric."""
        share: Tensor = self.right / self.count
        return share
