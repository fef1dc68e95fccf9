"""Tokens to vectors, with the two dropouts that small text sets need."""

import torch
from torch import Tensor, nn

PADDING, UNKNOWN = 0, 1  # the first two ids of every vocabulary
START, END = 2, 3  # the next two, where sentences are generated or text flows on


class LockedDropout(nn.Module):
    """Drop the same features at every step of a sequence (Gal & Ghahramani, 2016).

    Args:
        p: chance to drop a feature, while training.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, sequences: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        if not self.training or self.p == 0:
            return sequences
        batch, _, features = sequences.shape
        keep = sequences.new_empty(batch, 1, features).bernoulli_(1 - self.p)
        return sequences * (keep / (1 - self.p))


class WordDropout(nn.Module):
    """Replace whole tokens by <unk>, so that no single word decides (Iyyer et al., 2015).

    Args:
        p: chance to replace a token, while training. Padding is never replaced.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T) -> (B, T)."""
        if not self.training or self.p == 0:
            return tokens
        hit = torch.rand(tokens.shape, device=tokens.device) < self.p
        return tokens.masked_fill(hit & (tokens != PADDING), UNKNOWN)


class TokenEmbedding(nn.Module):
    """Token ids (B, T) to vectors (B, T, size).

    Args:
        num_tokens: vocabulary size, padding and unknown included.
        size: features of a vector.
        word_dropout: chance to read a token as <unk>.
        dropout: chance to drop a feature in all steps of a sequence.
    """

    def __init__(
        self, num_tokens: int, size: int, word_dropout: float = 0.0, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.word_dropout = WordDropout(word_dropout)
        self.vectors = nn.Embedding(num_tokens, size, padding_idx=PADDING)
        self.dropout = LockedDropout(dropout)
        with torch.no_grad():
            self.vectors.weight.mul_(0.1)  # unit variance would drown what the network adds

    def forward(self, tokens: Tensor) -> Tensor:
        vectors: Tensor = self.dropout(self.vectors(self.word_dropout(tokens)))
        return vectors
