"""Check that exported programs compute the same as the network."""

from collections.abc import Mapping

import numpy as np

from rnnlab.errors import ConfigError
from rnnlab.exports.batches import draw_batch
from rnnlab.exports.form import Execute, Form
from rnnlab.spec import Array

PARITY_TOLERANCE = 1e-5  # of a difference, relative to an answer above 1
SHAPES = (
    (1, 0),
    (3, 0),
    (1, 1),
    (2, 4),
    (4, 11),
    (7, 30),
)  # sequences, and steps beyond the fewest


def check_parity(form: Form, programs: Mapping[str, Execute]) -> float:
    """Compare programs with the network on shapes and lengths that were not traced.

    Returns:
        The largest difference, relative to max(1, |answer|).

    Raises:
        ConfigError: it is larger than PARITY_TOLERANCE, or a program fails.
    """
    return max(
        _check_shape(form, programs, count, steps, seed)
        for seed, (count, steps) in enumerate(SHAPES, start=1)
    )


def _check_shape(
    form: Form, programs: Mapping[str, Execute], count: int, steps: int, seed: int
) -> float:
    batch = draw_batch(form, count, steps, seed)
    place = f"{count} sequences of up to {form.min_steps + steps} steps"
    try:
        difference = compare(form.answer(programs, batch), form.reference(batch))
    except Exception as error:
        reason = str(error).strip().split("\n")[0][:300]
        raise ConfigError(
            f"the exported network fails on {place} ({reason}); nothing was written"
        ) from error
    if not difference <= PARITY_TOLERANCE:
        raise ConfigError(
            f"the exported network differs from the network by {difference:.2g} on {place}, which "
            f"is more than {PARITY_TOLERANCE:g}; nothing was written"
        )
    return difference


def compare(answers: Array, reference: Array) -> float:
    """Return the largest difference of two arrays, relative to max(1, |reference|).

    >>> compare(np.array([1.0, 200.0]), np.array([1.0, 100.0]))
    1.0

    Infinity if their shapes differ.
    """
    if answers.shape != reference.shape:
        return float("inf")
    differences = np.abs(answers - reference) / np.maximum(1, np.abs(reference))
    return float(differences.max(initial=0))
