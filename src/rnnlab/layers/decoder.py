"""From an encoded source to a sentence, token by token.

B batch, T steps of the source, U steps of the target, E features of an embedding, H of an output
of the encoder, S of the decoder's state.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from rnnlab.layers.embedding import END, PADDING, START, TokenEmbedding
from rnnlab.layers.recurrent import RecurrentStack, State, each_part


class Memory(NamedTuple):
    """What a decoder may look at.

    Attributes:
        outputs: of the encoder, (B, T, H).
        valid: which of them belong to the source, (B, T).
    """

    outputs: Tensor
    valid: Tensor


class Decoded(NamedTuple):
    """What a decoder made of some steps.

    Attributes:
        logits: of the next token, (B, U, tokens).
        state: after step U, to go on from.
        weights: how much of each source step was seen, (B, U, T); None without attention.
    """

    logits: Tensor
    state: State
    weights: Tensor | None


class Bridge(nn.Module):
    """The decoder's first state from a summary of the source: tanh(W summary + b).

    Args:
        summary_size: features of the summary.
        like: a state of batch size 1 that shows how states are built; (h, c) in an LSTM.
    """

    def __init__(self, summary_size: int, like: State) -> None:
        super().__init__()
        self._like = like
        self.sizes: list[int] = []
        each_part(like, self._count)
        self.project = nn.Linear(summary_size, sum(self.sizes))

    def _count(self, part: Tensor) -> Tensor:
        self.sizes.append(part.shape[-1])
        return part

    def forward(self, summary: Tensor) -> State:
        """(B, summary_size) -> a state whose parts are (1, B, S)."""
        values = torch.tanh(self.project(summary))
        parts = iter(torch.split(values, self.sizes, dim=1))
        state: State = each_part(self._like, lambda _: next(parts).unsqueeze(0).contiguous())
        return state


class Decoder(nn.Module):
    """Recurrent layers that predict each token from those before it, and look at the source.

    What is seen of the source is joined to the layers' outputs, not to their inputs (Luong et al.,
    2015, https://aclanthology.org/D15-1166, without input feeding): with the true tokens given, all
    steps run in one call.

    Args:
        layer: makes one single-layer recurrent module from its input size and hidden size.
        num_tokens: target vocabulary size.
        embedding_size: E, also of what the last layer reads.
        memory_size: H.
        hidden_size: S.
        num_layers: layers on top of each other.
        attention: takes queries (B, U, S), memory (B, T, H) and valid (B, T), and gives what is
            seen (B, U, H) and weights (B, U, T); None to see nothing but the first state.
        word_dropout: chance to read a true token as <unk>.
        embedding_dropout: chance to drop a feature of the embedding in all steps.
        dropout: chance to drop a value before the last layer, and between two layers.
        tie_weights: the last layer and the embedding are one matrix (Press & Wolf, 2017).
    """

    def __init__(
        self,
        layer: Callable[[int, int], nn.RNNBase],
        num_tokens: int,
        embedding_size: int,
        memory_size: int,
        hidden_size: int,
        num_layers: int = 1,
        attention: nn.Module | None = None,
        word_dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        dropout: float = 0.0,
        tie_weights: bool = True,
    ) -> None:
        super().__init__()
        self.embedding = TokenEmbedding(num_tokens, embedding_size, word_dropout, embedding_dropout)
        self.body = RecurrentStack(layer, embedding_size, hidden_size, num_layers, dropout=dropout)
        with torch.no_grad():
            _, like = self.body(torch.zeros(1, 1, embedding_size))
        self.bridge = Bridge(memory_size, like)
        self.attention = attention
        seen = memory_size if attention is not None else 0
        self.combine = nn.Linear(hidden_size + seen, embedding_size)
        self.dropout = nn.Dropout(dropout)
        self.bias = nn.Parameter(torch.zeros(num_tokens))
        self.weight = (
            self.embedding.vectors.weight
            if tie_weights
            else nn.Parameter(torch.randn(num_tokens, embedding_size) * embedding_size**-0.5)
        )

    def forward(self, tokens: Tensor, memory: Memory, state: State) -> Decoded:
        """Read tokens (B, U), and say what follows each of them.

        Args:
            tokens: (B, U), the first one <s> where a sentence begins.
            memory: the encoded source.
            state: of the bridge, or what an earlier call returned.
        """
        outputs, after = self.body(self.embedding(tokens), None, state)  # (B, U, S)
        weights = None
        if self.attention is not None:
            seen, weights = self.attention(outputs, *memory)  # (B, U, H), (B, U, T)
            outputs = torch.cat([outputs, seen], dim=2)
        features = self.dropout(torch.tanh(self.combine(outputs)))  # (B, U, E)
        return Decoded(linear(features, self.weight, self.bias), after, weights)


def shifted(targets: Tensor) -> Tensor:
    """What a decoder reads while it is taught: each token stands one step later, <s> comes first.

    >>> shifted(torch.tensor([[7, 8, 3]]))
    tensor([[2, 7, 8]])
    """
    return torch.cat([torch.full_like(targets[:, :1], START), targets[:, :-1]], dim=1)


@torch.no_grad()
def greedy(
    decoder: Decoder, memory: Memory, state: State, limits: Tensor
) -> tuple[Tensor, Tensor | None]:
    """The most probable token at each step, until each sentence has ended.

    Args:
        decoder: gives what follows.
        memory: the encoded source.
        state: the first one, of the bridge.
        limits: tokens that each sentence may have, its end included, (B,).

    Returns:
        Tokens (B, U), padding behind each sentence's end, and the attention weights (B, U, T).
    """
    token = torch.full_like(limits, START).unsqueeze(1)  # (B, 1)
    ended = torch.zeros_like(limits, dtype=torch.bool)
    tokens: list[Tensor] = []
    weights: list[Tensor] = []
    while not ended.all():
        step = decoder(token, memory, state)
        state = step.state
        logits = step.logits[:, 0].index_fill(1, _never(limits), -torch.inf)  # (B, tokens)
        token = logits.argmax(dim=1).masked_fill(ended, PADDING).unsqueeze(1)
        tokens.append(token)
        if step.weights is not None:
            weights.append(step.weights)
        ended = ended | (token.squeeze(1) == END) | (len(tokens) >= limits)
    return torch.cat(tokens, dim=1), torch.cat(weights, dim=1) if weights else None


def _never(like: Tensor) -> Tensor:
    """What no sentence holds: padding and start."""
    return torch.tensor([PADDING, START], device=like.device)
