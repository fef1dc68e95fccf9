"""Places in the package that print a command: calls of its functions, and texts with a program."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.helpers.configs import ROOT

FUNCTIONS = ("format_command", "join_command")
SOURCES = ROOT / "src" / "rnnlab"
# A program with an argument; `<run>` and the like are a description, not a command.
PROGRAM = re.compile(
    r"(?:python (?:train|sweep)\.py|rnnlab [a-z]+|pip install) (?=[\w'\"{-])"
    r"(?:\([^)]*\)|[^;):]|:(?! ))*"
)
PARTS = (*FUNCTIONS, ".py", "rnnlab ", "pip ")  # a file without these prints no command
PROSE = re.compile(
    r"rnnlab (\w+ needs|compare --seeds trains here|wrote|cannot|reads|is|has|commands|of|was|in"
    r"|that|started)\b"
)


@dataclass(frozen=True)
class PrintedCommand:
    """A place that prints a command.

    Attributes:
        place: file and function, such as experiment/session.py:resume_command.
        text: the command, with {} for each value; empty if a function makes it.
    """

    place: str
    text: str


def find_printed_commands() -> set[PrintedCommand]:
    """All places of the package."""
    files = sorted(SOURCES.rglob("*.py"))
    return {command for file in files for command in commands_of_file(file)}


def commands_of_file(file: Path) -> Iterator[PrintedCommand]:
    """The places in one file, without docstrings."""
    source = file.read_text(encoding="utf-8")
    if not any(part in source for part in PARTS):
        return
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    name = file.relative_to(SOURCES).as_posix()
    for function, node in nodes_with_function(tree, ""):
        place = f"{name}:{function}"
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in FUNCTIONS:
            yield PrintedCommand(place, "")
        text = "" if id(node) in docstrings else skeleton(node)
        for match in PROGRAM.finditer(text):
            if "<" not in match[0] and not PROSE.match(match[0]):
                yield PrintedCommand(place, re.split(r"  +|\n", match[0])[0].strip(" .:"))


def nodes_with_function(node: ast.AST, function: str) -> Iterator[tuple[str, ast.AST]]:
    """Each node below one, with the name of its function; the parts of an f-string are one."""
    for child in ast.iter_child_nodes(node):
        is_function = isinstance(child, ast.FunctionDef | ast.ClassDef)
        inner = f"{function}.{child.name}".strip(".") if is_function else function  # type: ignore[attr-defined]
        yield function, child
        if not isinstance(child, ast.JoinedStr):
            yield from nodes_with_function(child, inner)


def skeleton(node: ast.AST) -> str:
    """The text of a string with {} for its values; empty for other nodes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(skeleton(part) or "{}" for part in node.values)
    return ""
