"""Architectures: one LightningModule per file."""

from rnnlab.models.attention import AttentionModel
from rnnlab.models.attention_gru import AttentionGRU
from rnnlab.models.attention_lstm import AttentionLSTM
from rnnlab.models.base import OptimizerConfig, RecurrentModel, ScheduleContext
from rnnlab.models.gru import GRU
from rnnlab.models.linear import Linear
from rnnlab.models.lstm import LSTM
from rnnlab.models.rnn import RNN
from rnnlab.models.segment_gru import SegmentGRU
from rnnlab.models.segment_lstm import SegmentLSTM
from rnnlab.models.stacked import StackedModel

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "AttentionGRU",
    "AttentionLSTM",
    "AttentionModel",
    "Linear",
    "OptimizerConfig",
    "RecurrentModel",
    "ScheduleContext",
    "SegmentGRU",
    "SegmentLSTM",
    "StackedModel",
]
