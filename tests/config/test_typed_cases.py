"""Commands of users with paths and columns that Hydra cannot read, or settings without a line."""

import shlex
from pathlib import Path

import pytest

from rnnlab.commands.describe import read_settings
from rnnlab.errors import ConfigError, DataError
from tests.helpers.cases import case_overrides, open_case, open_typed
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


@pytest.mark.parametrize("column", ["x,y", "{x}", "[kW]", "a, b"])
def test_a_column_that_must_be_quoted_is_read_as_its_error_says(
    column: str, tmp_path: Path
) -> None:
    rows = [f"2020-01-{day:02},{day}" for day in range(1, 32)]
    (tmp_path / "a.csv").write_text("\n".join([f'date,"{column}"', *rows]))
    words = [f"data.path={tmp_path / 'a.csv'}", "data.seq_len=3", "data.horizon=1"]
    with pytest.raises((ConfigError, DataError)) as info:
        open_typed(*words, f"data.target_columns=[{column}]")
    message = str(info.value)
    advice = message[message.index('"data.target_columns=') :]
    assert open_typed(*words, shlex.split(advice)[0]).variables == [column]


def test_the_series_of_a_file_has_the_name_of_this_file(tmp_path: Path) -> None:
    """Also if another file has the same bytes, which were prepared before."""
    names = []
    for name in ("a.csv", "b.csv"):
        rows = [f"2020-01-{day:02},{day}" for day in range(1, 32)]
        (tmp_path / name).write_text("\n".join(["date,v", *rows]))
        words = [f"data.path={tmp_path / name}", "data.seq_len=3", "data.horizon=1"]
        names += open_typed(*words).series_names
    assert names == ["a.csv", "b.csv"]
