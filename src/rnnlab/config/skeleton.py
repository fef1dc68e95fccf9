"""Classes as their source declares them, without the imports that take seconds.

A wrong setting needs the signature of a constructor only. A skeleton has the classes, bases and
signatures of a module, with empty bodies. Names from other packages than the standard library are
`Unknown`: every value is accepted for them, and the class itself checks it later.
"""

import ast
import builtins
import importlib
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]  # the folder of the package
LIGHT = frozenset({*sys.stdlib_module_names, "annotated_types"})
LIGHT_MODULES = ("rnnlab.config", "rnnlab.errors")


class UnknownType(type(Any)):  # type: ignore[misc]  # the class of Any
    """Class of Unknown; its attributes and members are Unknown too."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_") or cls is not Unknown:
            raise AttributeError(name)
        return cls

    def __getitem__(cls, item: object) -> Any:
        return cls


class Unknown(Any, metaclass=UnknownType):  # type: ignore[misc]
    """A value, type or base class of a package that is not imported."""

    __module__ = "torch"  # its type hints are not reliable

    def __init__(self, *arguments: Any, **settings: Any) -> None: ...

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return handler(Any)


def locate_skeleton(target: str) -> Any:
    """Return the skeleton of a class or function of this package; None if there is none."""
    module, _, name = target.rpartition(".")
    if module.split(".")[0] != "rnnlab" or find_source(module) is None:
        return None
    member = load_skeleton(module).get(name)
    return None if member is Unknown else member


def find_source(module: str) -> Path | None:
    """Return the file of a module of this package."""
    path = ROOT.joinpath(*module.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


@cache
def load_skeleton(module: str) -> dict[str, Any]:
    """Return the names of a module of this package."""
    source = find_source(module)
    tree = ast.parse(source.read_text(encoding="utf-8")) if source else ast.Module([], [])
    names: dict[str, Any] = {"__name__": module}
    for node in list_statements(tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom):
            import_names(node, names)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.ClassDef | ast.FunctionDef):
            define(strip(node), names)
    return names


def list_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, also those under `if TYPE_CHECKING`."""
    for node in body:
        if isinstance(node, ast.If):
            yield from list_statements(node.body)
        else:
            yield node


def import_names(node: ast.Import | ast.ImportFrom, names: dict[str, Any]) -> None:
    """Add imported names: real ones of light modules, skeletons of this package."""
    for alias in node.names:
        module = alias.name if isinstance(node, ast.Import) else str(node.module)
        name = alias.asname or alias.name.split(".")[0]
        if module.split(".")[0] in LIGHT or module.startswith(LIGHT_MODULES):
            members = importlib.import_module(module)
            is_module = isinstance(node, ast.Import)
            names[name] = members if is_module else getattr(members, alias.name, Unknown)
        elif module.split(".")[0] == "rnnlab" and isinstance(node, ast.ImportFrom):
            names[name] = load_skeleton(module).get(alias.name, Unknown)
        else:
            names[name] = Unknown


def strip(node: ast.stmt) -> ast.stmt:
    """Return a definition without the bodies of its functions and without decorators."""
    if isinstance(node, ast.FunctionDef):
        node.body, node.decorator_list = [ast.Pass()], []
    if isinstance(node, ast.ClassDef):
        members = [strip(member) for member in node.body if is_part_of_signature(member)]
        node.body, node.decorator_list = members or [ast.Pass()], []
        node.keywords = []
    return node


def is_part_of_signature(node: ast.stmt) -> bool:
    """Return whether a member of a class determines the settings that the class accepts."""
    if isinstance(node, ast.FunctionDef):
        return node.name == "__init__"
    return isinstance(node, ast.Assign | ast.AnnAssign) and "fixed_settings" in ast.unparse(node)


def define(node: ast.stmt, names: dict[str, Any]) -> None:
    """Execute a definition; what cannot be executed is Unknown."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and not hasattr(builtins, part.id):
            names.setdefault(part.id, Unknown)
    try:
        code = compile(ast.fix_missing_locations(ast.Module([node], [])), "skeleton", "exec")
        exec(code, names)
    except Exception:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names[node.name] = Unknown
