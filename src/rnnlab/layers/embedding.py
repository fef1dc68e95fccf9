"""Tokens to vectors, with the dropouts that small text sets need."""

import torch
from torch import Tensor, nn

from rnnlab.spec import PADDING_ID, UNKNOWN_ID


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
        return tokens.masked_fill(hit & (tokens != PADDING_ID), UNKNOWN_ID)


class EmbeddingDropout(nn.Module):
    """Drop whole words of the vocabulary: each place in a batch where one stands becomes zero.

    The same as to drop rows of the embedding matrix, and keep them dropped for a batch (Gal &
    Ghahramani, 2016; Merity et al., 2018, call it embedding dropout). A word that comes twice is
    there twice or not at all; word dropout decides at each place anew, and puts <unk> there.

    Args:
        p: chance to drop a word of the vocabulary, while training.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, vectors: Tensor, tokens: Tensor, num_tokens: int) -> Tensor:
        """Vectors (B, T, D) of tokens (B, T) -> (B, T, D); those that are kept grow by 1/(1-p)."""
        if not self.training or self.p == 0:
            return vectors
        keep = vectors.new_empty(num_tokens).bernoulli_(1 - self.p) / (1 - self.p)
        return vectors * keep[tokens].unsqueeze(2)


class TokenEmbedding(nn.Module):
    """Token ids (B, T) to vectors (B, T, size).

    Args:
        num_tokens: vocabulary size, padding and unknown included.
        size: features of a vector.
        word_dropout: chance to read a token as <unk>.
        dropout: chance to drop a feature in all steps of a sequence.
        type_dropout: chance to drop a word of the vocabulary in a whole batch.
    """

    def __init__(
        self,
        num_tokens: int,
        size: int,
        word_dropout: float = 0.0,
        dropout: float = 0.0,
        type_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.word_dropout = WordDropout(word_dropout)
        self.vectors = nn.Embedding(num_tokens, size, padding_idx=PADDING_ID)
        self.type_dropout = EmbeddingDropout(type_dropout)
        self.dropout = LockedDropout(dropout)
        with torch.no_grad():
            self.vectors.weight.mul_(0.1)  # unit variance would drown what the network adds

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.word_dropout(tokens)
        vectors = self.type_dropout(self.vectors(tokens), tokens, self.vectors.num_embeddings)
        locked: Tensor = self.dropout(vectors)
        return locked
