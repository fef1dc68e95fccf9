"""Check of a config that a folder has stored: somebody else may have written it.

What a user types may name any class. The config of a run folder is data: it selects components of
rnnlab, torch and lightning, and classes of the user that are components too, but no other code.
"""

import inspect
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch
from lightning.pytorch.loggers import Logger

from rnnlab.analysis import Analysis
from rnnlab.config.schema import COLLECTIONS, COMPONENTS
from rnnlab.config.signature import locate
from rnnlab.data.base import DataModule
from rnnlab.errors import ConfigError
from rnnlab.models import RecurrentModel
from rnnlab.tasks import Task

BASES: dict[str, type] = {
    "task": Task,
    "analysis": Analysis,
    "data": DataModule,
    "model": RecurrentModel,
    "optimizer": torch.optim.Optimizer,
    "callbacks": L.Callback,
    "logger": Logger,
}
SCHEDULE_PARAMETERS = {"optimizer", "context"}  # of a function of rnnlab.schedules
COMPONENT_BASES = (*BASES.values(), torch.nn.Module)  # of a component inside another


def check_stored_config(plain: Mapping[str, Any], folder: Path) -> None:
    """Check that a stored config names components alone, before anything of it is built.

    Args:
        plain: of config.yaml, or of a checkpoint.
        folder: of the run; no module in it is imported.

    Raises:
        ConfigError: a `_target_` is another function or class.
    """
    for section, path, target in stored_targets(plain):
        name = f"{folder}: {path}._target_={target}"
        if not may_import(target.rpartition(".")[0], folder.resolve()):
            raise ConfigError(
                f"{name}: a run folder does not choose which code is imported. If it is your own "
                f"class, import its module first"
            )
        try:
            member = locate(target)
        except ImportError as error:
            raise ConfigError(f"{name}: {error}") from error
        if not is_component(member, section):
            kind = f"component for {section}" if section else "component"
            raise ConfigError(f"{name}: is no {kind}, so it is not called")


def stored_targets(plain: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield section, path and target of each component; the section is empty inside of one."""
    for section in COMPONENTS:
        yield from component_targets(section, section, plain.get(section))
    for section in COLLECTIONS:
        members = plain.get(section)
        for name, member in members.items() if isinstance(members, Mapping) else ():
            yield from component_targets(section, f"{section}.{name}", member)


def component_targets(section: str, path: str, value: Any) -> Iterator[tuple[str, str, str]]:
    """Yield the targets in a value, its own one first; see stored_targets."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield section, path, str(value["_target_"])
        for key, member in value.items():
            yield from component_targets("", f"{path}.{key}", member)
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            yield from component_targets("", f"{path}.{index}", member)


def may_import(module: str, folder: Path) -> bool:
    """Return whether a module is imported, or may be: on Python's path, outside of the folder.

    The standard library and private modules have no components.
    """
    if module in sys.modules:
        return True
    package, *parts = module.split(".")
    if package in sys.stdlib_module_names or any(part[:1] == "_" for part in (package, *parts)):
        return False
    spec = PathFinder.find_spec(package)
    if spec is None:
        return True  # locate says that there is none
    places = [Path(place, *parts) for place in spec.submodule_search_locations or ()]
    places += [Path(spec.origin)] if spec.origin else []
    return not any(place.resolve().is_relative_to(folder) for place in places)


def is_component(member: Any, section: str) -> bool:
    """Return whether a member of a module is a component of a section; of any if it is empty."""
    if not inspect.isclass(member) and not inspect.isfunction(member):
        return False
    if section == "scheduler":
        is_known = member.__module__ == "rnnlab.schedules" or is_own(member)
        return is_known and inspect.signature(member).parameters.keys() >= SCHEDULE_PARAMETERS
    if inspect.isfunction(member):
        return False
    if section:
        return issubclass(member, BASES[section])
    return issubclass(member, COMPONENT_BASES) or is_own(member)


def is_own(member: Any) -> bool:
    """Return whether a class or function is of a module of the user, which nobody installed."""
    name = member.__module__
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None or name.split(".")[0] in ("rnnlab", "__main__"):
        return False
    path = Path(file).resolve()
    libraries = {Path(sysconfig.get_path(key)).resolve() for key in ("stdlib", "platstdlib")}
    is_library = any(path.is_relative_to(library) for library in libraries)
    return not is_library and not {"site-packages", "dist-packages"} & set(path.parts)
