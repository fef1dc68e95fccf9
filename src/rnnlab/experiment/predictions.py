"""The predictions of a test, from all processes, in the order of the split."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from rnnlab.data.base import DataModule
from rnnlab.models import RecurrentModel
from rnnlab.runtime.distributed import gather_lists
from rnnlab.tasks import TestPredictions


def collect_test_predictions(model: RecurrentModel, data: DataModule) -> TestPredictions:
    """Take the predictions that the model kept during the test, and sort them by row.

    Every process of the run must call this.
    """
    kept: list[Any] = model.test_predictions
    batches = kept if model.task.stateful else gather_lists(kept)
    columns = zip(*batches, strict=True)
    predictions, targets, index = (concatenate_padded(list(column)) for column in columns)
    model.test_predictions.clear()  # long horizons take hundreds of megabytes
    del batches
    order = index.argsort()
    rows = index[order].tolist()
    return TestPredictions(
        predictions[order],
        targets[order],
        lambda i: data.example("test", int(rows[i])),
        data.evaluation_context("test", np.array(rows)),
    )


def concatenate_padded(batches: list[Tensor]) -> Tensor:
    """Concatenate batches; pad those of different widths with zeros at the end."""
    if batches[0].ndim == 1 or len({batch.shape[1:] for batch in batches}) == 1:
        return torch.cat(batches)
    width = max(batch.shape[1] for batch in batches)
    return torch.cat([pad(batch, (0, width - batch.shape[1])) for batch in batches])
