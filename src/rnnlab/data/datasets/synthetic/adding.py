"""Adding problem (Hochreiter & Schmidhuber, 1997): remember two numbers and add them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnlab.config.types import PositiveInt
from rnnlab.data.base import ALL_ROWS, Rows, Split, to_batch
from rnnlab.data.processors.base import Network, Processor, take_options
from rnnlab.data.readers.series import series_of_table
from rnnlab.data.readers.series_columns import SeriesColumns
from rnnlab.data.readers.tables import open_inputs
from rnnlab.data.synthetic import GeneratedDataModule
from rnnlab.errors import ConfigError
from rnnlab.spec import Array, DataSpec

if TYPE_CHECKING:
    import pandas as pd

    from rnnlab.data.processors.base import Inputs, Parts

CONSTANT = 1.0  # mean of the sum of two numbers that are uniform in [0, 1]
CONSTANT_MSE = 1 / 6  # its variance, 2 / 12
CONSTANT_MAE = 1 / 3  # |x + y - 1| has a triangular distribution on [0, 1]


def make_adding(count: int, steps: int, random: np.random.Generator) -> tuple[Array, Array]:
    """Return sequences of (number, marker), (N, T, 2), and the sum of two numbers, (N, 1, 1).

    The numbers are uniform in [0, 1]; one step of the first half and one of the second half have
    the marker 1, all others 0. The marked numbers are added.
    """
    numbers = random.uniform(size=(count, steps)).astype(np.float32)
    middle, rows = steps // 2, np.arange(count)
    first = random.integers(0, middle, count)
    second = random.integers(middle, steps, count)
    markers = np.zeros_like(numbers)
    markers[rows, first] = markers[rows, second] = 1
    sums: Array = numbers[rows, first] + numbers[rows, second]
    return np.stack([numbers, markers], axis=2), sums[:, None, None]


@dataclass(frozen=True)
class AddingProcessor(Processor):
    """Processor of sequences of numbers and markers."""

    def example_inputs(self) -> "pd.DataFrame":
        import pandas as pd

        return pd.DataFrame({"number": [0.5, 0.25, 0.75, 0.125], "marker": [1, 0, 1, 0]})

    def predict(self, inputs: "Inputs", network: Network, **options: Any) -> "Parts":
        """Yield the sum of the two marked numbers of a sequence.

        Args:
            inputs: a table, or its file, with columns `number` and `marker`, a row for each step.
            network: that was trained on the adding problem.
            options: none.

        Yields:
            One row with `prediction`.

        Raises:
            DataError: the table cannot be read.
        """
        import pandas as pd

        take_options(options)
        columns = SeriesColumns(date=None, values=("number", "marker"))
        series = series_of_table(open_inputs(inputs, columns.table_format), columns, [])
        values = np.asarray(series.values, dtype=np.float32)[None]  # (1, T, 2)
        targets = np.full((1, 1, 1), np.nan)
        batch = to_batch(values, np.array([values.shape[1]]), targets, np.zeros(1, dtype=int))
        yield pd.DataFrame({"prediction": network.answer(batch).numpy().ravel()})


class AddingDataModule(GeneratedDataModule):
    """Generated sequences; the network predicts one number, the sum of the two marked ones.

    The best prediction without memory is the mean, 1. Its mean squared error is the variance of the
    sum, 1/6 = 0.1667 (some papers quote 0.1767, which is wrong). The best error is 0.

    Args:
        steps: of each sequence, T; the first number must be remembered up to T steps.
        settings: sizes of the splits and batches; see GeneratedDataModule.
    """

    tasks = ("forecasting",)

    def __init__(self, steps: PositiveInt = 50, **settings: Any) -> None:
        super().__init__(**settings)
        if steps < 2:
            raise ConfigError(f"data.steps={steps}: two numbers are marked; use at least 2")
        self.steps = steps

    def preview(self) -> DataSpec:
        return DataSpec(output_size=1, input_size=2, variables=("sum",))

    def title(self) -> str:
        return f"adding over {self.steps} steps"

    def draw(self, count: int, random: np.random.Generator) -> tuple[Array, Array]:
        return make_adding(count, self.steps, random)

    def save_processor(self, folder: Path) -> None:
        """See DataModule."""
        AddingProcessor().save(folder)

    def input_names(self) -> tuple[str, str]:
        return ("number", "marker")

    def baselines(self, split: Split, rows: Rows = ALL_ROWS) -> dict[str, dict[str, float]]:
        """Return the scores of the constant prediction of the mean."""
        errors = self.targets[split][rows].astype(np.float64) - CONSTANT
        scores = {"mse": np.square(errors).mean(), "mae": np.abs(errors).mean()}
        return {"constant": {name: float(score) for name, score in scores.items()}}
