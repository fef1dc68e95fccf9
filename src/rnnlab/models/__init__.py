"""Architectures: LightningModules, one a file."""

from rnnlab.models.base import Learning, Plan, RecurrentModel
from rnnlab.models.gru import GRU
from rnnlab.models.lstm import LSTM
from rnnlab.models.rnn import RNN

__all__ = ["GRU", "LSTM", "RNN", "Learning", "Plan", "RecurrentModel"]
