"""Models of requests: the same declaration checks and describes a request."""

from collections.abc import Collection
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from rnnlab.errors import DataError, did_you_mean
from rnnlab.runtime.texts import shorten
from rnnlab.serving.limits import MAX_NEW_TOKENS

MAX_NUMBER = 1e300
MAX_PROBLEMS = 3  # of a request that are named
TEXT_FIELDS = ("text", "texts")
MAX_NAME = 60  # characters of a name in an error


def check_cell(value: Any) -> Any:
    """Return the value of a cell unchanged.

    Raises:
        ValueError: it is no scalar of JSON.
    """
    if not isinstance(value, int | float | str | None):
        raise ValueError("must be a number, a text, true, false or null")
    if isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:
        raise ValueError("must be a finite number")
    return value


JsonCell = Annotated[
    Any,
    AfterValidator(check_cell),
    WithJsonSchema({"type": ["number", "string", "boolean", "null"]}),
]


class StrictRequest(BaseModel):
    """Base of the requests: values are not converted, and unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class TextsRequest(StrictRequest):
    """Either `text` or `texts`."""

    text: str | None = None
    texts: list[str] | None = None

    @model_validator(mode="after")
    def check_one(self) -> Self:
        """Raise ValueError unless exactly one of the fields has a value."""
        if (self.text is None) == (self.texts is None):
            raise ValueError("give either text, one text, or texts, a list of them")
        return self

    @property
    def inputs(self) -> list[str]:
        """The texts."""
        return [self.text] if self.text is not None else self.texts or []


class RowsRequest(StrictRequest):
    """Rows of a table; each has the same columns."""

    rows: list[dict[str, JsonCell]]

    @model_validator(mode="after")
    def check_columns(self) -> Self:
        """Raise ValueError if a row lacks a column of the first row, or has another one."""
        columns = self.rows[0].keys()
        for number, row in enumerate(self.rows, start=1):
            if row.keys() != columns:
                name = shorten(str(min(row.keys() ^ columns)), MAX_NAME)
                problem = "has no column" if name in columns else "has a column"
                raise ValueError(
                    f"rows: row {number:,} {problem} {name!r}, unlike row 1; each row must have "
                    "the same columns, with null for a missing value"
                )
        return self


class LanguageRequest(TextsRequest):
    """Texts to score; or the beginning of a text, and how it goes on, see TrainedRun.generate."""

    prompt: str = ""
    tokens: int = Field(default=100, ge=1, le=MAX_NEW_TOKENS)
    temperature: float = Field(default=0.8, ge=0)
    top_k: int | None = Field(default=None, ge=1)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int = Field(default=0, ge=0, lt=2**63)

    @model_validator(mode="after")
    def check_one(self) -> Self:
        """Raise ValueError if several of the fields `text`, `texts` and `prompt` have a value."""
        names = [name for name in TEXT_FIELDS if getattr(self, name) is not None]
        others = self.model_fields_set - set(names)
        if len(names) > 1 or (names and others):
            raise ValueError(
                "give either text or texts, to score them, or prompt with its options, to continue "
                f"it; not {' and '.join(sorted({*names, *others}))}"
            )
        return self

    @property
    def generation(self) -> dict[str, Any]:
        """The arguments of TrainedRun.generate."""
        return self.model_dump(exclude=set(TEXT_FIELDS))


def parse_request(model: type[StrictRequest], body: bytes) -> Any:
    """Return a request.

    Raises:
        DataError: the body is not JSON, or not a request of this model.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        problems = [
            describe_problem(item, model.model_fields)
            for item in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        more = len(problems) - MAX_PROBLEMS
        rest = [f"and {more:,} more"] if more > 0 else []
        raise DataError("; ".join([*problems[:MAX_PROBLEMS], *rest])) from error


def describe_problem(item: Any, fields: Collection[str]) -> str:
    """Return a sentence on an error of pydantic."""
    place = shorten(".".join(map(str, item["loc"])), MAX_NAME)
    if item["type"] == "extra_forbidden":
        return f"{place}: no such field; {did_you_mean(place, fields)}"
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "json_invalid":
        return f"the body is not JSON: {message.removeprefix('Invalid JSON: ')}"
    return f"{place}: {message}" if place else message
