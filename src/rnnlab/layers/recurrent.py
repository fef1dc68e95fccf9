"""Stacks of recurrent layers over padded batches.

B batch, T time, D input features, H output features of one direction.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

State = list[Any]  # one entry a layer: torch's own, h (1, B, H) or (h, c)


def reverse_valid_steps(sequences: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverse each sequence within its length; padding stays at the end. (B, T, D) -> (B, T, D).

    A plain flip would put the padding first, so that a recurrent layer would read it before the
    sequence.

    >>> x = torch.tensor([[1, 2, 3], [4, 5, 0]]).unsqueeze(2)
    >>> reverse_valid_steps(x, torch.tensor([3, 2])).squeeze(2)
    tensor([[3, 2, 1],
            [5, 4, 0]])
    """
    if lengths is None:
        return sequences.flip(1)
    steps = torch.arange(sequences.shape[1], device=sequences.device)
    mirrored = lengths.unsqueeze(1) - 1 - steps  # (B, T)
    order = torch.where(mirrored >= 0, mirrored, steps)
    return sequences.gather(1, order.unsqueeze(2).expand_as(sequences))


class RecurrentStack(nn.Module):
    """Recurrent layers on top of each other, in one direction or in both.

    The same function as torch.nn.RNN, LSTM or GRU over a packed sequence, but over the padded
    tensor: the backward pass of a packed sequence takes time quadratic in T on the CPU.

    Args:
        layer: makes one single-layer recurrent module from its input size and hidden size.
        input_size: D.
        hidden_size: H, of each direction.
        num_layers: layers on top of each other.
        bidirectional: a second network reads each sequence from its end; outputs are joined.
        dropout: chance to drop a value between two layers, while training.
    """

    def __init__(
        self,
        layer: Callable[[int, int], nn.RNNBase],
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.output_size = hidden_size * (2 if bidirectional else 1)
        sizes = [input_size] + [self.output_size] * (num_layers - 1)
        self.forwards = nn.ModuleList(layer(size, hidden_size) for size in sizes)
        self.backwards = nn.ModuleList(layer(size, hidden_size) for size in sizes if bidirectional)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, inputs: Tensor, lengths: Tensor | None = None, state: State | None = None
    ) -> tuple[Tensor, State]:
        """Read a batch.

        Args:
            inputs: (B, T, D).
            lengths: valid steps of each sequence, (B,); None where all T are valid.
            state: what an earlier call returned, to go on from there; one direction only.

        Returns:
            Outputs (B, T, H), or (B, T, 2H) of both directions, and the state after step T. Where a
            sequence is shorter than T its state has read padding: take outputs at length - 1.
        """
        if state is not None and self.backwards:
            raise ValueError("a bidirectional network has no state to go on from: give state=None")
        outputs, after = inputs, []
        for depth, layer in enumerate(self.forwards):
            below = self.dropout(outputs) if depth else outputs
            outputs, layer_state = layer(below, state[depth] if state else None)  # (B, T, H)
            after.append(layer_state)
            if self.backwards:
                behind = self._read_backwards(depth, below, lengths)
                outputs = torch.cat([outputs, behind], dim=2)  # (B, T, 2H)
        return outputs, after

    def _read_backwards(self, depth: int, inputs: Tensor, lengths: Tensor | None) -> Tensor:
        outputs, _ = self.backwards[depth](reverse_valid_steps(inputs, lengths))
        return reverse_valid_steps(outputs, lengths)


def detached(state: Any) -> Any:
    """The same state, from which no gradient flows back."""
    return each_part(state, lambda part: part.detach())


def moved(state: Any, device: torch.device) -> Any:
    """The same state on another device."""
    return each_part(state, lambda part: part.to(device))


def each_part(state: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same state with every tensor in it changed; they are visited in order."""
    if isinstance(state, Tensor):
        return change(state)
    return None if state is None else type(state)(each_part(part, change) for part in state)


@torch.no_grad()
def initialize(layer: nn.RNNBase, gates: int, forget_bias: float | None = None) -> None:
    """Orthogonal recurrent weights, Glorot input weights, zero biases, gate by gate.

    Orthogonal matrices keep the length of a gradient through time (Saxe et al., 2014,
    https://arxiv.org/abs/1312.6120).

    Args:
        layer: a single-layer, one-directional module.
        gates: blocks of hidden_size rows in its weights: 1 (RNN), 3 (GRU) or 4 (LSTM).
        forget_bias: bias of an LSTM's forget gate; 1 keeps early memory open (Jozefowicz et al.,
            2015). None where there is no forget gate.
    """
    weight_ih, weight_hh, bias_ih, bias_hh = layer.all_weights[0]
    for block in weight_hh.chunk(gates):
        nn.init.orthogonal_(block)
    for block in weight_ih.chunk(gates):
        nn.init.xavier_uniform_(block)
    nn.init.zeros_(bias_ih)
    nn.init.zeros_(bias_hh)
    if forget_bias is not None:
        # torch orders the gates i, f, g, o and adds two biases; the second is left at zero.
        bias_ih.chunk(gates)[1].fill_(forget_bias)
