"""Task: a sentence from another sentence, by encoder and decoder, with or without attention."""

from functools import partial
from math import nan
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from torchmetrics import MetricCollection

from rnnlab.config.types import (
    Fraction,
    LayerSize,
    NonNegativeFloat,
    NumLayers,
    PositiveInt,
    Probability,
)
from rnnlab.errors import ConfigError
from rnnlab.layers import Pooling, TokenEmbedding
from rnnlab.layers.attention import ATTENTION, AttentionName
from rnnlab.layers.decoder import Decoder, Memory, shift_right
from rnnlab.layers.recurrent import LayerFactory, RecurrentState
from rnnlab.layers.search import Hypothesis, beam_search, greedy
from rnnlab.metrics.translation import SentencePerplexity, TokenAccuracy
from rnnlab.spec import PADDING_ID, UNKNOWN_ID, Batch, DataSpec, valid_steps
from rnnlab.tasks.base import Encoding, Task
from rnnlab.tasks.teacher_forcing import Decay, true_share

EXTRA_TOKENS = 10  # that an answer may have beyond the expected length


class Translation(Task):
    """Encode a sentence with the architecture, decode another with a decoder of the same cell.

    The encoder is the unchanged architecture, in one direction or both. The decoder starts with a
    learned projection of the encoder's last output (of both ends, if bidirectional), and attends to
    all outputs. It is trained with the true tokens before each target; the sentences of the test
    split are generated without them, by beam search.

    The decoder uses the layer of the architecture with the cell's own settings (such as the forget
    bias); its size, depth and dropout are set here.

    Args:
        spec: sizes of the data: `num_tokens` of the source, `output_size` of the target.
        embedding_size: of a source token, and of a target token.
        hidden_size: of the decoder's state; None for the size of the encoder's outputs.
        num_layers: of the decoder.
        attention: none | additive | dot | scaled_dot | general | multi_head; see
            rnnlab.layers.attention.
        input_feeding: join the attention result of each step to the next input (Luong et al.,
            2015); the decoder then runs step by step in training too, which is slower.
        teacher_forcing: share of true input tokens of the decoder at the end of the training; the
            others are its own predictions. Below 1 it runs step by step too.
        teacher_forcing_decay: constant | linear | inverse_sigmoid, how the share falls from 1; see
            rnnlab.tasks.teacher_forcing.
        tie_weights: share one matrix between the last layer and the target embedding (Press & Wolf,
            2017).
        word_dropout: probability of replacing a token by <unk>, on both sides.
        embedding_dropout: probability of dropping a feature of an embedding in all steps, on both
            sides.
        dropout: probability of dropping a value before the last layer, and between layers of the
            decoder.
        label_smoothing: share of the target that is spread over all tokens, in training.
        beam_size: hypotheses of the beam search; 1 takes the most probable token at each step.
        length_penalty: alpha of the beam search; the score of a sentence of U tokens is
            log p / ((5 + U) / 6)^alpha. Values above 0 favour long sentences.
    """

    name = "translation"
    metric_names = ("loss", "perplexity", "accuracy")

    def __init__(
        self,
        spec: DataSpec,
        embedding_size: LayerSize = 128,
        hidden_size: LayerSize | None = None,
        num_layers: NumLayers = 1,
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
        self.input_size, self.hidden_size = embedding_size, hidden_size
        self.attention_type = None if attention == "none" else ATTENTION[attention]
        self.teacher_forcing, self.teacher_forcing_decay = teacher_forcing, teacher_forcing_decay
        self.label_smoothing = label_smoothing
        self.beam_size, self.length_penalty = beam_size, length_penalty
        self.embedding = TokenEmbedding(
            int(spec.num_tokens or 0), embedding_size, word_dropout, embedding_dropout
        )
        self.decoder_factory = partial(
            Decoder,
            num_tokens=spec.output_size,
            embedding_size=embedding_size,
            num_layers=num_layers,
            attention=self.attention_type,
            input_feeding=input_feeding,
            word_dropout=word_dropout,
            embedding_dropout=embedding_dropout,
            dropout=dropout,
            tie_weights=tie_weights,
        )

    def build(
        self, output_size: int, bidirectional: bool, layer: LayerFactory | None = None
    ) -> None:
        if layer is None:
            raise ConfigError(
                "task=translation: this architecture gives no layer to build a decoder from; "
                "choose one that passes `layer` to `complete`, such as model=rnn, lstm or gru"
            )
        self.summary = Pooling("last", output_size, bidirectional)
        self.decoder = self.decoder_factory(
            layer, memory_size=output_size, hidden_size=self.hidden_size or output_size
        )

    def begin(self, encoding: Encoding) -> tuple[Memory, RecurrentState]:
        """Return the memory of the decoder, and its first state."""
        outputs, lengths = encoding.outputs, encoding.lengths
        valid = valid_steps(lengths, outputs.shape[1])
        return self.decoder.begin(outputs, valid, self.summary(outputs, lengths))

    def predict(self, encoding: Encoding, batch: Batch) -> Tensor:
        """Return scores of each target token from the true tokens before it, (B, U, tokens).

        In training only a share of the tokens before it may be true; see `teacher_forcing`.
        """
        memory, state = self.begin(encoding)
        share = self.true_share() if self.training else 1.0
        logits: Tensor = self.decoder(shift_right(batch.targets), memory, state, share).logits
        return logits

    def true_share(self) -> float:
        """Return the share of true input tokens at this point of the training."""
        return true_share(self.teacher_forcing_decay, self.teacher_forcing, self.progress)

    def loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Return cross entropy in nats per target token; smoothed in training only."""
        scores, targets = predictions.flatten(0, 1), batch.targets.flatten()
        smoothing = self.label_smoothing if self.training else 0.0
        return cross_entropy(scores, targets, ignore_index=PADDING_ID, label_smoothing=smoothing)

    def exact_loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Return the mean in double precision; a copy of all scores in it would be large."""
        scores, targets = predictions.flatten(0, 1), batch.targets.flatten()
        losses = cross_entropy(scores, targets, ignore_index=PADDING_ID, reduction="none")
        return losses.sum(dtype=torch.float64) / self.num_targets(batch).clamp(min=1)

    def num_targets(self, batch: Batch) -> Tensor:
        """Return the number of target tokens, with the ends."""
        return (batch.targets != PADDING_ID).sum()

    def metric_inputs(self, predictions: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return (B, U, 2) and the targets: log probabilities, and 1 for correct first choices.

        An unknown target has no correct choice: <unk> is not the word of the reference.
        """
        scores, targets = predictions.flatten(0, 1), batch.targets.flatten()
        surprisal = cross_entropy(scores, targets, reduction="none")
        is_correct = predictions.argmax(dim=2) == batch.targets
        correct = (is_correct & (batch.targets != UNKNOWN_ID)).to(surprisal.dtype)
        return torch.stack([-surprisal.view_as(batch.targets), correct], dim=2), batch.targets

    def metrics(self) -> MetricCollection:
        """Return perplexity of a target token, and the accuracy of the most probable one."""
        metrics = {"perplexity": SentencePerplexity(), "accuracy": TokenAccuracy()}
        return MetricCollection(metrics, compute_groups=False)

    def decode(self, predictions: Tensor, encoding: Encoding, batch: Batch) -> Tensor:
        """Return a sentence for each source, generated without the targets, (B, U)."""
        best = [answers[0].tokens for answers in self.hypotheses(encoding)]
        return pad_sequence(best, True, PADDING_ID)

    def hypotheses(self, encoding: Encoding, n_best: int = 1) -> list[list[Hypothesis]]:
        """Return up to `n_best` sentences for each source, the best first; one if greedy."""
        if self.beam_size > 1:
            return self.search(encoding, self.beam_size, n_best)
        memory, state = self.begin(encoding)
        tokens, weights = greedy(self.decoder, memory, state, self.limits(encoding.lengths))
        answers = []
        for i, steps in enumerate((tokens != PADDING_ID).sum(dim=1).tolist()):
            attention = None if weights is None else weights[i, :steps]
            answers.append([Hypothesis(tokens[i, :steps], nan, attention)])
        return answers

    def search(self, encoding: Encoding, beam_size: int, n_best: int = 1) -> list[list[Hypothesis]]:
        """Return the best sentences for each source by beam search, the best first."""
        start, limits = self.begin(encoding), self.limits(encoding.lengths)
        return beam_search(self.decoder, *start, limits, beam_size, self.length_penalty, n_best)

    def limits(self, lengths: Tensor) -> Tensor:
        """Return the maximum number of tokens of the answer to a source, (B,)."""
        return (lengths * self.spec.target_ratio).ceil().long() + EXTRA_TOKENS
