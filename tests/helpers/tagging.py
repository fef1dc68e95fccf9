"""A tagging task as a user would write it, the same with a padding bug, and data for both."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from rnnlab.analysis import Analysis, AnalysisResult, TestPredictions
from rnnlab.config.types import PositiveInt
from rnnlab.data.base import ALL_ROWS, Rows
from rnnlab.data.symbols import SymbolsProcessor
from rnnlab.data.synthetic import GeneratedDataModule
from rnnlab.layers import TokenEmbedding
from rnnlab.layers.recurrent import LayerFactory
from rnnlab.models import RecurrentModel
from rnnlab.spec import Batch, DataSpec, valid_steps
from rnnlab.tasks import Encoding, Task

NUM_TAGS, FIRST_TOKEN, LONGEST = 3, 2, 9
SYMBOLS, TAGS = ("<pad>", "<unk>", "A", "B", "C", "D", "E", "F"), ("x", "y", "z")


class Tagging(Task):
    """One label for each token.

    Args:
        spec: sizes of the data: `num_tokens`, `output_size`.
        embedding_size: D.
    """

    name = "tagging"
    metric_names = ("loss", "accuracy")

    def __init__(self, spec: DataSpec, embedding_size: PositiveInt = 8) -> None:
        super().__init__()
        self.spec, self.input_size = spec, embedding_size
        self.embedding = TokenEmbedding(int(spec.num_tokens or 0), embedding_size)

    def build(
        self, output_size: int, bidirectional: bool, layer: LayerFactory | None = None
    ) -> None:
        """See Task."""
        self.classes = nn.Linear(output_size, self.spec.output_size)

    def embed(self, inputs: Tensor) -> Tensor:
        """Convert tokens (B, T) to vectors (B, T, D)."""
        embedded: Tensor = self.embedding(inputs)
        return embedded

    def head(self, outputs: Tensor, lengths: Tensor) -> Tensor:
        """Convert outputs (B, T, H) to scores of the tags (B, T, tags)."""
        scores: Tensor = self.classes(outputs)
        return scores

    def valid(self, batch: Batch) -> Tensor:
        """Return which targets are no padding, (B, T)."""
        return valid_steps(batch.lengths, batch.targets.shape[1])

    def loss(self, predictions: Tensor, batch: Batch) -> Tensor:
        """Return the mean cross entropy of a tag in nats."""
        valid = self.valid(batch)
        return cross_entropy(predictions[valid], batch.targets[valid])

    def num_targets(self, batch: Batch) -> Tensor:
        """Return the number of tags."""
        return self.valid(batch).sum()

    def metric_inputs(self, predictions: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the probabilities of the tags (N, tags) and the targets (N,)."""
        valid = self.valid(batch)
        return predictions[valid].softmax(dim=1), batch.targets[valid]

    def decode(self, predictions: Tensor, encoding: Encoding, batch: Batch) -> Tensor:
        """Return the probabilities of the tags, (B, T, tags)."""
        return predictions.softmax(dim=2)

    def metrics(self) -> MetricCollection:
        """Return the accuracy over all tags."""
        accuracy = MulticlassAccuracy(self.spec.output_size, average="micro")
        return MetricCollection({"accuracy": accuracy}, compute_groups=False)


class PaddedTagging(Tagging):
    """The same with a bug: loss, number of targets and metrics include padding."""

    name = "padded_tagging"

    def valid(self, batch: Batch) -> Tensor:
        """Return True for padding too."""
        return torch.ones_like(batch.targets, dtype=torch.bool)


class TaggingAnalysis(Analysis):
    """The accuracy of sentences of each length."""

    def analyze(self, model: RecurrentModel, test: TestPredictions) -> AnalysisResult:
        """See Analysis."""
        assert test.lengths is not None
        correct = test.predictions.argmax(dim=2) == test.targets
        rows = zip(correct, test.lengths.tolist(), strict=True)
        perfect = [bool(row[:length].all()) for row, length in rows]
        shape = list(test.predictions.shape)
        return AnalysisResult(
            scores={"exact_match": float(np.mean(perfect))}, details={"shape": shape}
        )


class TaggingData(GeneratedDataModule):
    """Sequences of 1 to 9 random tokens; a tag is the token modulo 3, with 0 for padding too.

    Args:
        settings: sizes of the splits and batches; see GeneratedDataModule.
    """

    tasks = ("tagging", "padded_tagging")

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)

    def preview(self) -> DataSpec:
        """See DataModule."""
        return DataSpec(NUM_TAGS, num_tokens=FIRST_TOKEN + 6)

    def title(self) -> str:
        """See GeneratedDataModule."""
        return "random tokens"

    def draw(self, count: int, random: np.random.Generator) -> tuple[Any, Any]:
        """See GeneratedDataModule."""
        tokens = random.integers(FIRST_TOKEN, FIRST_TOKEN + 6, (count, LONGEST))
        lengths = random.integers(1, LONGEST + 1, (count, 1))
        inputs = np.where(np.arange(LONGEST) < lengths, tokens, 0)
        return inputs, np.where(inputs > 0, inputs % NUM_TAGS, 0)

    def lengths(self, split: str) -> Any:
        """See DataModule."""
        return (self.inputs[split] > 0).sum(axis=1)

    def gather(self, split: str, rows: Any) -> Batch:
        """See DataModule; padded to the longest of these sequences only."""
        lengths = torch.from_numpy(self.lengths(split)[rows])
        steps = int(lengths.max())
        inputs = torch.from_numpy(self.inputs[split][rows])[:, :steps]
        targets = torch.from_numpy(self.targets[split][rows])[:, :steps]
        return Batch(inputs, lengths, targets, torch.from_numpy(rows))

    def save_processor(self, folder: Path) -> None:
        """See DataModule."""
        SymbolsProcessor(SYMBOLS, TAGS, num_targets=1).save(folder)

    def baselines(self, split: str, rows: Rows = ALL_ROWS) -> dict[str, dict[str, float]]:
        """Return the accuracy of a guess."""
        return {"guess": {"accuracy": 1 / NUM_TAGS}}
