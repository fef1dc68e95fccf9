"""Commands of users with files that were once read wrongly."""

import shlex
from pathlib import Path
from typing import Any

from rnnlab.config.schema import parse
from rnnlab.experiment.build import build_data
from tests.helpers.configs import compose


def case_overrides(case: Path) -> list[str]:
    """Return the overrides of the command of a case, with the path of its file."""
    words = shlex.split((case / "cmd").read_text())
    return [
        word.replace("../shared/cases/series", str(case.parent)) for word in words if "=" in word
    ]


def open_case(case: Path, *overrides: str) -> Any:
    """Return the data set of the command of a case, with its file read."""
    words = [word for word in case_overrides(case) if word.startswith("data.")]
    return open_typed(*words, *overrides)


def open_typed(*words: str, data: str = "csv_series") -> Any:
    """Return the data set of these words of a command line, with its file read."""
    module = build_data(parse(compose(f"data={data}", *words)))
    module.setup()
    return module
