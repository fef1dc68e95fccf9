"""Base class of the plain recurrent architectures: a stack of layers with all its options."""

from functools import partial
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from rnnlab.config.types import LayerSize, NumLayers, Probability
from rnnlab.errors import ConfigError
from rnnlab.layers import RecurrentStack
from rnnlab.layers.cells import Weights
from rnnlab.layers.recurrent import RecurrentInit, RecurrentModule, RecurrentState
from rnnlab.models.base import OptimizerConfig, RecurrentModel
from rnnlab.spec import Batch
from rnnlab.tasks import Task


class InitializedLayerFactory(Protocol):
    """Builds one RecurrentModule and initializes its recurrent matrices."""

    def __call__(
        self, input_size: int, hidden_size: int, *, recurrent_init: RecurrentInit
    ) -> RecurrentModule: ...


class GateFunction(Protocol):
    """Maps inputs (..., D) and hidden states before them (..., H) to a named tuple of (..., H)."""

    def __call__(self, x: Tensor, h: Tensor, weights: Weights) -> Any: ...


class StackedModel(RecurrentModel):
    """Base of RNN, LSTM and GRU, which differ only in their layer.

    A subclass takes `**settings`, passes them on and names only its own; the schema of its YAML
    includes the parameters of this class (rnnlab.config.signature.configurable_parameters).

    Args:
        layer: builds one layer; set by the subclass.
        hidden_size: features of the state of each direction.
        num_layers: layers on top of each other.
        bidirectional: read each sequence from its end too.
        dropout: probability of dropping a value between two layers.
        locked_dropout: see RecurrentStack, as are the settings below.
        weight_drop: probability of dropping an entry of the recurrent matrices, one mask per batch.
        residual: from the second layer on, add the input of a layer to its output.
        layer_norm: normalise the outputs of each layer.
        projection_size: output features of each direction of a layer; None for hidden_size.
        learned_state: learn the state before the first step.
        recurrent_init: orthogonal | identity | xavier | uniform, of the recurrent matrices.

    Attributes:
        mixes_steps: whether each output depends on all steps.
        gates: function that computes the gates of the cell; None for a cell without gates.

    Raises:
        ConfigError: a setting acts between layers, but there is only one layer.
    """

    mixes_steps: ClassVar[bool] = False
    gates: ClassVar[GateFunction | None] = None

    def __init__(
        self,
        task: Task,
        optimizer_config: OptimizerConfig | None,
        layer: InitializedLayerFactory,
        hidden_size: LayerSize = 128,
        num_layers: NumLayers = 1,
        bidirectional: bool = False,
        dropout: Probability = 0.0,
        *,
        locked_dropout: bool = False,
        weight_drop: Probability = 0.0,
        residual: bool = False,
        layer_norm: bool = False,
        projection_size: LayerSize | None = None,
        learned_state: bool = False,
        recurrent_init: RecurrentInit = "orthogonal",
    ) -> None:
        super().__init__(task, optimizer_config)
        check_depth(num_layers, dropout, locked_dropout, residual)
        make = partial(layer, recurrent_init=recurrent_init)
        self.body = RecurrentStack(
            make,
            task.input_size,
            hidden_size,
            num_layers,
            bidirectional,
            dropout,
            locked_dropout=locked_dropout,
            weight_drop=weight_drop,
            residual=residual,
            layer_norm=layer_norm,
            projection_size=projection_size,
            learned_state=learned_state,
        )
        causal = not self.mixes_steps
        self.build_head(self.body.output_size, bidirectional and causal, make, causal=causal)

    def forward(
        self, inputs: Tensor, lengths: Tensor | None = None, state: RecurrentState | None = None
    ) -> tuple[Tensor, RecurrentState | None]:
        outputs: tuple[Tensor, RecurrentState] = self.body(inputs, lengths, state)
        return outputs

    def internals(self, batch: Batch) -> dict[str, Tensor]:
        """Return the hidden state and the gates of the last layer, forward direction."""
        cell = self.body.forwards[-1].get_submodule("cell")
        calls: list[tuple[Tensor, Any, Tensor]] = []
        hook = cell.register_forward_hook(lambda _, inputs, out: calls.append((*inputs, out[0])))
        self(self.task.embed(batch.inputs), batch.lengths)
        hook.remove()
        inputs, state, outputs = calls[0]
        if self.gates is None:
            return {"hidden state": outputs}
        before = torch.cat([first_hidden(state, outputs), outputs[:, :-1]], dim=1)  # (B, T, H)
        assert isinstance(cell, nn.RNNBase)
        gates = self.gates(inputs, before, cell.all_weights[0])
        gate_values = {f"gate: {name}": values for name, values in gates._asdict().items()}
        return {"hidden state": outputs, **gate_values}


def first_hidden(state: Any, outputs: Tensor) -> Tensor:
    """Return the hidden state before the first step, (B, 1, H); zero if the state is None."""
    if state is None:
        return torch.zeros_like(outputs[:, :1])
    h: Tensor = state if isinstance(state, Tensor) else state[0]  # of an LSTM (h, c)
    return h.transpose(0, 1)


def check_depth(num_layers: int, dropout: float, locked_dropout: bool, residual: bool) -> None:
    """Check that settings which act between layers have several layers.

    Raises:
        ConfigError: there is only one layer, or no dropout to lock.
    """
    if dropout and num_layers == 1:
        raise ConfigError(
            f"model.dropout={dropout}: acts between layers, but model.num_layers is 1. Raise "
            "model.num_layers, or set model.dropout=0 and use task.head_dropout"
        )
    if residual and num_layers == 1:
        raise ConfigError(
            "model.residual=true: adds the input of each layer from the second on, but "
            "model.num_layers is 1. Raise model.num_layers, or set model.residual=false"
        )
    if locked_dropout and not dropout:
        raise ConfigError(
            "model.locked_dropout=true: changes model.dropout, but model.dropout is 0. Set it, "
            "such as model.dropout=0.2, or set model.locked_dropout=false"
        )
