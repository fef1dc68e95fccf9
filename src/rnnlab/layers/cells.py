"""The recurrent cells as their equations stand in the papers: slow, to be read and to test by.

The architectures use torch's fast kernels; a test holds these equal to them, in outputs and in
gradients. B batch, D input features, H hidden features. The weights are torch's: `weight_ih`
(gates * H, D), `weight_hh` (gates * H, H), and a bias of (gates * H) for each of them.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import linear

Weights = Sequence[Tensor]  # weight_ih, weight_hh, bias_ih, bias_hh


def rnn_cell(
    x: Tensor, h: Tensor, weights: Weights, activation: Callable[[Tensor], Tensor] = torch.tanh
) -> Tensor:
    """Simple recurrence (Elman, 1990): h' = tanh(W x + U h + b).

    Args:
        x: input of this step, (B, D).
        h: hidden state before it, (B, H).
        weights: see the head of this module.
        activation: torch.tanh or torch.relu.

    Returns:
        The hidden state after the step, (B, H).
    """
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    return activation(linear(x, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh))


class LSTMGates(NamedTuple):
    """What an LSTM decides at a step, each (..., H); see lstm_cell.

    Attributes:
        input: i, what to write, 0..1.
        forget: f, what to keep, 0..1.
        candidate: g, what could be written, -1..1.
        output: o, what to show, 0..1.
    """

    input: Tensor
    forget: Tensor
    candidate: Tensor
    output: Tensor


class GRUGates(NamedTuple):
    """What a GRU decides at a step, each (..., H); see gru_cell.

    Attributes:
        reset: r, how much of the state the candidate sees, 0..1.
        update: z, how much of the state is kept, 0..1.
        candidate: n, what could be written, -1..1.
    """

    reset: Tensor
    update: Tensor
    candidate: Tensor


def lstm_gates(x: Tensor, h: Tensor, weights: Weights) -> LSTMGates:
    """The gates of an LSTM, of one step or, with the hidden states known, of all steps at once.

    Args:
        x: inputs, (..., D).
        h: hidden states before them, (..., H).
        weights: see lstm_cell.
    """
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    gates = linear(x, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)  # (..., 4H)
    i, f, g, o = gates.chunk(4, dim=-1)
    return LSTMGates(torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o))


def gru_gates(x: Tensor, h: Tensor, weights: Weights) -> GRUGates:
    """The gates of a GRU, of one step or, with the hidden states known, of all steps at once.

    Args:
        x: inputs, (..., D).
        h: hidden states before them, (..., H).
        weights: see gru_cell.
    """
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    x_r, x_z, x_n = linear(x, weight_ih, bias_ih).chunk(3, dim=-1)
    h_r, h_z, h_n = linear(h, weight_hh, bias_hh).chunk(3, dim=-1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    return GRUGates(r, z, torch.tanh(x_n + r * h_n))


def lstm_cell(x: Tensor, state: tuple[Tensor, Tensor], weights: Weights) -> tuple[Tensor, Tensor]:
    """Long short-term memory (Hochreiter & Schmidhuber, 1997; forget gate: Gers et al., 2000).

    i, f, o = sigmoid(W x + U h + b)     what to write, to keep, to show
    g       = tanh(W x + U h + b)        what could be written
    c'      = f * c + i * g
    h'      = o * tanh(c')

    Args:
        x: input of this step, (B, D).
        state: hidden state h and cell state c before it, each (B, H).
        weights: see the head of this module; the gates stand in the order i, f, g, o.

    Returns:
        h' and c', each (B, H).
    """
    h, c = state
    i, f, g, o = lstm_gates(x, h, weights)
    c = f * c + i * g
    return o * torch.tanh(c), c


def gru_cell(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """Gated recurrent unit (Cho et al., 2014), in the form of cuDNN and torch.

    r, z = sigmoid(W x + U h + b)           what to reset, what to keep
    n    = tanh(W x + b + r * (U h + b'))   the candidate; r acts after the product
    h'   = (1 - z) * n + z * h

    Args:
        x: input of this step, (B, D).
        h: hidden state before it, (B, H).
        weights: see the head of this module; the gates stand in the order r, z, n.

    Returns:
        h', (B, H).
    """
    _, z, n = gru_gates(x, h, weights)
    return (1 - z) * n + z * h
