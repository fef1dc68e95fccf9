"""What an error says in words and in the parts that a program reads."""

import ast
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_origin

import pytest

import rnnlab
from rnnlab.config.schema import COLLECTIONS, COMPONENTS
from rnnlab.errors import (
    SECTIONS,
    SETTING_BEGINNING,
    ConfigError,
    DataError,
    Problem,
    about_file,
    unknown_name,
)
from rnnlab.sweeps.schema import GROUPS, SweepConfig

PACKAGE = Path(rnnlab.__file__).parent

# Errors of functions of Python about their arguments, of the package itself, or of a machine:
# they begin with a sentence, and no setting is at fault.
SENTENCES = (
    "a language model reads a text as one stream",
    "a network that translates has no internals",
    "an array of shape",
    "the exported network",
    "the inputs must be",
    "the targets of this data set are generated",
    "this network cannot search",
)


def raised_messages() -> Iterator[tuple[str, ast.expr]]:
    """Yield place and argument of each ConfigError of the package."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ConfigError":
                yield from ((f"{path.relative_to(PACKAGE)}:{node.lineno}", a) for a in node.args)


def literal_text(node: ast.expr) -> str | None:
    """Return a text of the source with `x` for each value in it; None for anything else."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        parts = (p.value if isinstance(p, ast.Constant) else "x" for p in node.values)
        return "".join(map(str, parts))
    return None


def test_messages_of_the_package_begin_with_the_setting_at_fault() -> None:
    texts = {place: literal_text(node) for place, node in raised_messages()}
    messages = {place: text for place, text in texts.items() if text is not None}
    assert len(messages) > 100
    unnamed = [
        f"{place}: {text}"
        for place, text in messages.items()
        if not SETTING_BEGINNING.match(text.replace("+", ""))
        and not text.startswith(("=", ".", "must be ", "has no steps", *SENTENCES))  # of a part
    ]
    assert not unnamed, "\n".join(unnamed)


def test_sections_are_those_of_a_run_and_of_a_search() -> None:
    fields = {field.name: field.type for field in dataclasses.fields(SweepConfig)}
    mappings = {name for name, kind in fields.items() if get_origin(kind) in (dict, Mapping)}
    assert {*COMPONENTS, *COLLECTIONS, "trainer", *GROUPS} <= set(SECTIONS)
    assert set(SECTIONS) - {*COMPONENTS, *COLLECTIONS, "trainer"} <= fields.keys()
    assert mappings <= set(SECTIONS)


@pytest.mark.parametrize(
    ("message", "setting", "value"),
    [
        ("/data/reviews.csv: the file is empty", None, "/data/reviews.csv"),
        ("reviews.csv, line 3: no label", None, "reviews.csv"),
        ("reviews.csv, row 1,203, column 'text': is a list", None, "reviews.csv"),
        ("data.csv: the file is empty", None, "data.csv"),
        ("data.positive_class=spam: there is no such class", "data.positive_class", "spam"),
        ("standard input, line 3: is not UTF-8", None, None),
        ("the hub's data set imdb could not be loaded: no network", None, None),
    ],
)
def test_a_message_that_begins_with_a_file_names_it(
    message: str, setting: str | None, value: str | None
) -> None:
    problem = DataError(message).problems[0]
    assert (problem.setting, problem.value, str(problem)) == (setting, value, message)


def test_a_file_at_fault_is_a_value() -> None:
    problem = ConfigError(about_file("outputs", "there is no such folder")).problems[0]
    assert (problem, problem.setting, problem.value) == (
        "outputs: there is no such folder",
        None,
        "outputs",
    )


def test_a_name_that_is_not_valid_comes_with_all_choices() -> None:
    error = ConfigError(unknown_name("mode=mn: ", "mn", ["max", "min"]))
    assert str(error) == "mode=mn: did you mean min? choices: max, min"
    problem = error.problems[0]
    assert (problem.setting, problem.value, problem.choices) == ("mode", "mn", ["max", "min"])
    assert problem.suggestions == ["mode=min"]
    option = ConfigError(unknown_name("--metric tst/f1: ", "tst/f1", ["test/f1", "loss"])).problems[
        0
    ]
    assert option.suggestions == ["--metric test/f1"]
    column = DataError(unknown_name("a.csv: ", "txt", ["text"], setting="data.text_column"))
    assert column.problems[0].suggestions == ["data.text_column=text"]
    assert unknown_name("name: ", "x", [], empty="there are none") == "name: there are none"


def test_parts_that_are_given_stay() -> None:
    problem = Problem("data.path=x: is read by nobody", "data.source", "hub")
    problem = ConfigError(problem).problems[0]
    assert (problem.setting, problem.value) == ("data.source", "hub")
