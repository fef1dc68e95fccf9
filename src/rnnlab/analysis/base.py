"""Base of the analyses: what the predictions of a whole test split show beyond averaged metrics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from torch import Tensor

from rnnlab.models import RecurrentModel
from rnnlab.runtime.files import write_text
from rnnlab.spec import Batch


class TestPredictions(NamedTuple):
    """Predictions of a whole test split, in the order of the split.

    Attributes:
        predictions: results of `Task.decode`, (N, ...). Rows of different lengths are padded with
            zeros at the end.
        targets: (N, ...), padded in the same way.
        example: returns the input and other facts of the i-th target, to show beside it.
        evaluation_context: values of the data set about these targets, by name; each analysis
            documents the names that it reads.
        lengths: valid steps of the input of each target, (N,).
        batch: returns the inputs and targets at these positions as a batch; None where the data
            set cannot return single targets.
    """

    predictions: Tensor
    targets: Tensor
    example: Callable[[int], Mapping[str, Any]]
    evaluation_context: Mapping[str, Any] = {}
    lengths: Tensor | None = None
    batch: Callable[[Sequence[int]], Batch] | None = None


@dataclass(frozen=True)
class AnalysisResult:
    """Results of an analysis. Figures and texts are made when they are saved.

    Attributes:
        scores: additional metrics of the network, by name.
        leads: whether these metrics are reported before those of the task.
        baselines: additional metrics of the baselines: baseline -> metric -> value.
        statements: conclusions, a sentence each.
        details: plain values for report.json, such as a metric at each step of a horizon.
        tables: title -> rows of a short table for the screen: column -> value, None if undefined.
        figures: file name -> function that draws the figure to a path.
        texts: file name -> function that returns the content of the file.
        files: file name -> function that writes the file to a path.
    """

    scores: Mapping[str, float] = field(default_factory=dict)
    leads: bool = False
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    statements: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    figures: Mapping[str, Callable[[Path], Path]] = field(default_factory=dict)
    texts: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    files: Mapping[str, Callable[[Path], Path]] = field(default_factory=dict)

    def save(self, folder: Path) -> list[Path]:
        """Write all files, figures and texts to a folder; return the paths of those to look at."""
        for name, write in self.files.items():
            write(folder / name)
        figures = [draw(folder / name) for name, draw in self.figures.items()]
        return figures + [write_text(folder / name, make()) for name, make in self.texts.items()]


class Analysis:
    """Analysis of the test split for one task, selected by `analysis._target_` in conf/task.

    Attributes:
        score_names: names of the scores that it adds.
    """

    score_names: ClassVar[tuple[str, ...]] = ()

    def analyze(self, model: RecurrentModel, test: TestPredictions) -> AnalysisResult:
        """Analyze the predictions of the test split.

        Called after the test, with the weights that were tested. Must leave the network and all
        random states as they are. `model.task.spec` holds the sizes and names of the data.
        """
        raise NotImplementedError
