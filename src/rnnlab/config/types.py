"""Types with a range, for the constructors of components.

A constructor's signature is the schema of its YAML file: `hidden_size: LayerSize` makes
`model.hidden_size=-1` an error before any data is read (see rnnlab.config.signature).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Ge, Gt, Interval

LARGEST_INT = 2**31 - 1

PositiveInt = Annotated[int, Interval(ge=1, le=LARGEST_INT)]
NonNegativeInt = Annotated[int, Interval(ge=0, le=LARGEST_INT)]
LayerSize = Annotated[int, Interval(ge=1, le=65_536)]  # features of a layer
NumLayers = Annotated[int, Interval(ge=1, le=1_000)]
Seed = Annotated[int, Interval(ge=0, lt=2**32)]  # the range of numpy
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
NoiseLevel = Annotated[float, Interval(ge=0, le=1e6)]  # its square is a finite float32
Fraction = Annotated[float, Interval(ge=0, le=1)]
Share = Annotated[float, Interval(gt=0, lt=1)]
DecayFactor = Annotated[float, Interval(gt=0, le=1)]
Probability = Annotated[float, Interval(ge=0, lt=1)]
# Texts that Hydra reads as other values when a user types them without quotes.
TypedName = str | int
TypedLabel = str | int | float | bool


@dataclass(frozen=True)
class Rule:
    """Part of a type: a function that raises ValueError for an invalid value.

    >>> def check_even(number: int) -> None:
    ...     if number % 2:
    ...         raise ValueError("must be even")
    >>> EvenInt = Annotated[int, Rule(check_even)]
    """

    check: Callable[[Any], None]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core.core_schema import no_info_after_validator_function

        return no_info_after_validator_function(self.validate, handler(source))

    def validate(self, value: Any) -> Any:
        """Return a valid value."""
        self.check(value)
        return value
