"""What docs/commands.md says to programs: exit statuses, names of errors, keys."""

import re
from collections.abc import Iterator

import pytest

from rnnlab import commands, errors
from rnnlab.config.messages import INTERRUPTED
from rnnlab.documents.output import INTERNAL
from rnnlab.errors import ExitStatus, UserError
from rnnlab.sweeps.scheduler import SearchFailed, SearchStopped
from tests.helpers.configs import ROOT

PAGE = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")


def table_rows(header: str) -> list[list[str]]:
    """The cells of a table of the page, by its first line."""
    _, _, rest = PAGE.partition(f"{header}\n")
    lines = rest.partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def user_errors(parent: type[UserError] = UserError) -> Iterator[type[UserError]]:
    """All classes of errors for the user."""
    for child in parent.__subclasses__():
        yield child
        yield from user_errors(child)


def test_the_page_lists_exactly_the_exit_statuses() -> None:
    rows = table_rows("| exit status | meaning |")
    assert [int(row[0]) for row in rows] == [int(status) for status in ExitStatus]


def test_the_page_lists_exactly_the_names_of_errors() -> None:
    rows = table_rows("| `error.code` | what it is | exit status |")
    listed = {row[0].strip("`"): int(row[2]) for row in rows}
    package = [one for one in user_errors() if one.__module__.startswith("rnnlab")]
    known = {one.code: int(one.exit_status) for one in package}
    known |= {INTERRUPTED: int(ExitStatus.STOPPED), INTERNAL: int(ExitStatus.DIFFERENT)}
    assert listed == known
    assert {SearchFailed, SearchStopped, errors.ConfigError} <= {*package}


def test_the_page_has_the_result_of_every_command() -> None:
    rows = table_rows("| command | `result` |")
    assert {row[0].strip("`") for row in rows} == set(commands.list_commands())


@pytest.mark.parametrize("file", ["compare", "repeat", "evaluate"])
def test_the_help_texts_agree(file: str) -> None:
    """Exit statuses that the docstring of a command names are those of the table."""
    source = (commands.FOLDER / f"{file}.py").read_text(encoding="utf-8")
    numbers = re.findall(r"exit status is (\d+)", source) + re.findall(
        r", (\d+) for an error", source
    )
    assert {int(number) for number in numbers} <= {int(status) for status in ExitStatus}
