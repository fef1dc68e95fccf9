"""Architectures: LightningModules, one a file."""

from rnnlab.models.base import Learning, Plan, RecurrentModel
from rnnlab.models.gru import GRU
from rnnlab.models.linear import Linear
from rnnlab.models.lstm import LSTM
from rnnlab.models.rnn import RNN
from rnnlab.models.segment_gru import SegmentGRU
from rnnlab.models.segment_lstm import SegmentLSTM

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Learning",
    "Linear",
    "Plan",
    "RecurrentModel",
    "SegmentGRU",
    "SegmentLSTM",
]
