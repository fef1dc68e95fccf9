"""The adding problem (Hochreiter & Schmidhuber, 1997): two numbers to be kept and added up."""

from typing import Any

import numpy as np

from rnnlab.config.types import PositiveInt
from rnnlab.data.base import Split
from rnnlab.data.loaders.windows import Floats
from rnnlab.data.synthetic import GeneratedDataModule
from rnnlab.errors import ConfigError
from rnnlab.spec import DataSpec

CONSTANT = 1.0  # the mean of the sum of two numbers that are uniform in [0, 1]
CONSTANT_MSE = 1 / 6  # and its variance, 2 / 12
CONSTANT_MAE = 1 / 3  # |x + y - 1| has a triangular distribution on [0, 1]


def make_adding(count: int, steps: int, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Sequences of (number, marker) and the sum of the two numbers that are marked.

    The numbers are uniform in [0, 1]; one step of the first half and one of the second half have
    the marker 1, all others 0.

    Args:
        count: sequences, N.
        steps: of each sequence, T, at least 2.
        random: draws the numbers and the places of the markers.

    Returns:
        Inputs (N, T, 2) and targets (N, 1, 1).
    """
    numbers = random.uniform(size=(count, steps)).astype(np.float32)
    middle, rows = steps // 2, np.arange(count)
    first = random.integers(0, middle, count)
    second = random.integers(middle, steps, count)
    markers = np.zeros_like(numbers)
    markers[rows, first] = markers[rows, second] = 1
    sums: Floats = numbers[rows, first] + numbers[rows, second]
    return np.stack([numbers, markers], axis=2), sums[:, None, None]


class AddingDataModule(GeneratedDataModule):
    """Generated sequences; the network forecasts one number, the sum of the two marked ones.

    A network that keeps nothing can only say 1, the mean: a mean squared error of 1/6 = 0.1667,
    the variance of what is drawn here (papers quote 0.1767 too, which is not). The best is 0.

    Args:
        steps: of each sequence, T; how long the first number must be kept.
        settings: how many are drawn, and how they are batched; see GeneratedDataModule.
    """

    tasks = ("forecasting",)

    def __init__(self, steps: PositiveInt = 50, **settings: Any) -> None:
        super().__init__(**settings)
        if steps < 2:
            raise ConfigError(f"data.steps={steps}: two numbers are marked, so at least 2")
        self.steps = steps

    def preview(self) -> DataSpec:
        """See DataModule."""
        return DataSpec(output_size=1, input_size=2, variables=("sum",))

    def title(self) -> str:
        """See GeneratedDataModule."""
        return f"adding over {self.steps} steps"

    def draw(self, count: int, random: np.random.Generator) -> tuple[Floats, Floats]:
        """See GeneratedDataModule."""
        return make_adding(count, self.steps, random)

    def input_names(self) -> tuple[str, str]:
        """See DataModule."""
        return ("number", "marker")

    def baselines(self, split: Split) -> dict[str, dict[str, float]]:
        """Always the mean, scored on this split."""
        errors = self.targets[split] - CONSTANT
        scores = {"mse": np.square(errors).mean(), "mae": np.abs(errors).mean()}
        return {"constant": {name: float(score) for name, score in scores.items()}}
