"""The folder of an export: written whole or not at all."""

import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from rnnlab.errors import ConfigError, about_file
from rnnlab.exports.form import Program

EXAMPLE_TEMPLATES = Path(__file__).parent / "templates"  # programs that import nothing of rnnlab
STATE_FILE = "initial_state.npz"
TOKENIZER_MODULES = (  # what a tokenizer needs; they import nothing else of the package
    "rnnlab.errors",
    "rnnlab.metrics.scripts",
    "rnnlab.data.text.normalization",
    "rnnlab.data.text.words",
    "rnnlab.data.text.tokenizers",
)


@contextmanager
def write_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder that gets its name when it is complete; after an error nothing is left.

    Raises:
        ConfigError: something is there, or the folder cannot be written.
    """
    if path.exists():
        raise ConfigError(about_file(path, "exists already. Remove it, or choose another --output"))
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        temporary.rename(path)
    except OSError as error:
        reason = error.strerror or error
        problem = about_file(path, f"cannot be written ({reason}). Choose another --output")
        raise ConfigError(problem) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_tokenizer(folder: Path) -> None:
    """Write the package `tokenizer`, which splits texts exactly as the network's training did."""
    package = folder / "tokenizer"
    package.mkdir()
    (package / "__init__.py").write_text('"""Tokenizers of rnnlab; rnnlab is not needed."""\n')
    for name in TOKENIZER_MODULES:
        source = Path(str(import_module(name).__file__)).read_text(encoding="utf-8")
        for other in TOKENIZER_MODULES:
            source = source.replace(f"from {other} ", f"from tokenizer.{other.split('.')[-1]} ")
        (package / f"{name.split('.')[-1]}.py").write_text(source, encoding="utf-8")


def copy_example(folder: Path, example: str, network: str, module: str) -> None:
    """Write example.py, and what it imports: network.py, and a module if its name is not empty."""
    files = {example: "example", network: "network"} | ({module: module} if module else {})
    for name, target in files.items():
        shutil.copyfile(EXAMPLE_TEMPLATES / f"{name}.py.txt", folder / f"{target}.py")


def write_states(folder: Path, programs: Mapping[str, Program]) -> None:
    """Write the values of the states before the first step, if there are any."""
    state = {name: part for program in programs.values() for name, part in program.initial.items()}
    if state:
        arrays: dict[str, Any] = {name: part.numpy() for name, part in state.items()}
        np.savez(folder / STATE_FILE, **arrays)


def describe_program(program: Program) -> dict[str, Any]:
    """Return names, axes and types of the inputs, and names and axes of the outputs."""
    inputs = {
        name: {"type": str(value.dtype).removeprefix("torch."), "shape": _shape(program, name)}
        for name, value in program.arguments.items()
    }
    axes = {name: list(program.axes.get(name, {}).values()) for name in program.outputs}
    return {"inputs": inputs, "outputs": axes}


def _shape(program: Program, name: str) -> list[int | str]:
    """Return the sizes of an input; an axis whose size may vary has a name instead."""
    axes, sizes = program.axes.get(name, {}), program.arguments[name].shape
    return [axes.get(axis, size) for axis, size in enumerate(sizes)]
