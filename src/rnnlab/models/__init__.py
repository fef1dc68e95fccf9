"""Architectures: LightningModules, one a file."""

from rnnlab.models.attention import AttentionModel
from rnnlab.models.attention_gru import AttentionGRU
from rnnlab.models.attention_lstm import AttentionLSTM
from rnnlab.models.base import Learning, Plan, RecurrentModel
from rnnlab.models.gru import GRU
from rnnlab.models.lstm import LSTM
from rnnlab.models.rnn import RNN
from rnnlab.models.stacked import StackedModel

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AttentionGRU",
    "AttentionLSTM",
    "AttentionModel",
    "Learning",
    "Plan",
    "RecurrentModel",
    "StackedModel",
]
