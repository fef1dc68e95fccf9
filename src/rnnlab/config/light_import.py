"""Modules of this package without the imports that take seconds.

Wrong settings are rejected before torch and lightning are imported. A light copy of a module runs
its real code, with stubs for the packages of other projects. What needs a stub's value raises
StubUsedError: then only the real module can tell whether a setting is valid.
"""

import builtins
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]  # the folder of the package
LIGHT = frozenset({*sys.stdlib_module_names, "annotated_types", "omegaconf", "wandb"})
LIGHT_MODULES = ("rnnlab.config", "rnnlab.errors")


class StubUsedError(Exception):
    """The code depends on a value of a package that is not imported."""


class StubType(type(Any)):  # type: ignore[misc]  # the class of Any
    """Class of Stub: its attributes and members are Stub too, and it has no truth value."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__") or cls is not Stub:
            raise AttributeError(name)
        return cls

    def __getitem__(cls, item: object) -> Any:
        return cls

    def __instancecheck__(cls, instance: object) -> bool:
        if cls is Stub and not isinstance(type(instance), StubType):
            raise StubUsedError
        return cls is Stub or super().__instancecheck__(instance)


class Stub(Any, metaclass=StubType):  # type: ignore[misc]
    """A module, class, function or value of a package that is not imported."""

    __module__ = "torch"  # its type hints are not reliable

    def __new__(cls, *arguments: Any, **settings: Any) -> Any:
        return object.__new__(cls)

    def __init__(self, *arguments: Any, **settings: Any) -> None: ...

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        return Stub()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Stub()

    def __next__(self) -> Any:
        return Stub()

    def __iter__(self) -> Any:
        return iter([Stub()])

    def __setitem__(self, key: Any, value: Any) -> None: ...

    def __exit__(self, *_: object) -> None: ...

    def _refuse(self, *_: Any) -> Any:
        raise StubUsedError

    def _return_stub(self, *_: Any) -> Any:
        return Stub()

    __bool__ = __contains__ = __eq__ = __index__ = __float__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __int__ = __str__ = __format__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = _return_stub
    __pow__ = __rpow__ = __neg__ = __getitem__ = __enter__ = _return_stub
    __hash__ = object.__hash__

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        return handler(Any)


def locate_light(target: str) -> Any:
    """Return the light copy of a class or function of this package; None if there is none."""
    module, _, name = target.rpartition(".")
    if module.split(".")[0] != "rnnlab" or find_source(module) is None:
        return None
    return getattr(load_light(module), name, None)


def find_source(module: str) -> Path | None:
    """Return the file of a module of this package."""
    path = ROOT.joinpath(*module.split("."))
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


def load_light(name: str) -> ModuleType:
    """Return the light copy of a module of this package."""
    key = f"light:{name}"
    if key in sys.modules:
        return sys.modules[key]
    module = sys.modules[key] = ModuleType(key)  # dataclasses look for the module of a class
    if source := find_source(name):
        names = {**vars(builtins), "__import__": import_light}
        vars(module).update(__file__=str(source), __builtins__=names)
        code = SourceFileLoader(name, str(source)).get_code(name)
        assert code is not None
        exec(code, vars(module))
    return module


def import_light(
    name: str,
    variables: Mapping[str, Any] | None = None,
    caller: Mapping[str, Any] | None = None,
    members: Sequence[str] | None = None,
    level: int = 0,
) -> Any:
    """Import as the function of the same arguments in builtins, but stubs for heavy packages."""
    package = name.split(".")[0]
    if package in LIGHT or f"{name}.".startswith(tuple(f"{m}." for m in LIGHT_MODULES)):
        return builtins.__import__(name, variables, caller, members or (), level)
    if package != "rnnlab":
        return Stub
    module = load_light(name)
    for member in members or ():
        part = f"{name}.{member}"
        if not hasattr(module, member) and find_source(part):
            is_light = f"{part}.".startswith(tuple(f"{m}." for m in LIGHT_MODULES))
            setattr(module, member, import_module(part) if is_light else load_light(part))
    return module
