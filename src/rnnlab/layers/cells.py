"""Reference implementations of the recurrent cells, written as the equations of the papers.

The architectures use the fast kernels of torch; tests compare them with these functions in outputs
and gradients. B batch, D input features, H hidden features. A cell maps the input x of a step,
(B, D), and the hidden state h before it, (B, H), to the state after it. The weights are torch's:
`weight_ih` (gates * H, D), `weight_hh` (gates * H, H), and a bias of (gates * H) for each of them.
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
    """Simple recurrence (Elman, 1990): h' = tanh(W x + U h + b), or another activation."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    return activation(linear(x, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh))


class LSTMGates(NamedTuple):
    """Gates of an LSTM at a step, each (..., H); see lstm_cell.

    Attributes:
        input: i, how much of the candidate is written, 0..1.
        forget: f, how much of the cell state is kept, 0..1.
        candidate: g, the new values, -1..1.
        output: o, how much of the cell state is output, 0..1.
    """

    input: Tensor
    forget: Tensor
    candidate: Tensor
    output: Tensor


class GRUGates(NamedTuple):
    """Gates of a GRU at a step, each (..., H); see gru_cell.

    Attributes:
        reset: r, how much of the state the candidate sees, 0..1.
        update: z, how much of the state is kept, 0..1.
        candidate: n, the new values, -1..1.
    """

    reset: Tensor
    update: Tensor
    candidate: Tensor


def lstm_gates(x: Tensor, h: Tensor, weights: Weights) -> LSTMGates:
    """Return the gates of an LSTM for inputs (..., D) and hidden states before them (..., H)."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    gates = linear(x, weight_ih, bias_ih) + linear(h, weight_hh, bias_hh)  # (..., 4H)
    i, f, g, o = gates.chunk(4, dim=-1)
    return LSTMGates(torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o))


def gru_gates(x: Tensor, h: Tensor, weights: Weights) -> GRUGates:
    """Return the gates of a GRU for inputs (..., D) and hidden states before them (..., H)."""
    weight_ih, weight_hh, bias_ih, bias_hh = weights
    x_r, x_z, x_n = linear(x, weight_ih, bias_ih).chunk(3, dim=-1)
    h_r, h_z, h_n = linear(h, weight_hh, bias_hh).chunk(3, dim=-1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    return GRUGates(r, z, torch.tanh(x_n + r * h_n))


def lstm_cell(x: Tensor, state: tuple[Tensor, Tensor], weights: Weights) -> tuple[Tensor, Tensor]:
    """Long short-term memory (Hochreiter & Schmidhuber, 1997; forget gate: Gers et al., 2000).

    i, f, o = sigmoid(W x + U h + b)     input, forget and output gate
    g       = tanh(W x + U h + b)        candidate
    c'      = f * c + i * g
    h'      = o * tanh(c')

    The state is h and c, each (B, H). The weights hold the gates in the order i, f, g, o.
    """
    h, c = state
    i, f, g, o = lstm_gates(x, h, weights)
    c = f * c + i * g
    return o * torch.tanh(c), c


def gru_cell(x: Tensor, h: Tensor, weights: Weights) -> Tensor:
    """Gated recurrent unit (Cho et al., 2014), in the form of cuDNN and torch.

    r, z = sigmoid(W x + U h + b)           reset and update gate
    n    = tanh(W x + b + r * (U h + b'))   candidate; r acts after the product
    h'   = (1 - z) * n + z * h

    The weights hold the gates in the order r, z, n.
    """
    _, z, n = gru_gates(x, h, weights)
    return (1 - z) * n + z * h
