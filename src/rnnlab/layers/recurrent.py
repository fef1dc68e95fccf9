"""Stacks of recurrent layers over padded batches.

B batch, T time, D input features, H output features of one direction.
"""

from collections.abc import Callable
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import dropout

from rnnlab.errors import ConfigError
from rnnlab.layers.embedding import LockedDropout

RecurrentInit = Literal["orthogonal", "identity", "xavier", "uniform"]
RecurrentState = list[Any]  # one entry per layer: (1, B, ...) or a tuple of those, as in PyTorch


class RecurrentModule(Protocol):
    """A single recurrent layer in one direction: any nn.Module with PyTorch's recurrent signature.

    nn.RNN, nn.LSTM and nn.GRU with `batch_first=True` are recurrent modules, and so is any custom
    cell with this call and these two attributes. Its state is a tensor (1, B, ...) or a tuple of
    such tensors; None stands for the state before the first step. The optional attribute
    `recurrent_weights` names the parameters, such as "gate.weight", that multiply the previous
    hidden state; `weight_drop` and `initialize_recurrent` use it.

    Attributes:
        input_size: D.
        hidden_size: H, the features of the outputs.
    """

    input_size: int
    hidden_size: int

    @property
    def __call__(self) -> Callable[..., Any]:
        """Map inputs (B, T, D) and a state to outputs (B, T, H) and the state after step T."""


class CellRunner(Protocol):
    """Runs the cell of a layer in place of the layer, to observe it."""

    def run(self, layer: nn.Module, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Return outputs (B, T, H) and the state after step T."""


LayerFactory = Callable[[int, int], RecurrentModule]  # from an input size and a hidden size


def recurrent_weights(cell: RecurrentModule) -> tuple[str, ...]:
    """Return the names of the recurrent matrices of a cell.

    >>> recurrent_weights(nn.GRU(2, 3))
    ('weight_hh_l0',)
    """
    default = ("weight_hh_l0",) if isinstance(cell, nn.RNNBase) else ()
    return tuple(getattr(cell, "recurrent_weights", default))


def reverse_valid_steps(sequences: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverse each sequence within its length; padding stays at the end. (B, T, D) -> (B, T, D).

    A plain flip would move the padding to the front, where a recurrent layer would read it first.

    >>> x = torch.tensor([[1, 2, 3], [4, 5, 0]]).unsqueeze(2)
    >>> reverse_valid_steps(x, torch.tensor([3, 2])).squeeze(2)
    tensor([[3, 2, 1],
            [5, 4, 0]])
    """
    if lengths is None:
        return sequences.flip(1)
    batch, length, features = sequences.shape
    steps = torch.arange(length, device=sequences.device).unsqueeze(1)
    positions = lengths - 1 - steps  # (T, B)
    order = torch.where(positions >= 0, positions, steps)
    rows = order * batch + torch.arange(batch, device=sequences.device)
    by_step = sequences.transpose(0, 1).reshape(-1, features)  # (T B, D), as layers store it
    return by_step.index_select(0, rows.flatten()).view(length, batch, features).transpose(0, 1)


class RecurrentLayer(nn.Module):
    """One layer in one direction: normalize(project(cell(inputs))), with two optional parts.

    The recurrence runs over the H features of the cell. The projection follows it and is therefore
    the same for every cell, unlike `proj_size` of torch, which is part of the recurrence of LSTMs.

    Args:
        cell: a RecurrentModule.
        projection_size: P, the features of a linear map after the cell; None for no projection.
        layer_norm: normalise the outputs over their features (Ba et al., 2016,
            https://arxiv.org/abs/1607.06450).
        weight_drop: probability of dropping an entry of the recurrent matrices in training; one
            mask for all steps and sequences of a batch (Merity et al., 2018,
            https://arxiv.org/abs/1708.02182).
        learned_state: learn the state before the first step; otherwise it is zero.

    Attributes:
        output_size: P, or H.
        recorder: runs the cell and keeps its states; see rnnlab.layers.state_recorder.

    Raises:
        ConfigError: `weight_drop` is set, but the cell names no recurrent matrices.
    """

    recorder: CellRunner | None = None

    def __init__(
        self,
        cell: RecurrentModule,
        projection_size: int | None = None,
        layer_norm: bool = False,
        weight_drop: float = 0.0,
        learned_state: bool = False,
    ) -> None:
        super().__init__()
        assert isinstance(cell, nn.Module)
        if weight_drop and not recurrent_weights(cell):
            raise ConfigError(
                f"model.weight_drop={weight_drop} drops entries of recurrent matrices, but "
                f"{type(cell).__name__} names none in an attribute `recurrent_weights`: set "
                "model.weight_drop=0"
            )
        self.cell = cell
        self.output_size = projection_size or cell.hidden_size
        kind: dict[str, Any] = {"dtype": next(cell.parameters()).dtype}
        sizes = (cell.hidden_size, self.output_size)
        self.project = nn.Linear(*sizes, **kind) if projection_size else None
        self.normalize = nn.LayerNorm(self.output_size, **kind) if layer_norm else None
        self.weight_drop = weight_drop
        self.start = LearnedState(cell) if learned_state else None

    def forward(self, inputs: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Map inputs (B, T, D) and a state to outputs (B, T, P) and the state after step T."""
        if self.start is not None:
            state = self.start(inputs.shape[0], state)
        outputs, after = self.run_cell(inputs, state)  # (B, T, H)
        if self.project is not None:
            outputs = self.project(outputs)  # (B, T, P)
        if self.normalize is not None:
            outputs = self.normalize(outputs)
        return outputs, after

    def run_cell(self, inputs: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Call the cell; in training with dropped entries of its recurrent matrices."""
        if self.recorder is not None:
            return self.recorder.run(self, inputs, state)
        if not (self.training and self.weight_drop):
            return self.cell(inputs, state)  # type: ignore[no-any-return]
        weights = {
            name: dropout(self.cell.get_parameter(name), self.weight_drop)
            for name in recurrent_weights(self.cell)
        }
        return functional_call(self.cell, weights, (inputs, state))  # type: ignore[no-any-return]


class LearnedState(nn.Module):
    """Learned state before the first step of every sequence, initialized with zeros.

    Args:
        cell: called once on zeros to find the structure of its state.
    """

    def __init__(self, cell: RecurrentModule) -> None:
        super().__init__()
        assert isinstance(cell, nn.Module)
        with torch.no_grad():
            _, self._like = cell(next(cell.parameters()).new_zeros(1, 1, cell.input_size))
        vectors = (nn.Parameter(torch.zeros_like(part[0, 0])) for part in list_parts(self._like))
        self.parts = nn.ParameterList(vectors)  # (H,): h, or h and c; not decayed, like biases

    def forward(self, batch_size: int, state: Any) -> Any:
        """Return the learned state for a batch; a state that is passed in stays as it is."""
        parts = iter(self.parts)
        if state is None:
            shape = (1, batch_size)
            return each_part(
                self._like, lambda part: next(parts).expand(*shape, *part.shape[2:]).clone()
            )
        # DDP requires every parameter in each backward pass, if only with a gradient of zero.
        return each_part(state, lambda part: part + 0 * next(parts))


class RecurrentStack(nn.Module):
    """Recurrent layers on top of each other, in one direction or in both.

    Without the keyword options it computes the same function as torch.nn.RNN, LSTM or GRU on a
    packed sequence, but on the padded tensor: the backward pass of a packed sequence takes time
    quadratic in T on the CPU. With all options, a layer after the first maps its input x to

        x + normalize(project(cell(dropout(x))))

    where each direction has its own cell, projection and norm; the directions are concatenated
    before the sum. The first layer has neither dropout nor sum.

    Args:
        layer: builds one RecurrentModule from its input size and hidden size.
        input_size: D.
        hidden_size: H, of each direction.
        num_layers: layers on top of each other.
        bidirectional: a second network reads each sequence from its end; outputs are concatenated.
        dropout: probability of dropping a value between two layers, in training.
        locked_dropout: dropout drops the same features at all steps of a sequence.
        weight_drop: see RecurrentLayer, as are projection_size, layer_norm and learned_state.
        residual: from the second layer on, add the input of a layer to its output (He et al.,
            2016; in recurrent stacks Wu et al., 2016, https://arxiv.org/abs/1609.08144).

    Attributes:
        output_size: features of the outputs, both directions together.
    """

    def __init__(
        self,
        layer: LayerFactory,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        *,
        locked_dropout: bool = False,
        weight_drop: float = 0.0,
        residual: bool = False,
        layer_norm: bool = False,
        projection_size: int | None = None,
        learned_state: bool = False,
    ) -> None:
        super().__init__()

        def direction(size: int) -> RecurrentLayer:
            cell = layer(size, hidden_size)
            return RecurrentLayer(cell, projection_size, layer_norm, weight_drop, learned_state)

        self.output_size = (projection_size or hidden_size) * (2 if bidirectional else 1)
        sizes = [input_size] + [self.output_size] * (num_layers - 1)
        self.forwards = nn.ModuleList(direction(size) for size in sizes)
        self.backwards = nn.ModuleList(direction(size) for size in sizes if bidirectional)
        self.dropout = LockedDropout(dropout) if locked_dropout else nn.Dropout(dropout)
        self.residual = residual

    def forward(
        self, inputs: Tensor, lengths: Tensor | None = None, state: RecurrentState | None = None
    ) -> tuple[Tensor, RecurrentState]:
        """Return the outputs of a batch and the state after it.

        Args:
            inputs: (B, T, D).
            lengths: valid steps of each sequence, (B,); None where all T are valid.
            state: of an earlier call, to continue from; one direction only.

        Returns:
            Outputs (B, T, H), or (B, T, 2H) of both directions, and the state after step T. The
            state of a sequence shorter than T includes padding: use its output at length - 1.
        """
        if state is not None and self.backwards:
            raise ValueError(
                "a bidirectional network has no state to continue from: pass state=None"
            )
        outputs, after = inputs, []
        for depth, layer in enumerate(self.forwards):
            layer_inputs = outputs
            below = self.dropout(layer_inputs) if depth else layer_inputs
            outputs, layer_state = layer(below, state[depth] if state else None)  # (B, T, H)
            after.append(layer_state)
            if self.backwards:
                behind = self._read_backwards(depth, below, lengths)
                outputs = join_directions(outputs, behind)  # (B, T, 2H)
            if self.residual and depth:
                outputs = layer_inputs + outputs
        return outputs, after

    def _read_backwards(self, depth: int, inputs: Tensor, lengths: Tensor | None) -> Tensor:
        outputs, _ = self.backwards[depth](reverse_valid_steps(inputs, lengths))
        return reverse_valid_steps(outputs, lengths)


def join_directions(ahead: Tensor, behind: Tensor) -> Tensor:
    """Return the features of both directions, (B, T, 2H), in memory (T, B, 2H) as each of them."""
    return torch.cat([ahead.transpose(0, 1), behind.transpose(0, 1)], dim=2).transpose(0, 1)


def each_part(state: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Apply a function to every tensor of a state, in order, and return the new state."""
    if isinstance(state, Tensor):
        return change(state)
    return None if state is None else type(state)(each_part(part, change) for part in state)


def list_parts(state: Any) -> list[Tensor]:
    """Return the tensors of a state, in order."""
    if isinstance(state, Tensor):
        return [state]
    return [tensor for part in state or () for tensor in list_parts(part)]


def uniform(block: Tensor) -> Tensor:
    """Initialize as torch does: uniform between -1 / sqrt(H) and 1 / sqrt(H)."""
    limit = block.shape[1] ** -0.5
    return nn.init.uniform_(block, -limit, limit)


RECURRENT_INIT: dict[RecurrentInit, Callable[[Tensor], Tensor]] = {
    "orthogonal": nn.init.orthogonal_,
    "identity": nn.init.eye_,
    "xavier": nn.init.xavier_uniform_,
    "uniform": uniform,
}


@torch.no_grad()
def initialize_recurrent(cell: RecurrentModule, recurrent_init: RecurrentInit) -> None:
    """Initialize the recurrent matrices of a cell, gate by gate.

    Orthogonal matrices keep the length of a gradient through time (Saxe et al., 2014,
    https://arxiv.org/abs/1312.6120); so does the identity, which goes with a simple network of
    rectified units (Le et al., 2015, https://arxiv.org/abs/1504.00941).

    The cell names these matrices, (gates * H, H) each. Xavier: Glorot & Bengio, 2010.
    """
    assert isinstance(cell, nn.Module)
    for name in recurrent_weights(cell):
        for block in torch.split(cell.get_parameter(name), cell.hidden_size):
            RECURRENT_INIT[recurrent_init](block)


@torch.no_grad()
def initialize(
    layer: nn.RNNBase,
    gates: int,
    forget_bias: float | None = None,
    recurrent_init: RecurrentInit = "orthogonal",
) -> None:
    """Initialize a layer of torch: recurrent matrices, Glorot input weights, zero biases.

    Args:
        layer: a single-layer, one-directional module.
        gates: blocks of hidden_size rows in its weights: 1 (RNN), 3 (GRU) or 4 (LSTM).
        forget_bias: bias of an LSTM's forget gate; 1 keeps early memory open (Jozefowicz et al.,
            2015). None where there is no forget gate.
        recurrent_init: see initialize_recurrent.
    """
    weight_ih, _, bias_ih, bias_hh = layer.all_weights[0]
    initialize_recurrent(layer, recurrent_init)
    for block in weight_ih.chunk(gates):
        nn.init.xavier_uniform_(block)
    nn.init.zeros_(bias_ih)
    nn.init.zeros_(bias_hh)
    if forget_bias is not None:
        # torch orders the gates i, f, g, o and adds two biases; the second is left at zero.
        bias_ih.chunk(gates)[1].fill_(forget_bias)
