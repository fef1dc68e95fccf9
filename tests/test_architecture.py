"""Allowed imports of the package, per folder, including imports inside functions."""

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
LOWEST = ("errors", "spec", "config.types", "config.keys", "runtime")
ALLOWED = {  # folder or module -> what it may import of the package, besides itself
    "errors": (),
    "spec": (),
    "config.types": (),
    "config.keys": (),
    "runtime": ("errors",),
    "layers": LOWEST,
    "metrics": LOWEST,
    "tasks": (*LOWEST, "layers", "metrics"),
    "models": (*LOWEST, "layers", "tasks"),
    "schedules": ("config.types", "models.base"),
    "data": (*LOWEST, "metrics"),
    "data.__main__": ("commands",),  # an entry point: python -m rnnlab.data
    "callbacks": (*LOWEST, "layers", "metrics"),
    "loggers": (*LOWEST, "report"),
    "plots": (*LOWEST, "metrics"),
    "analysis": (*LOWEST, "layers", "metrics", "tasks", "models", "plots", "report"),
    "report": (*LOWEST, "metrics"),
    "config": ("errors", *(f"runtime.{name}" for name in ("console", "files", "imports", "texts"))),
    "documents": (*LOWEST, "config", "metrics", "report"),
    "experiment": (
        *(*LOWEST, "config", "layers", "metrics", "tasks", "models", "data", "callbacks"),
        *("loggers", "plots", "analysis", "report"),
    ),
    "inference": (
        *(*LOWEST, "config", "layers", "metrics", "tasks", "models", "data", "analysis", "report"),
        "experiment",
    ),
    "comparison": (*LOWEST, "metrics", "report"),
    "serving": (*LOWEST, "data", "inference", "report"),
    "exports": (*LOWEST, "layers", "tasks", "models", "data", "report", "inference"),
    "sweeps": (
        *(*LOWEST, "config", "callbacks", "loggers", "plots", "report", "experiment", "metrics"),
        "comparison",
    ),
    "commands": (
        *(*LOWEST, "config", "layers", "metrics", "tasks", "data", "analysis", "plots", "report"),
        *("comparison", "documents", "experiment", "inference", "exports", "serving", "sweeps", ""),
    ),
    "": ("api", "comparison"),
    "api": ("config", "experiment", "inference", "runtime", "sweeps"),
}
FOREIGN = {  # package -> the only folders or modules that may import it
    "hydra": ("commands.train", "config", "experiment.build", "experiment.checks", "sweeps"),
    "omegaconf": ("commands.train", "config", "experiment.checks", "report.folder", "sweeps"),
    "wandb": ("loggers.wandb",),
    "mlflow": ("loggers.mlflow",),
    "tensorboard": ("loggers.tensorboard",),
    "datasets": ("data.sources",),
    "pandas": ("data", "comparison", "inference", "serving", "sweeps.result"),
    "matplotlib": ("plots", "sweeps.report.plots"),
    "pydantic": ("config", "data.processors", "serving"),
    "starlette": ("serving",),
    "uvicorn": ("serving",),
    "optuna": ("sweeps",),
    "ray": ("sweeps.workers.ray_launcher",),
    "jinja2": ("report.html",),
    "markdown_it": ("report.html",),
    "onnx": ("exports.onnx_files",),
    "onnxruntime": ("exports.onnx_files",),
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


def short(module: str) -> str:
    return module.removeprefix("rnnlab").removeprefix(".")


def is_within(module: str, folders: tuple[str, ...]) -> bool:
    return any(module == folder or module.startswith(f"{folder}.") for folder in folders if folder)


@pytest.mark.parametrize("module", FILES)
def test_a_module_imports_only_what_its_folder_may_import(module: str) -> None:
    name = short(module)
    folder = name if name in ALLOWED else name.split(".")[0]
    assert folder in ALLOWED, f"{folder} is new: add it to ALLOWED"
    for other in imports(FILES[module]):
        if other in FILES:
            known = short(other) == "" and "" in ALLOWED[folder]
            assert known or is_within(short(other), (folder, *ALLOWED[folder])), (
                f"{name} may not import {other}"
            )
        package = other.split(".")[0]
        if package in FOREIGN:
            assert is_within(name, FOREIGN[package]), f"{name} may not import {package}"


def test_no_import_cycles() -> None:
    graph = {module: set(imports(file)) & FILES.keys() for module, file in FILES.items()}
    TopologicalSorter(graph).prepare()  # CycleError names the cycle


def test_train_py_imports_only_the_package() -> None:
    assert set(imports(ROOT / "train.py")) <= {"sys", *FILES}


def test_test_modules_do_not_import_each_other() -> None:
    for file in (ROOT / "tests").rglob("*.py"):
        modules = [name for name in imports(file) if name.startswith("tests.")]
        assert all(name.startswith("tests.helpers") for name in modules), f"{file}: {modules}"


def test_a_folder_has_at_most_fourteen_files() -> None:
    for folder in {file.parent for file in FILES.values()}:
        files = [file.name for file in folder.glob("*.py") if file.name != "__init__.py"]
        assert len(files) <= 14, f"{folder}: {len(files)} files"
