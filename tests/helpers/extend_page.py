"""The files and commands of docs/extend.md."""

import re
import sys
from types import ModuleType
from typing import Any, NamedTuple

from omegaconf import OmegaConf

from tests.helpers.configs import ROOT

PAGE = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?:`(?P<path>[\w/.]+)`\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```", re.M | re.S)


class Block(NamedTuple):
    """A file to write, or commands to type."""

    path: str | None
    kind: str
    text: str


BLOCKS = [Block(m["path"], m["kind"], m["text"]) for m in BLOCK.finditer(PAGE)]
FILES = {block.path: block.text for block in BLOCKS if block.kind != "bash"}


def load_module(path: str) -> ModuleType:
    """Execute a Python file of the page as the module that it would be in the package."""
    name = path.removeprefix("src/").removesuffix(".py").replace("/", ".")
    if name not in sys.modules:
        module = ModuleType(name)
        sys.modules[name] = module
        exec(compile(FILES[path], path, "exec"), module.__dict__)
    return sys.modules[name]


def load_settings(path: str) -> dict[str, Any]:
    """Return the settings of a YAML file of the page."""
    settings = OmegaConf.to_container(OmegaConf.create(FILES[path]))
    assert isinstance(settings, dict)
    return {str(key): value for key, value in settings.items()}


def minimal_gated_unit() -> dict[str, Any]:
    """Return the settings of the page's architecture; its class can be imported from then on."""
    load_module("src/rnnlab/models/mgu.py")
    return load_settings("conf/model/mgu.yaml")
