"""From an encoded source to a sentence, token by token.

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
from rnnlab.layers.recurrent import LayerFactory, RecurrentStack, RecurrentState, each_part
from rnnlab.spec import PADDING_ID, START_ID


class Memory(NamedTuple):
    """What a decoder may look at.

    Attributes:
        outputs: of the encoder, (B, T, H).
        valid: which of them belong to the source, (B, T).
        keys: what the attention compares its queries with, computed once a source, (B, T, ...).
    """

    outputs: Tensor
    valid: Tensor
    keys: Tensor | None = None

    def rows(self, chosen: Tensor) -> "Memory":
        """Of some sentences, in this order; one may come several times."""
        keys = None if self.keys is None else self.keys[chosen]
        return Memory(self.outputs[chosen], self.valid[chosen], keys)


class Decoded(NamedTuple):
    """What a decoder made of some steps.

    Attributes:
        logits: of the next token, (B, U, tokens).
        state: after step U, to go on from.
        weights: how much of each source step was seen, (B, U, T); None without attention.
    """

    logits: Tensor
    state: RecurrentState
    weights: Tensor | None


class Bridge(nn.Module):
    """The decoder's first state from a summary of the source: tanh(W summary + b).

    Args:
        summary_size: features of the summary.
        like: a state of batch size 1 that shows how states are built; (h, c) in an LSTM.
    """

    def __init__(self, summary_size: int, like: RecurrentState) -> None:
        super().__init__()
        self._like = like
        self.sizes: list[int] = []
        each_part(like, self._count)
        self.project = nn.Linear(summary_size, sum(self.sizes))

    def _count(self, part: Tensor) -> Tensor:
        self.sizes.append(part[0, 0].numel())
        return part

    def forward(self, summary: Tensor) -> RecurrentState:
        """Map a summary (B, summary_size) to a state whose parts are (1, B, ...)."""
        values = torch.tanh(self.project(summary))
        parts = iter(torch.split(values, self.sizes, dim=1))
        state: RecurrentState = each_part(
            self._like, lambda part: next(parts).reshape(1, -1, *part.shape[2:]).contiguous()
        )
        return state


class Decoder(nn.Module):
    """Recurrent layers that predict each token from those before it, and look at the source.

    What is seen of the source is joined to the layers' outputs (Luong et al., 2015,
    https://aclanthology.org/D15-1166): attentional vector = tanh(W [output, seen] + b), from which
    the last layer reads. Without input feeding no step waits for the attention of the one before:
    with the true tokens given, all of them run in one call.

    A state is the layers' own, and the last attentional vector (1, B, E) if that is fed back.

    Args:
        layer: builds one RecurrentModule from its input size and hidden size.
        num_tokens: target vocabulary size.
        embedding_size: E, also of the attentional vector.
        memory_size: H.
        hidden_size: S.
        num_layers: layers on top of each other.
        attention: makes an attention from the sizes of queries and memory; None to see nothing but
            the first state.
        input_feeding: the last attentional vector is joined to the next input (Luong et al., 3.3).
        word_dropout: chance to read a true token as <unk>.
        embedding_dropout: chance to drop a feature of the embedding in all steps.
        dropout: chance to drop a value before the last layer, and between two layers.
        tie_weights: the last layer and the embedding are one matrix (Press & Wolf, 2017).
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
        seen = memory_size if attention else 0
        self.combine = nn.Linear(output_size + seen, embedding_size)
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
        """What there is to look at, and the first state.

        Args:
            outputs: of the encoder, (B, T, H).
            valid: which of them belong to the source, (B, T).
            summary: of the whole source, (B, H).
        """
        keys = self.attention.keys(outputs) if self.attention is not None else None
        fed = None
        if self.input_feeding:
            fed = outputs.new_zeros(1, len(outputs), self.combine.out_features)
        return Memory(outputs, valid, keys), [self.bridge(summary), fed]

    def forward(
        self, tokens: Tensor, memory: Memory, state: RecurrentState, true: float = 1.0
    ) -> Decoded:
        """Read tokens (B, U), and say what follows each of them.

        Args:
            tokens: (B, U), the first one <s> where a sentence begins.
            memory: the encoded source.
            state: of `begin`, or what an earlier call returned.
            true: share of the tokens that are read as they are given; in place of each other one
                the most probable token is read, which the decoder itself would have written there
                (scheduled sampling, Bengio et al., 2015, https://arxiv.org/abs/1506.03099). The
                first one is always read.
        """
        if self.input_feeding or true < 1:
            features, after, weights = self._step_by_step(tokens, memory, state, true)
        else:
            features, after, weights = self._advance(self.embedding(tokens), memory, state)
        return Decoded(self._logits(features), after, weights)

    def _advance(
        self, embedded: Tensor, memory: Memory, state: RecurrentState
    ) -> tuple[Tensor, RecurrentState, Tensor | None]:
        """Embedded tokens (B, U, E) to attentional vectors (B, U, E); U is 1 with input feeding."""
        layers, fed = state
        if fed is not None:
            embedded = torch.cat([embedded, fed.transpose(0, 1)], dim=2)
        outputs, after = self.body(embedded, None, layers)  # (B, U, S)
        weights = None
        if self.attention is not None:
            seen, weights = self.attention(outputs, *memory)  # (B, U, H), (B, U, T)
            outputs = torch.cat([outputs, seen], dim=2)
        features = self.dropout(torch.tanh(self.combine(outputs)))  # (B, U, E)
        return features, [after, None if fed is None else features.transpose(0, 1)], weights

    def _step_by_step(
        self, tokens: Tensor, memory: Memory, state: RecurrentState, true: float
    ) -> tuple[Tensor, RecurrentState, Tensor | None]:
        given = self.embedding.word_dropout(tokens)
        kept = self.embedding.dropout(self.weight.new_ones(len(tokens), 1, self.weight.shape[1]))
        features: list[Tensor] = []
        weights: list[Tensor] = []
        for token in given.split(1, dim=1):  # (B, 1)
            if features and true < 1:
                token = self._mixed(token, features[-1], true)
            embedded = self.embedding.vectors(token) * kept
            made, state, seen = self._advance(embedded, memory, state)
            features.append(made)
            weights += [] if seen is None else [seen]
        return torch.cat(features, dim=1), state, torch.cat(weights, dim=1) if weights else None

    @torch.no_grad()
    def _mixed(self, given: Tensor, features: Tensor, true: float) -> Tensor:
        """Some of the given tokens (B, 1), in place of the others what was just predicted."""
        own = self._logits(features).index_fill(2, never(given.device), -torch.inf).argmax(dim=2)
        return torch.where(torch.rand(given.shape, device=given.device) < true, given, own)

    def _logits(self, features: Tensor) -> Tensor:
        return linear(features, self.weight, self.bias)


def shifted(targets: Tensor) -> Tensor:
    """What a decoder reads while it is taught: each token stands one step later, <s> comes first.

    >>> shifted(torch.tensor([[7, 8, 3]]))
    tensor([[2, 7, 8]])
    """
    return torch.cat([torch.full_like(targets[:, :1], START_ID), targets[:, :-1]], dim=1)


def never(device: torch.device) -> Tensor:
    """What no sentence holds: padding and start."""
    return torch.tensor([PADDING_ID, START_ID], device=device)
