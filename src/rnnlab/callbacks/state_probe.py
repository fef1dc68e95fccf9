"""States, gates and gradients through time of a network on a fixed batch."""

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor

from rnnlab.layers.state_recorder import CellRecord, gradients_through_time, record_states
from rnnlab.metrics.gradient_health import SATURATED_GATE, SATURATED_STATE, gradient_reach
from rnnlab.spec import Batch

PROBE_SEQUENCES = 8
PROBE_STEPS = 200  # preferred length of the sequences
MAX_PROBE_STEPS = 400  # later steps are not read
DEAD_RANGE = 1e-6  # range of the outputs of a dead unit


class StateProbe:
    """Measures the recurrent layers of a network on some sequences of the validation split.

    All sequences are cut to the length of the shortest one. Evaluation mode: nothing is random,
    and the network stays as it is.
    """

    def __init__(self) -> None:
        self._batch: Batch | None = None

    def measure(
        self, trainer: L.Trainer, model: Any
    ) -> tuple[dict[str, float], dict[str, dict[int, float]]]:
        """Return the values by metric, and the gradients through time by layer.

        Both are empty for a network without a RecurrentLayer, and for sequences of one step.
        """
        records = self._record(trainer, model)
        records = {name: one for name, one in records.items() if one.outputs.shape[1] > 1}
        if not records:
            return {}, {}
        curves = gradients_through_time(records)
        reach = {"gradient_reach": float(gradient_reach(curves))}
        return measure_activity(records) | reach, curves

    def _record(self, trainer: L.Trainer, model: Any) -> Mapping[str, CellRecord]:
        if self._batch is None:
            data: Any = trainer.datamodule  # type: ignore[attr-defined]
            batch = data.sample("val", PROBE_SEQUENCES, PROBE_STEPS)
            self._batch = trainer.precision_plugin.convert_input(batch)
        batch = model.transfer_batch_to_device(self._batch, model.device, 0)
        steps = min(int(batch.lengths.min()), MAX_PROBE_STEPS)
        with record_states(model) as records:
            with torch.no_grad():
                features = model.task.embed(batch.inputs[:, :steps])
            model(features, batch.lengths.clamp(max=steps))
        return records


def measure_activity(records: Mapping[str, CellRecord]) -> dict[str, float]:
    """Return saturation/states, saturation/gates and dead_units: shares over all layers.

    A state is saturated where |tanh| > SATURATED_STATE, a gate within SATURATED_GATE of 0 or 1. A
    unit is dead if its output is the same at all steps of all sequences.
    """
    with torch.no_grad():
        states = [
            values for one in records.values() if (values := one.bounded_states()) is not None
        ]
        gates = [values for one in records.values() for values in one.gates().values()]
        ranges = [one.outputs.amax((0, 1)) - one.outputs.amin((0, 1)) for one in records.values()]
        flags = {
            "saturation/states": [values.abs() > SATURATED_STATE for values in states],
            "saturation/gates": [(values - 0.5).abs() > 0.5 - SATURATED_GATE for values in gates],
            "dead_units": [values <= DEAD_RANGE for values in ranges],
        }
        return {name: share_of(members) for name, members in flags.items() if members}


def share_of(flags: list[Tensor]) -> float:
    """Return the share of the true values."""
    return float(torch.cat([values.flatten() for values in flags]).double().mean())
