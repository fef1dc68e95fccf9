"""Answers to the requests of each kind of input."""

import json
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import pandas as pd
from pydantic import Field, create_model

from rnnlab.data.processors.base import Processor
from rnnlab.data.processors.language_modeling import LanguageModelingProcessor
from rnnlab.data.processors.reading import advise_reading
from rnnlab.data.processors.translation import TranslationProcessor
from rnnlab.data.series.processor import SeriesProcessor
from rnnlab.inference.trained_run import TrainedRun
from rnnlab.serving.limits import MAX_BEAMS, MAX_BLOCKS, ServerLimits
from rnnlab.serving.requests import (
    JsonCell,
    LanguageRequest,
    RowsRequest,
    StrictRequest,
    TextsRequest,
    parse_request,
)

Answer: TypeAlias = dict[str, Any]


class Handler(ABC):
    """Kind of requests of a run, with their answers.

    Args:
        run: the run.
        limits: of the server.

    Attributes:
        form: kind of the form on the web page.
        model: of its requests.
    """

    form: ClassVar[str]

    def __init__(self, run: TrainedRun, limits: ServerLimits) -> None:
        self.run, self.limits = run, limits
        self.model = self.make_model()

    @abstractmethod
    def make_model(self) -> type[StrictRequest]:
        """Return the model of a request, with the limits."""

    @abstractmethod
    def example(self) -> dict[str, Any]:
        """Return a request as JSON."""

    @abstractmethod
    def example_text(self, example: dict[str, Any]) -> str:
        """Return an example as a person types it into the form."""

    @abstractmethod
    def size(self, request: Any) -> int:
        """Return the number of inputs of a request."""

    @abstractmethod
    def answer(self, requests: Sequence[Any]) -> list[Answer]:
        """Return the answer to each of some requests of a group.

        Raises:
            ConfigError: an option is invalid.
            DataError: an input is invalid.
        """

    def group(self, request: Any) -> Hashable:
        """Return what the requests of a batch have in common; None for a batch of its own."""
        return None

    def parse(self, body: bytes) -> Any:
        """Return a request; see parse_request."""
        return parse_request(self.model, body)


class TextsHandler(Handler):
    """Predictions for texts."""

    form = "texts"
    base: ClassVar[type[TextsRequest]] = TextsRequest

    def make_model(self) -> type[TextsRequest]:
        texts = Annotated[list[str] | None, Field(min_length=1, max_length=self.limits.inputs)]
        return create_model("Texts", __base__=self.base, texts=(texts, None))

    def example(self) -> dict[str, Any]:
        return {"texts": self.run.processor.example_inputs()}

    def example_text(self, example: dict[str, Any]) -> str:
        return "\n".join(example["texts"])

    def size(self, request: TextsRequest) -> int:
        return len(request.inputs)

    def group(self, request: TextsRequest) -> Hashable:
        return "texts" if self.run.processor.has_row_per_text else None

    def options(self, request: TextsRequest) -> dict[str, Any]:
        """Return the options of a request."""
        return request.model_dump(exclude={"text", "texts"}, exclude_none=True)

    def answer(self, requests: Sequence[TextsRequest]) -> list[Answer]:
        texts = [text for request in requests for text in request.inputs]
        if self.group(requests[0]) is None:
            frame = self.run.predict(texts, **self.options(requests[0]))
            return [{"predictions": to_records(frame)}]
        frame = self.run.predict(texts, batch_size=self.limits.batch_size)
        records = to_records(frame.drop(columns="text"))
        if len(records) != len(texts):
            raise RuntimeError(f"{len(records)} predictions for {len(texts)} texts")
        rest = iter(records)
        return [{"predictions": list(islice(rest, len(member.inputs)))} for member in requests]


class TranslationHandler(TextsHandler):
    """Translations of sentences; requests without options share a batch."""

    def make_model(self) -> type[TextsRequest]:
        beams = Annotated[int | None, Field(ge=1, le=MAX_BEAMS)]
        fields: dict[str, Any] = {"n_best": (beams, None), "beam_size": (beams, None)}
        return create_model("Sentences", __base__=super().make_model(), **fields)

    def group(self, request: TextsRequest) -> Hashable:
        return None if self.options(request) else super().group(request)


class LanguageHandler(TextsHandler):
    """Texts that continue a prompt, or the perplexity of texts."""

    form = "prompt"
    base = LanguageRequest

    def example(self) -> dict[str, Any]:
        (prompt, *_) = self.run.processor.example_inputs()
        return {"prompt": prompt, "tokens": 20}

    def example_text(self, example: dict[str, Any]) -> str:
        return str(example["prompt"])

    def size(self, request: TextsRequest) -> int:
        return max(1, super().size(request))

    def group(self, request: TextsRequest) -> Hashable:
        return super().group(request) if request.inputs else None

    def answer(self, requests: Sequence[Any]) -> list[Answer]:
        if self.group(requests[0]) is None:
            return [self.continue_prompt(request) for request in requests]
        return super().answer(requests)

    def continue_prompt(self, request: LanguageRequest) -> Answer:
        """Return the text, with its prompt, and a note on unknown tokens."""
        frame = self.run.generate(**request.generation)
        records = to_records(frame[["text"]])
        return {"predictions": records, "notes": list(frame.attrs.get("notes", []))}


class RowsHandler(Handler):
    """Predictions for the rows of a table."""

    form = "rows"

    def make_model(self) -> type[RowsRequest]:
        rows = Field(min_length=1, max_length=self.limits.inputs)
        fields: dict[str, Any] = {"rows": (Annotated[list[dict[str, JsonCell]], rows], ...)}
        processor = self.run.processor
        if isinstance(processor, SeriesProcessor):
            steps = Field(ge=1, le=MAX_BLOCKS * processor.horizon)
            fields["steps"] = (Annotated[int | None, steps], None)
            if processor.columns.series is None and len(processor.series) > 1:
                names: Any = processor.series
                fields["name"] = (Literal[names], ...)
        return create_model("Rows", __base__=RowsRequest, **fields)

    def example(self) -> dict[str, Any]:
        frame: Any = self.run.processor.example_inputs()
        return {**frame.attrs, "rows": to_records(frame)}

    def example_text(self, example: dict[str, Any]) -> str:
        return str(pd.DataFrame(example["rows"]).to_csv(index=False))

    def size(self, request: RowsRequest) -> int:
        return len(request.rows)

    def answer(self, requests: Sequence[RowsRequest]) -> list[Answer]:
        return [self.answer_one(request) for request in requests]

    def answer_one(self, request: RowsRequest) -> Answer:
        """Return the predictions, and notes on repairs of the rows."""
        options = request.model_dump(exclude={"rows"}, exclude_none=True)
        name = {"name": options.pop("name")} if "name" in options else {}
        table = pd.DataFrame(request.rows)
        table.attrs |= name
        with advise_reading(names=()):  # a request has rows, and no settings
            frame = self.run.predict(table, **options)
        return {"predictions": to_records(frame), "notes": list(frame.attrs.get("notes", []))}


def to_records(frame: pd.DataFrame) -> list[Answer]:
    """Return the rows of a table as plain values; an undefined number is None."""
    dates = frame.select_dtypes("datetime")
    frame = frame.assign(**{name: [day.isoformat() for day in dates[name]] for name in dates})
    text = frame.to_json(orient="records", double_precision=15)
    records: list[Answer] = json.loads(text)
    return records


HANDLERS: Mapping[type[Processor], type[Handler]] = {
    LanguageModelingProcessor: LanguageHandler,
    TranslationProcessor: TranslationHandler,
}  # of processors whose inputs are not all that a request says


def make_handler(run: TrainedRun, limits: ServerLimits) -> Handler:
    """Return the handler of a run, by the kind of its inputs.

    Raises:
        ConfigError: the run has no processor.
    """
    for kind, handler in HANDLERS.items():
        if isinstance(run.processor, kind):
            return handler(run, limits)
    return (TextsHandler if run.processor.reads_texts else RowsHandler)(run, limits)
