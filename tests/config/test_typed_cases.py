"""Commands of users with paths and columns that Hydra cannot read, or settings without a line."""

from pathlib import Path

import pytest

from rnnlab.commands.describe import read_settings
from tests.helpers.cases import case_overrides, open_case
from tests.helpers.configs import CONF


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("advice-does-not-work", "sales"),
        ("column-with-unicode", "\u9500\u91cf"),
        ("path-with-parenthesis", "sales"),
    ],
)
def test_a_command_works_as_it_is_typed(name: str, column: str, series_cases: Path) -> None:
    case = series_cases / name
    words = case_overrides(case)
    _, plain = read_settings(CONF, ["csv_series", *words])
    assert Path(plain["data"]["path"]).is_file()
    data = open_case(case)
    assert data.variables == [column]
    rows = Path(plain["data"]["path"]).read_text(encoding="utf-8").splitlines()[1:]
    assert len(data.targets) == len(rows)


@pytest.mark.parametrize(
    "word",
    ["data.duplicates=first", "data.encoding=utf-8", "data.missing_values=[-200]"],
)
def test_settings_that_an_error_names_work_as_they_are_typed(word: str, series_cases: Path) -> None:
    assert open_case(series_cases / "advice-does-not-work", word).variables == ["sales"]
