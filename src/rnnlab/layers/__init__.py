"""Parts of recurrent networks in plain torch; each can be used alone."""

from rnnlab.layers.attention import (
    AdditiveAttention,
    Attention,
    DotAttention,
    GeneralAttention,
    MultiHeadAttention,
    ScaledDotAttention,
)
from rnnlab.layers.cells import gru_cell, gru_gates, lstm_cell, lstm_gates, rnn_cell
from rnnlab.layers.cross_entropy import LinearCrossEntropy, linear_cross_entropy
from rnnlab.layers.decoder import Decoder
from rnnlab.layers.embedding import EmbeddingDropout, LockedDropout, TokenEmbedding, WordDropout
from rnnlab.layers.pooling import AttentionPooling, Pooling
from rnnlab.layers.recurrent import RecurrentLayer, RecurrentStack, initialize, reverse_valid_steps

__all__ = [
    "AdditiveAttention",
    "Attention",
    "AttentionPooling",
    "Decoder",
    "DotAttention",
    "EmbeddingDropout",
    "GeneralAttention",
    "LinearCrossEntropy",
    "LockedDropout",
    "MultiHeadAttention",
    "Pooling",
    "RecurrentLayer",
    "RecurrentStack",
    "ScaledDotAttention",
    "TokenEmbedding",
    "WordDropout",
    "gru_cell",
    "gru_gates",
    "initialize",
    "linear_cross_entropy",
    "lstm_cell",
    "lstm_gates",
    "reverse_valid_steps",
    "rnn_cell",
]
