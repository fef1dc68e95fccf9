"""The example that belongs to a run."""

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


class ExportExample(NamedTuple):
    """A program that uses an exported network.

    Attributes:
        name: of its file in export/templates.
        arguments: of its command line, to show how it is called.
        needs_tokenizer: it imports the package `tokenizer`.
    """

    name: str
    arguments: str
    needs_tokenizer: bool = False


EXAMPLES: dict[type[Processor], ExportExample] = {
    ClassificationProcessor: ExportExample("texts", '"A fine film."', needs_tokenizer=True),
    SymbolsProcessor: ExportExample("symbols", '"<symbols, separated by spaces>"'),
    AddingProcessor: ExportExample("adding", "sequence.csv"),
    SeriesProcessor: ExportExample("series", "history.csv"),
    LanguageModelingProcessor: ExportExample("running_text", '"A line."', needs_tokenizer=True),
    TranslationProcessor: ExportExample("translation", '"<a sentence>"', needs_tokenizer=True),
}


def find_example(run: TrainedRun, kind: str) -> tuple[ExportExample | None, str]:
    """Return the example of a run; None, and the reason, if there is none."""
    processor = run.processor
    example = EXAMPLES.get(type(processor))
    if isinstance(processor, StocksProcessor):
        return None, "no example.py: it does not compute the features of data=stocks from prices"
    if example is None:
        return None, f"no example.py: there is none for {type(processor).__name__}"
    return example, ""
