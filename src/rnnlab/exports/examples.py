"""The example that belongs to a run."""

import shlex
from pathlib import Path
from typing import NamedTuple

from rnnlab.data.datasets.forecasting.stocks import StocksProcessor
from rnnlab.data.datasets.synthetic.adding import AddingProcessor
from rnnlab.data.processors.base import Processor
from rnnlab.data.processors.classification import ClassificationProcessor
from rnnlab.data.processors.language_modeling import LanguageModelingProcessor
from rnnlab.data.processors.translation import TranslationProcessor
from rnnlab.data.series.processor import SeriesProcessor
from rnnlab.data.symbols import SymbolsProcessor
from rnnlab.inference.trained_run import TrainedRun

INPUTS_FILE = "example.csv"


class ExportExample(NamedTuple):
    """A program that uses an exported network.

    Attributes:
        name: of its file in exports/templates.
        needs_tokenizer: it imports the package `tokenizer`.
        module: of exports/templates that it imports; empty for none.
    """

    name: str
    needs_tokenizer: bool = False
    module: str = ""


EXAMPLES: dict[type[Processor], ExportExample] = {
    ClassificationProcessor: ExportExample("texts", needs_tokenizer=True),
    SymbolsProcessor: ExportExample("symbols"),
    AddingProcessor: ExportExample("adding"),
    SeriesProcessor: ExportExample("series", module="series_rows"),
    LanguageModelingProcessor: ExportExample("running_text", needs_tokenizer=True),
    TranslationProcessor: ExportExample("translation", needs_tokenizer=True, module="beam_search"),
}


def write_inputs(processor: Processor, folder: Path, path: Path) -> str:
    """Return what the example reads, as typed; a table becomes a file of the export.

    Args:
        processor: of the run.
        folder: where the export is written.
        path: that the folder will have.
    """
    inputs = processor.example_inputs()
    if isinstance(inputs, list):
        return shlex.quote(inputs[0])
    inputs.to_csv(folder / INPUTS_FILE, index=False)
    return shlex.quote(str(path / INPUTS_FILE))


def find_example(run: TrainedRun, kind: str) -> tuple[ExportExample | None, str]:
    """Return the example of a run; None, and the reason, if there is none."""
    processor = run.processor
    example = EXAMPLES.get(type(processor))
    if isinstance(processor, StocksProcessor):
        return None, "no example.py: it does not compute the features of data=stocks from prices"
    if example is None:
        return None, f"no example.py: there is none for {type(processor).__name__}"
    return example, ""
