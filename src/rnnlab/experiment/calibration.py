"""Prediction intervals of a trained network, from its errors on the validation split."""

from typing import cast

import lightning.pytorch as L
import numpy as np
import torch
from torch import Tensor

from rnnlab.experiment.session import RunParts
from rnnlab.metrics.conformal import ConformalIntervals
from rnnlab.metrics.tracking import find_origins
from rnnlab.models import RecurrentModel
from rnnlab.runtime.distributed import gather_lists
from rnnlab.spec import Batch
from rnnlab.tasks import Forecasting


class ValidationScores(L.LightningModule):
    """Collects the conformity scores of the batches that the Trainer predicts.

    A module of its own: a validation would step the schedules and replace the scores of the model.

    Attributes:
        parts: scores (B, H, V, L) and rows (B,) of each batch of this process.
    """

    def __init__(self, model: RecurrentModel) -> None:
        super().__init__()
        self.model, self.task = model, cast(Forecasting, model.task)
        self.parts: list[tuple[Tensor, Tensor]] = []

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        scores = self.task.conformity_scores(self.model.predict_step(batch, batch_idx), batch)
        self.parts.append((scores.cpu(), batch.rows.cpu()))
        return batch.rows


def fit_intervals(parts: RunParts) -> None:
    """Predict the validation split once more, and keep the intervals with the processor.

    Every process of the run must call this, with the weights that are tested. The targets are those
    of a validation; see trainer.limit_val_batches.
    """
    module = ValidationScores(parts.model)
    loader = parts.data.val_dataloader()
    parts.trainer.predict(module, loader, return_predictions=False)
    columns = zip(*gather_lists(module.parts), strict=True)
    scores, rows = (torch.cat(column).numpy() for column in columns)
    context = parts.data.evaluation_context("val", rows)
    every = np.arange(scores.shape[2])
    parts.data.intervals = ConformalIntervals.fit(
        module.task.interval_levels,
        module.task.has_relative_intervals,
        scores,
        find_origins(context, len(rows), len(every)),
        len(context.get("variables", every)),
        module.task.has_adaptive_intervals,
    )
    if parts.trainer.is_global_zero:
        parts.data.save_processor(parts.folder.path)
