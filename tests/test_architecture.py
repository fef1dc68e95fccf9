"""Who may know whom: every import of the package, those within functions too."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = {
    ".".join(file.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__"): file
    for file in (ROOT / "src").rglob("*.py")
}
KNOWS = {  # room -> what it may import of the package, beside itself
    "spec": (),
    "values": (),
    "errors": (),
    "precision": (),
    "memory": (),
    "layers": ("spec",),
    "tasks": (
        *("layers", "spec", "values", "errors", "measures", "class_measures"),
        *("report.plots", "report.files"),
    ),
    "models": ("tasks", "layers", "spec", "values", "errors"),
    "data": (
        *("spec", "values", "errors", "measures", "class_measures"),
        *("layers.embedding", "report.files"),
    ),
    "measures": (),
    "class_measures": (),
    "callbacks": ("spec", "values", "errors"),
    "report": ("errors",),
    "loggers": ("report", "errors", "values"),
    "schedules": ("models.base", "values"),
    "config": ("errors", "values"),
    "build": ("callbacks", "config", "data", "errors", "models", "spec", "tasks"),
    "experiment": (
        *("build", "callbacks", "config", "data", "errors", "insides", "loggers"),
        *("memory", "models", "precision", "report", "tasks"),
    ),
    "insides": ("models", "report.inside_plots", "spec", "tasks"),
    "loading": ("build", "config", "errors", "models", "spec"),
    "translate": (
        *("build", "cli", "config", "data", "errors", "layers", "loading", "spec", "tasks"),
    ),
    "cli": ("config", "errors"),
    "composing": ("cli", "errors"),
    "showing": ("build", "composing", "config", "data", "errors", "report"),
    "evaluate": (*("build", "cli", "config", "data", "errors", "loading", "precision", "report"),),
    "generate": ("", "cli", "data", "errors", "layers", "tasks"),  # a door
    "data.__main__": ("cli", "showing"),  # a door, as train.py is one
    "sweeps": (
        *("build", "callbacks", "cli", "composing", "config", "errors", "experiment"),
        *("loggers", "memory", "report", "values"),
    ),
    "": ("loading", "models"),
}
FOREIGN = {  # package -> the only modules that may import it
    "hydra": ("build", "experiment", "cli", "composing", "config", "sweeps"),
    "omegaconf": ("build", "experiment", "cli", "composing", "config", "report.folder", "sweeps"),
    "wandb": ("loggers.wandb",),
    "datasets": ("data.sources",),
    "pandas": ("data",),
    "matplotlib": ("report.figures", "report.plots", "report.sweep_plots"),
    "pydantic": ("config",),
    "optuna": ("sweeps",),
    "ray": ("sweeps.ray_launcher",),
}


def imports(file: Path) -> Iterator[str]:
    """The modules that a file imports, by their full names."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in FILES else str(node.module) for name in names)


def allowed(module: str, rooms: tuple[str, ...]) -> bool:
    inside = module.removeprefix("rnnlab").removeprefix(".")
    return any(inside == room or inside.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("module", FILES)
def test_a_module_knows_only_whom_it_may_know(module: str) -> None:
    inside = module.removeprefix("rnnlab").removeprefix(".")
    room = inside if inside in KNOWS else inside.split(".")[0]
    assert room in KNOWS, f"{room} is new: say in KNOWS whom it may know"
    for other in imports(FILES[module]):
        if other in FILES:
            assert allowed(other, (room, *KNOWS[room])), f"{module} may not know {other}"
        package = other.split(".")[0]
        assert allowed(module, FOREIGN.get(package, (room,))), f"{module} may not use {package}"


def test_no_import_comes_back() -> None:
    known = {module: set(imports(file)) & FILES.keys() for module, file in FILES.items()}
    TopologicalSorter(known).prepare()  # CycleError names the cycle


def test_the_door_only_knows_the_package_and_hydra() -> None:
    assert set(imports(ROOT / "train.py")) <= {"sys", "hydra", "omegaconf", *FILES}
