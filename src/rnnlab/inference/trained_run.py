"""A trained run: its network, and everything that it needs to read new inputs."""

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from rnnlab.data.processors.base import Network, Processor, load_processor, take_options
from rnnlab.experiment.load import load_model
from rnnlab.inference.evaluation import (
    Evaluation,
    batch_size_of,
    evaluate_again,
    evaluate_new,
)
from rnnlab.models import RecurrentModel
from rnnlab.report.folder import RunFolder
from rnnlab.spec import Batch

if TYPE_CHECKING:
    import pandas as pd

    from rnnlab.data.processors.base import Inputs


class TrainedRun:
    """A run of the disk, ready for use on the CPU.

    Args:
        run_dir: folder of the run; neither its data nor the cache is needed.
        checkpoint: best | last.

    Attributes:
        model: the network, in evaluation mode.

    Raises:
        ConfigError: there is no such checkpoint, or another version of rnnlab wrote it.
    """

    def __init__(self, run_dir: str | Path, checkpoint: str = "best") -> None:
        self.folder = RunFolder(Path(run_dir))
        self.model: RecurrentModel = load_model(run_dir, checkpoint)

    @cached_property
    def processor(self) -> Processor:
        """Reads new inputs as those of the training."""
        return load_processor(self.folder.path)

    @property
    def report(self) -> dict[str, Any]:
        """The content of report.json."""
        return self.folder.read_report()

    def predict(self, inputs: "Inputs", **options: Any) -> "pd.DataFrame":
        """Return the predictions for new inputs.

        Args:
            inputs: a file, a table, or texts.
            options: of the family of data sets; see the `predict` of its processor.

        Raises:
            ConfigError: an option is invalid, or the run has no processor.
            DataError: the inputs cannot be read.
        """
        import pandas as pd

        parts = list(self.predict_parts(inputs, **options))
        return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)

    def predict_parts(self, inputs: "Inputs", **options: Any) -> "Iterator[pd.DataFrame]":
        """Yield the predictions in parts, for files that are larger than the memory."""
        quantiles = getattr(self.model.task, "quantiles", ())
        return self.processor.predict(inputs, Network(self.answer, quantiles), **options)

    def evaluate(self, data: "Inputs | None" = None, **options: Any) -> Evaluation:
        """Return the scores of the network.

        Args:
            data: a file or a table with targets, with the columns of the training; it is never
                fitted to. None for the run's own test split, whose data is read again.
            options: of the family of data sets; see the `read_targets` of its processor.

        Raises:
            ConfigError: an option is invalid, or with None, the run is not finished.
            DataError: the data cannot be read, or with None, has changed.
        """
        if data is None:
            take_options(options)
            return evaluate_again(self.model, self.folder.path)
        size = batch_size_of(self.model)
        targets = self.processor.read_targets(data, self.model.task.spec, size, **options)
        return evaluate_new(self.model, self.folder.path, targets)

    @property
    def answer(self) -> Callable[[Batch], Tensor]:
        """Function from a batch to the answer of the task; see Task.decode."""

        def run(batch: Batch) -> Tensor:
            with torch.inference_mode():
                return self.model.predict_step(batch, 0).cpu()

        return run
