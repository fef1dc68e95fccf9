"""Names of the package are terms of the field with one meaning; functions are short."""

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "rnnlab"
TREES = {
    str(file.relative_to(SOURCE)): ast.parse(file.read_text(encoding="utf-8"))
    for file in sorted(SOURCE.rglob("*.py"))
}
PARTICIPLE = re.compile(
    "[a-z]{2,}ed|known|found|made|told|given|shown|drawn|said|kept|built|seen|held|taken|begun|gone|"
    "done|written|spoken|sent|lost|sought|heard|meant|bound|grown|thrown|spent|met|won|beaten|broken|"
    "chosen|frozen|hidden|worn|torn|paid|laid|bent|dealt|felt|fought|hung|knelt|proven|risen|shaken|"
    "struck|sworn|taught|thought|understood|brought|caught|bought"
)
NOUNS = frozenset({"seed", "need", "feed", "speed", "embed", "red", "bed", "fed", "led"})


def is_bare_participle(name: str) -> bool:
    """Return whether a name is one past participle, such as `known` or `cached`."""
    word = name.strip("_").lower()
    return word not in NOUNS and PARTICIPLE.fullmatch(word) is not None


def assigned_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names of variables, attributes and parameters that are assigned."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def top_level_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names of functions, classes and constants of a module."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def body_lines(function: ast.FunctionDef) -> int:
    """Return the lines of a function below its docstring."""
    has_docstring = ast.get_docstring(function) is not None and len(function.body) > 1
    first = function.body[1 if has_docstring else 0]
    assert function.end_lineno
    return function.end_lineno - first.lineno + 1


def test_names_are_not_bare_participles() -> None:
    names = Counter(name for tree in TREES.values() for name in assigned_names(tree))
    participles = {name: count for name, count in names.items() if is_bare_participle(name)}
    share = sum(participles.values()) / names.total()
    assert share <= 0.005, f"{share:.2%} of the assigned names: {participles}"


def test_a_name_has_one_meaning() -> None:
    files: dict[str, set[str]] = defaultdict(set)
    for file, tree in TREES.items():
        for name in top_level_names(tree):
            files[name].add(file)
    for name in ("__all__", "main"):  # each command has a main
        files.pop(name, None)
    duplicates = {name: sorted(where) for name, where in files.items() if len(where) > 1}
    public = {name: where for name, where in duplicates.items() if not name.startswith("_")}
    assert not public, "a public name is defined in several files"
    assert len(duplicates) <= 8, duplicates


def test_functions_are_short() -> None:
    functions = [
        (body_lines(node), node.name, file)
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and not (ast.get_docstring(node) is not None and len(node.body) == 1)
    ]
    functions.sort()
    lines = [length for length, _, _ in functions]
    assert lines[len(lines) // 2] <= 5
    assert lines[len(lines) * 9 // 10] <= 15
    assert lines[-1] <= 47, functions[-1]
