"""Batches of random sequences, to trace programs and to check them."""

import torch
from torch import Tensor

from rnnlab.exports.form import Form
from rnnlab.spec import UNKNOWN_ID, Batch, DataSpec, Units, valid_steps
from rnnlab.tasks import LanguageModeling, Translation

TRACE_SHAPE = (2, 5)  # sequences and steps, beyond the fewest, of the batch that is traced


def draw_batch(form: Form, count: int, more_steps: int, seed: int) -> Batch:
    """Return random sequences of different lengths; the first one is the longest.

    Args:
        form: see Form.
        count: B.
        more_steps: T, beyond the fewest steps of the form.
        seed: of all values.
    """
    random = torch.Generator().manual_seed(seed)
    steps, spec = form.min_steps + more_steps, form.model.task.spec
    lengths = torch.randint(form.min_steps, steps + 1, (count,), generator=random)
    lengths[0] = steps
    inputs = _draw_inputs(spec, lengths, steps, random)
    units = _draw_units(spec, count, random) if form.has_units else None
    size = (count, spec.horizon, spec.known_size)
    future = torch.randn(size, generator=random) if spec.known_size else None
    targets = _draw_targets(form, inputs, random)
    return Batch(inputs, lengths, targets, lengths, units, future=future)


def _draw_inputs(spec: DataSpec, lengths: Tensor, steps: int, random: torch.Generator) -> Tensor:
    """Return tokens (B, T) or values (B, T, D); padding is zero."""
    valid, shape = valid_steps(lengths, steps), (len(lengths), steps)
    if spec.num_tokens:
        tokens = torch.randint(UNKNOWN_ID, spec.num_tokens, shape, generator=random)
        return tokens * valid
    return torch.randn((*shape, int(spec.input_size or 0)), generator=random) * valid.unsqueeze(2)


def _draw_units(spec: DataSpec, count: int, random: torch.Generator) -> Units:
    """Return units in double precision, with a positive anchor for its logarithm."""
    shape = (count, 1, spec.output_size)
    location, scale, anchor = torch.rand((3, *shape), generator=random, dtype=torch.float64)
    return Units(location - 0.5, scale + 0.5, anchor + 1)


def _draw_targets(form: Form, inputs: Tensor, random: torch.Generator) -> Tensor:
    """Return the targets (B, T) or (B, U) that an answer depends on; none for most tasks."""
    task, (count, steps) = form.model.task, inputs.shape[:2]
    if isinstance(task, LanguageModeling):
        return torch.randint(UNKNOWN_ID, task.spec.output_size, (count, steps), generator=random)
    if isinstance(task, Translation):
        return torch.randint(
            UNKNOWN_ID, task.spec.output_size, (count, steps + 2), generator=random
        )
    return torch.zeros(count, 0)
