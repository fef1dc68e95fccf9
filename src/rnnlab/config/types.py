"""Types with a range, for the constructors of components.

A constructor's signature is the schema of its YAML file: `hidden_size: PositiveInt` makes
`model.hidden_size=-1` an error before any data is read (see rnnlab.config.signature).
"""

from typing import Annotated

from annotated_types import Ge, Gt, Interval

PositiveInt = Annotated[int, Ge(1)]
NonNegativeInt = Annotated[int, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
Fraction = Annotated[float, Interval(ge=0, le=1)]
Share = Annotated[float, Interval(gt=0, lt=1)]
Probability = Annotated[float, Interval(ge=0, lt=1)]
