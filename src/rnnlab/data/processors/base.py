"""Base of the processors: raw input to batches, and outputs of a network to readable results."""

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator, TypeAdapter, ValidationError
from torch import Tensor

from rnnlab.data.readers.files import read_lines
from rnnlab.errors import ConfigError, about_file, unknown_name
from rnnlab.runtime.files import expand_path, write_json
from rnnlab.spec import Batch, DataSpec

if TYPE_CHECKING:
    import pandas as pd

    from rnnlab.data.base import DataModule

    Inputs: TypeAlias = str | Path | Iterable[str] | NDArray[Any] | pd.DataFrame
    Parts: TypeAlias = Iterator[pd.DataFrame]

PROCESSOR_FILE = "processor.json"
PROCESSOR_FORMAT = 3

PlainArray = Annotated[  # an array of real numbers; a list in JSON, with null for NaN
    NDArray[np.float64],
    PlainValidator(lambda values: np.asarray(values, dtype=np.float64)),
    PlainSerializer(lambda values: np.where(np.isnan(values), None, values).tolist()),
]


SentenceSearch: TypeAlias = Callable[[Batch, int, int], list[list[tuple[list[int], float]]]]


@dataclass(frozen=True)
class Network:
    """A trained network as a processor uses it.

    Attributes:
        answer: returns the answer of the task to a batch, on the CPU; see Task.decode.
        quantiles: levels of the quantiles that it forecasts; empty for one value each.
        search: returns the best sentences for each source of a batch, as tokens and score, the best
            first; takes the batch, the size of the beam and the number of sentences. None for a
            network of another task.
        beam_size: of the search in training.
    """

    answer: Callable[[Batch], Tensor]
    quantiles: tuple[float, ...] = ()
    search: SentenceSearch | None = None
    beam_size: int = 1


class Processor(ABC):
    """Everything that is needed to read new inputs as those of the training.

    Training and prediction use the same object. A run keeps it in its folder, so that the folder
    alone can predict. A processor is a dataclass of plain values.

    Attributes:
        stdin_suffix: format of the inputs where they come without the name of a file.
        has_row_per_text: the predictions have a row for each text, which depends on it alone.
        reading: setting of the data that a new file may need, such as encoding -> the attributes
            that have its value, such as columns.encoding.
    """

    stdin_suffix: ClassVar[str] = ".csv"
    has_row_per_text: ClassVar[bool] = False
    reading: ClassVar[Mapping[str, Sequence[str]]] = {}

    @property
    def reads_texts(self) -> bool:
        """Whether its inputs may be a list of texts; otherwise they are rows of a table."""
        return self.stdin_suffix == ".txt"

    def example_inputs(self) -> "list[str] | pd.DataFrame":
        """Return inputs that it accepts, texts or a table, which show their format."""
        return ["This is good."]

    def token_names(self) -> Sequence[str]:
        """Return the text of each token by its id; empty where the inputs are numbers."""
        return ()

    def sizes(self) -> dict[str, int]:
        """Return the sizes of its network that follow from it, by their names in DataSpec."""
        return {"num_tokens": len(names)} if (names := self.token_names()) else {}

    @abstractmethod
    def predict(self, inputs: "Inputs", network: Network, **options: Any) -> "Parts":
        """Yield the predictions of a network for new inputs, in readable form and in parts.

        Args:
            inputs: a file, a table, or texts; see the processor of each family of data sets.
            network: that was trained on batches of this processor.
            options: of the family.

        Raises:
            ConfigError: there is no such option, or it is invalid.
            DataError: the inputs cannot be read.
        """

    def read_targets(
        self, inputs: "Inputs", spec: DataSpec, batch_size: int, **options: Any
    ) -> "DataModule":
        """Return new inputs with their targets, as a data set with a test split alone.

        Args:
            inputs: a file or a table with the columns of the training.
            spec: sizes of the training.
            batch_size: targets in a batch.
            options: of the family.

        Raises:
            ConfigError: there is no such option, or it is invalid; or the targets of this family
                are not in files.
            DataError: the inputs cannot be read.
        """
        raise ConfigError(
            "the targets of this data set are generated, so that there is no file of them: rnnlab "
            "evaluate <run> scores its test split again"
        )

    def uncalibrate(self) -> "Processor":
        """Return the processor for weights whose prediction intervals are unknown."""
        return self

    def save(self, folder: Path) -> None:
        """Write the processor into a folder."""
        name = f"{type(self).__module__}.{type(self).__qualname__}"
        state = type_adapter(type(self)).dump_python(self, mode="json", warnings=False)
        content = {"format_version": PROCESSOR_FORMAT, "class": name, "state": state}
        write_json(folder / PROCESSOR_FILE, content)


@cache
def type_adapter(kind: type[Processor]) -> TypeAdapter[Processor]:
    """Return what reads and writes the state of processors of a class."""
    return TypeAdapter(kind)


def read_texts(inputs: "Inputs", encoding: str = "utf-8") -> Iterator[str]:
    """Yield texts one by one, or the lines of a file, without their line breaks.

    Raises:
        ConfigError: the inputs are a table, or one is not a text.
        DataError: the file cannot be read.
    """
    if isinstance(inputs, str | Path):
        lines = read_lines(expand_path(inputs), encoding)
        yield from (line.rstrip("\r\n") for line in lines)
    elif isinstance(inputs, Iterable) and not hasattr(inputs, "columns"):  # no table
        texts = inputs.tolist() if isinstance(inputs, np.ndarray) else inputs
        yield from (check_text(text, f"text {i:,}") for i, text in enumerate(texts, start=1))
    else:
        kind = type(inputs).__name__
        raise ConfigError(
            f"the inputs must be a list of texts or a file with one in each line, not {kind}"
        )


def check_text(text: object, name: str) -> str:
    """Return a text unchanged; `name` is its name in errors.

    Raises:
        ConfigError: it is not a text, or has bytes that are not UTF-8.
    """
    if not isinstance(text, str):
        raise ConfigError(f"{name}: is {text!r}, not a text")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        byte = ord(text[error.start]) & 0xFF  # Python keeps a byte as one half of a surrogate
        raise ConfigError(
            f"{name}: character {error.start + 1} is the byte 0x{byte:02x}, which is not UTF-8; "
            "convert it to UTF-8"
        ) from error
    return text


def take_options(options: Mapping[str, Any], **defaults: Any) -> list[Any]:
    """Return the value of each option, in the order of the defaults.

    Raises:
        ConfigError: there is no such option.
    """
    for name in options.keys() - defaults.keys():
        begin = f"{name}: no such option; "
        raise ConfigError(unknown_name(begin, name, defaults, empty="this run has none"))
    return [options.get(name, default) for name, default in defaults.items()]


def load_processor(folder: Path) -> Processor:
    """Read the processor of a run folder. It is data: nothing in it is executed.

    Raises:
        ConfigError: there is none, it is damaged, or another version of rnnlab wrote it.
    """
    path = folder / PROCESSOR_FILE
    if not path.is_file():
        reason = (
            f"has no {PROCESSOR_FILE}, so that the run cannot read new inputs. Either an older "
            "version of rnnlab wrote it: train it again. Or its data set saves none: define "
            "save_processor (docs/extend.md) and train it again"
        )
        raise ConfigError(about_file(folder, reason))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version, name, state = (content[key] for key in ("format_version", "class", "state"))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(about_file(path, f"is damaged ({error})")) from error
    if version != PROCESSOR_FORMAT:
        reason = (
            f"has format {version}, but this version of rnnlab reads {PROCESSOR_FORMAT}. Use the "
            "version that wrote it, or train the run again"
        )
        raise ConfigError(about_file(path, reason))
    try:
        return type_adapter(find_processor(str(name), path)).validate_python(state)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(about_file(path, f"is damaged ({place}: {first['msg']})")) from error


def check_sizes(processor: Processor, spec: DataSpec, folder: Path) -> None:
    """Check that a processor belongs to a network: a smaller vocabulary would give other answers.

    Raises:
        ConfigError: its sizes are not those of the network.
    """
    for name, size in processor.sizes().items():
        if size != (expected := getattr(spec, name)):
            reason = (
                f"is not that of this network, {name} is {size:,} and not {expected:,}; bring the "
                "file of the run back, or train it again"
            )
            raise ConfigError(about_file(folder / PROCESSOR_FILE, reason))


def find_processor(name: str, path: Path) -> type[Processor]:
    """Return the processor class of this name, of rnnlab or of a module that is imported.

    Raises:
        ConfigError: there is no such class.
    """
    module_name, _, class_name = name.rpartition(".")
    if module_name.split(".")[0] == __name__.split(".")[0]:
        with suppress(ImportError):
            import_module(module_name)
    processor: Any = getattr(sys.modules.get(module_name), class_name, None)
    if isinstance(processor, type) and issubclass(processor, Processor):
        return processor
    reason = f"{name!r} is no processor. If it is your own class, import its module first"
    raise ConfigError(about_file(path, reason))
