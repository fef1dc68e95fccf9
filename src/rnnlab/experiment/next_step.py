"""The command that uses a finished run next."""

import importlib.util
from pathlib import Path

from rnnlab.config.program import join_command
from rnnlab.data.processors.base import load_processor
from rnnlab.errors import ConfigError
from rnnlab.report.folder import RunFolder


def next_command(folder: RunFolder, is_evaluated: bool = False) -> str:
    """Return a command that works as it is printed, on inputs that are there; empty for none.

    What cannot predict without a file that only the user can write is evaluated, once.
    """
    report, path = folder.read_report(), str(folder.path)
    task = report.get("task")
    if task == "language_modeling":
        return join_command("generate", [path])
    texts = example_texts(folder.path)
    if texts and task == "translation":
        return join_command("translate", [path, texts[0]])
    if texts:
        return join_command("predict", [path, "-"], piped=texts[0])
    is_generated = report.get("data", {}).get("source") == "generated"
    file = "" if is_generated else data_file(folder)
    if file and (folder.path / "processor.json").is_file():
        return join_command("predict", [path, file])
    is_tested = any(name.startswith("test/") for name in report.get("scores", {}))
    return join_command("evaluate", [path]) if is_tested and not is_evaluated else ""


def serve_command(path: Path) -> str:
    """Return a command that offers the predictions of a run to other programs.

    Without the packages of a server it exports the network, and without those scores it again.
    """
    for command, package in (("serve", "uvicorn"), ("export", "onnxruntime")):
        if importlib.util.find_spec(package) is not None:
            return join_command(command, [str(path)])
    return join_command("evaluate", [str(path)])


def example_texts(folder: Path) -> list[str]:
    """Return texts that the processor of a run accepts; none for another kind of inputs."""
    try:
        processor = load_processor(folder)
    except ConfigError:
        return []
    return list(processor.example_inputs()) if processor.reads_texts else []


def data_file(folder: RunFolder) -> str:
    """Return the user's file that a run has read, if it is one file and still there."""
    path = folder.read_config()["data"].get("path")
    return path if isinstance(path, str) and Path(path).is_file() else ""
