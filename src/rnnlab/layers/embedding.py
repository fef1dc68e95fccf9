"""Token embeddings with word, embedding and locked dropout."""

import torch
from torch import Tensor, nn

from rnnlab.spec import PADDING_ID, UNKNOWN_ID


class SequenceDropout(nn.Module):
    """Base of the dropouts below.

    Args:
        p: probability of dropping a feature, a token or a word of the vocabulary in training.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    @property
    def is_active(self) -> bool:
        """Whether anything can be dropped."""
        return self.training and self.p > 0


class LockedDropout(SequenceDropout):
    """Drop the same features at every step of a sequence (Gal & Ghahramani, 2016)."""

    def forward(self, sequences: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)."""
        if not self.is_active:
            return sequences
        batch, _, features = sequences.shape
        keep = sequences.new_empty(batch, 1, features).bernoulli_(1 - self.p)
        return sequences * (keep / (1 - self.p))


class WordDropout(SequenceDropout):
    """Replace tokens by <unk>, so that no single word decides (Iyyer et al., 2015)."""

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T) -> (B, T); padding is never replaced."""
        if not self.is_active:
            return tokens
        mask = torch.rand(tokens.shape, device=tokens.device) < self.p
        return tokens.masked_fill(mask & (tokens != PADDING_ID), UNKNOWN_ID)


class EmbeddingDropout(SequenceDropout):
    """Drop words of the vocabulary: all of their vectors in a batch become zero.

    Equals dropping rows of the embedding matrix for one batch (Gal & Ghahramani, 2016; Merity et
    al., 2018). All occurrences of a word are dropped or kept together, whereas word dropout decides
    for each occurrence and inserts <unk>.
    """

    def forward(self, vectors: Tensor, tokens: Tensor, num_tokens: int) -> Tensor:
        """Vectors (B, T, D) of tokens (B, T) -> (B, T, D); the others are scaled by 1/(1-p)."""
        if not self.is_active:
            return vectors
        keep = vectors.new_empty(num_tokens).bernoulli_(1 - self.p) / (1 - self.p)
        return vectors * keep[tokens].unsqueeze(2)


class TokenEmbedding(nn.Module):
    """Token ids (B, T) to vectors (B, T, size).

    Args:
        num_tokens: vocabulary size, padding and unknown included.
        size: features of a vector.
        word_dropout: probability of reading a token as <unk>.
        dropout: probability of dropping a feature in all steps of a sequence.
        type_dropout: probability of dropping a word of the vocabulary in a whole batch.
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
            self.vectors.weight.mul_(0.1)  # unit variance is too large for the layers above

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.word_dropout(tokens)
        vectors = self.type_dropout(self.vectors(tokens), tokens, self.vectors.num_embeddings)
        outputs: Tensor = self.dropout(vectors)
        return outputs
