"""The predictions of a test, from all processes, in the order of the split."""

import hashlib
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from rnnlab.analysis import TestPredictions
from rnnlab.data.base import DataModule
from rnnlab.errors import DivergedError
from rnnlab.models import RecurrentModel
from rnnlab.runtime.distributed import gather_lists


def collect_test_predictions(
    model: RecurrentModel, data: DataModule, baselines: bool
) -> TestPredictions:
    """Take the predictions that the model kept during the test, and sort them by row.

    Every process of the run must call this. With `baselines` the context contains what the
    analysis needs to compare with them.

    Raises:
        DivergedError: a prediction is not finite.
    """
    rank_batches: list[Any] = model.test_predictions
    batches = rank_batches if model.task.stateful else gather_lists(rank_batches)
    columns = zip(*batches, strict=True)
    predictions, targets, index = (concatenate_padded(list(column)) for column in columns)
    model.test_predictions.clear()  # long horizons take hundreds of megabytes
    del batches
    order = index.argsort()
    rows = index[order].numpy()
    check_predictions(predictions)
    context = {**data.evaluation_context("test", rows)}
    context |= data.baseline_context("test", rows) if baselines else {}
    context |= {"intervals": data.intervals} if data.intervals else {}
    return TestPredictions(
        predictions[order],
        targets[order],
        example=lambda i: data.example("test", int(rows[i])),
        evaluation_context=context,
        lengths=torch.as_tensor(data.lengths("test")[rows]),
        batch=None if model.task.stateful else lambda i: data.gather("test", rows[list(i)]),
    )


def checksum_targets(predictions: TestPredictions) -> str:
    """Return a checksum of the targets of a test: equal ones have comparable scores."""
    values = predictions.targets.numpy()
    content = hashlib.sha256(str(values.shape).encode())
    content.update(values.astype("<f4" if values.dtype.kind == "f" else "<i8").tobytes())
    return content.hexdigest()


def check_predictions(predictions: Tensor) -> None:
    """Check the predictions of a test.

    Raises:
        DivergedError: one is not finite.
    """
    finite = predictions.isfinite().reshape(len(predictions), -1).all(dim=1)
    if not finite.all():
        raise DivergedError(
            f"{int((~finite).sum()):,} of {len(finite):,} test predictions are not finite, so they "
            "have no score"
        )


def concatenate_padded(batches: list[Tensor]) -> Tensor:
    """Concatenate batches; pad sequences of different lengths with zeros at the end.

    >>> concatenate_padded([torch.ones(1, 1), torch.ones(1, 2)])
    tensor([[1., 0.],
            [1., 1.]])
    """
    if batches[0].ndim == 1 or len({batch.shape[1:] for batch in batches}) == 1:
        return torch.cat(batches)
    width = max(batch.shape[1] for batch in batches)
    after = [0, 0] * (batches[0].ndim - 2)  # pad counts dimensions from the last one
    return torch.cat([pad(batch, [*after, 0, width - batch.shape[1]]) for batch in batches])
