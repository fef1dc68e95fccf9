"""Decoder with attention: from an encoded source to a sentence, token by token.

B batch, T steps of the source, U steps of the target, E features of an embedding, H of an output
of the encoder, S of the decoder's state.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from rnnlab.layers.attention import Attention
from rnnlab.layers.embedding import TokenEmbedding
from rnnlab.layers.recurrent import (
    LayerFactory,
    RecurrentStack,
    RecurrentState,
    each_part,
    list_parts,
)
from rnnlab.spec import PADDING_ID, START_ID


class Memory(NamedTuple):
    """The encoded source that a decoder attends to.

    Attributes:
        outputs: of the encoder, (B, T, H).
        valid: which of them belong to the source, (B, T).
        keys: of the attention, computed once per source, (B, T, ...).
    """

    outputs: Tensor
    valid: Tensor
    keys: Tensor | None = None

    def rows(self, index: Tensor) -> "Memory":
        """Return the memory of some sentences, in this order; an index may repeat."""
        keys = None if self.keys is None else self.keys[index]
        return Memory(self.outputs[index], self.valid[index], keys)


class Decoded(NamedTuple):
    """Output of a decoder for some steps.

    Attributes:
        logits: of the next token, (B, U, tokens).
        state: after step U, to continue from.
        weights: attention to each source step, (B, U, T); None without attention.
    """

    logits: Tensor
    state: RecurrentState
    weights: Tensor | None


class Bridge(nn.Module):
    """Initial state of the decoder from a summary of the source: tanh(W summary + b).

    Args:
        summary_size: features of the summary.
        like: a state of batch size 1 with the structure of all states; (h, c) in an LSTM.
    """

    def __init__(self, summary_size: int, like: RecurrentState) -> None:
        super().__init__()
        self._like = like
        self.sizes = [part[0, 0].numel() for part in list_parts(like)]
        self.project = nn.Linear(summary_size, sum(self.sizes))

    def forward(self, summary: Tensor) -> RecurrentState:
        """Map a summary (B, summary_size) to a state whose parts are (1, B, ...)."""
        values = torch.tanh(self.project(summary))
        parts = iter(torch.split(values, self.sizes, dim=1))
        state: RecurrentState = each_part(
            self._like, lambda part: next(parts).reshape(1, -1, *part.shape[2:]).contiguous()
        )
        return state


class Decoder(nn.Module):
    """Recurrent layers that predict each token from the previous ones and attend to the source.

    The attention context is concatenated with the layers' outputs (Luong et al., 2015,
    https://aclanthology.org/D15-1166): attentional vector = tanh(W [output, context] + b), the
    input of the last layer. Without input feeding no step depends on the attention of the previous
    one, so that all steps run in one call when the true tokens are given.

    A state holds the state of the layers and, with input feeding, the last attentional vector
    (1, B, E).

    Args:
        layer: builds one RecurrentModule from its input size and hidden size.
        num_tokens: target vocabulary size.
        embedding_size: E, also of the attentional vector.
        memory_size: H.
        hidden_size: S.
        num_layers: layers on top of each other.
        attention: builds an attention from the sizes of queries and memory; None for a decoder
            that sees only its first state.
        input_feeding: concatenate the last attentional vector with the next input (Luong et al.,
            section 3.3).
        word_dropout: probability of reading a true token as <unk>.
        embedding_dropout: probability of dropping a feature of the embedding in all steps.
        dropout: probability of dropping a value before the last layer and between two layers.
        tie_weights: share one matrix between the last layer and the embedding (Press & Wolf, 2017).
    """

    def __init__(
        self,
        layer: LayerFactory,
        num_tokens: int,
        embedding_size: int,
        memory_size: int,
        hidden_size: int,
        num_layers: int = 1,
        attention: Callable[[int, int], Attention] | None = None,
        input_feeding: bool = False,
        word_dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        dropout: float = 0.0,
        tie_weights: bool = True,
    ) -> None:
        super().__init__()
        self.input_feeding = input_feeding
        self.embedding = TokenEmbedding(num_tokens, embedding_size, word_dropout, embedding_dropout)
        input_size = embedding_size * (2 if input_feeding else 1)
        self.body = RecurrentStack(layer, input_size, hidden_size, num_layers, dropout=dropout)
        with torch.no_grad():
            outputs, like = self.body(torch.zeros(1, 1, input_size))
        output_size = outputs.shape[2]  # S, or less where the layer projects
        self.bridge = Bridge(memory_size, like)
        self.attention = attention(output_size, memory_size) if attention else None
        context_size = memory_size if attention else 0
        self.combine = nn.Linear(output_size + context_size, embedding_size)
        self.dropout = nn.Dropout(dropout)
        self.bias = nn.Parameter(torch.zeros(num_tokens))
        self.weight = (
            self.embedding.vectors.weight
            if tie_weights
            else nn.Parameter(torch.randn(num_tokens, embedding_size) * embedding_size**-0.5)
        )

    def begin(
        self, outputs: Tensor, valid: Tensor, summary: Tensor
    ) -> tuple[Memory, RecurrentState]:
        """Return the memory and the first state; see Memory, and a summary (B, H) of the source."""
        keys = self.attention.keys(outputs) if self.attention is not None else None
        feedback = None
        if self.input_feeding:
            feedback = outputs.new_zeros(1, outputs.shape[0], self.combine.out_features)
        return Memory(outputs, valid, keys), [self.bridge(summary), feedback]

    def forward(
        self, tokens: Tensor, memory: Memory, state: RecurrentState, true: float = 1.0
    ) -> Decoded:
        """Predict the token after each of the tokens (B, U).

        Args:
            tokens: (B, U), starting with <s> at the beginning of a sentence.
            memory: the encoded source.
            state: from `begin` or from an earlier call.
            true: fraction of the tokens that are read; each of the others is replaced by the
                decoder's own most probable token (scheduled sampling, Bengio et al., 2015,
                https://arxiv.org/abs/1506.03099). The first token is always read.
        """
        if self.input_feeding or true < 1:
            features, after, weights = self._step_by_step(tokens, memory, state, true)
        else:
            features, after, weights = self._advance(self.embedding(tokens), memory, state)
        return Decoded(self._logits(features), after, weights)

    def _advance(
        self, embeddings: Tensor, memory: Memory, state: RecurrentState
    ) -> tuple[Tensor, RecurrentState, Tensor | None]:
        """Map embeddings (B, U, E) to attentional vectors (B, U, E); U is 1 with input feeding."""
        layers, feedback = state
        if feedback is not None:
            embeddings = torch.cat([embeddings, feedback.transpose(0, 1)], dim=2)
        outputs, after = self.body(embeddings, None, layers)  # (B, U, S)
        weights = None
        if self.attention is not None:
            context, weights = self.attention(outputs, *memory)  # (B, U, H), (B, U, T)
            outputs = torch.cat([outputs, context], dim=2)
        features = self.dropout(torch.tanh(self.combine(outputs)))  # (B, U, E)
        return features, [after, None if feedback is None else features.transpose(0, 1)], weights

    def _step_by_step(
        self, tokens: Tensor, memory: Memory, state: RecurrentState, true: float
    ) -> tuple[Tensor, RecurrentState, Tensor | None]:
        tokens = self.embedding.word_dropout(tokens)
        mask = self.embedding.dropout(
            self.weight.new_ones(tokens.shape[0], 1, self.weight.shape[1])
        )
        features: list[Tensor] = []
        weights: list[Tensor] = []
        for token in torch.split(tokens, 1, dim=1):  # (B, 1)
            if features and true < 1:
                token = self._mix(token, features[-1], true)
            embedding = self.embedding.vectors(token) * mask
            vector, state, step_weights = self._advance(embedding, memory, state)
            features.append(vector)
            weights += [] if step_weights is None else [step_weights]
        return torch.cat(features, dim=1), state, torch.cat(weights, dim=1) if weights else None

    @torch.no_grad()
    def _mix(self, tokens: Tensor, features: Tensor, true: float) -> Tensor:
        """Return a fraction `true` of the tokens (B, 1) and predictions in place of the others."""
        predictions = suppress_tokens(self._logits(features)).argmax(dim=2)
        keep = torch.rand(tokens.shape, device=tokens.device) < true
        return torch.where(keep, tokens, predictions)

    def _logits(self, features: Tensor) -> Tensor:
        return linear(features, self.weight, self.bias)


def shift_right(targets: Tensor) -> Tensor:
    """Return the decoder's inputs for teacher forcing: the targets one step later, after <s>.

    >>> shift_right(torch.tensor([[7, 8, 3]]))
    tensor([[2, 7, 8]])
    """
    return torch.cat([torch.full_like(targets[:, :1], START_ID), targets[:, :-1]], dim=1)


def suppress_tokens(logits: Tensor) -> Tensor:
    """Return the logits (..., tokens) without padding and <s>, which no sentence contains."""
    tokens = torch.tensor([PADDING_ID, START_ID], device=logits.device)
    return logits.index_fill(-1, tokens, -torch.inf)
