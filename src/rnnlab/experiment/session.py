"""One run in progress: its folder, its objects, and the status that its report keeps."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.config.program import format_command, program_note, text_override
from rnnlab.config.schema import RunConfig
from rnnlab.errors import (
    ConfigError,
    DataChangedError,
    DiskFullError,
    OutageError,
    Problem,
    RunPruned,
    RunStopped,
)
from rnnlab.report.folder import RunFolder, new_folder, open_folder
from rnnlab.runtime.clock import StageClock
from rnnlab.runtime.distributed import RUN_DIR, is_first_process, world_size
from rnnlab.runtime.files import is_disk_full

if TYPE_CHECKING:
    import lightning.pytorch as L

    from rnnlab.data.base import DataModule
    from rnnlab.models import RecurrentModel

FOLDER_TIMEOUT_SECONDS = 60.0  # for the folder that rank 0 makes


@dataclass(frozen=True)
class RunParts:
    """The objects that a run consists of, passed from stage to stage.

    Attributes:
        callbacks: by their names in the config.
        clock: wall time of each stage.
    """

    config: RunConfig
    folder: RunFolder
    data: "DataModule"
    model: "RecurrentModel"
    trainer: "L.Trainer"
    callbacks: dict[str, Any]
    clock: StageClock


def claim_folder(config: RunConfig) -> RunFolder:
    """Return the run's folder, the same for all its processes: a new one, or the one to resume."""
    if config.resume:
        return open_folder(config.resume)
    first = is_first_process()
    path = config.run_dir or (None if first else os.environ.get(RUN_DIR))
    if path is None and world_size() > 1:
        message = (
            "several processes were started for this run (torchrun?), and each would choose a "
            "folder of its own: give one with run_dir=<folder>"
        )
        raise ConfigError(Problem(message, "run_dir"))
    if not first:
        return wait_for_folder(str(path))
    folder = RunFolder(Path(path or ""))
    if path and folder.config.exists():
        raise ConfigError(
            f"run_dir={path}: holds a run already. To go on with it: {resume_command(folder)}"
        )
    return new_folder(asdict(config))


@contextmanager
def keep_listed(folder: RunFolder, config: RunConfig) -> Iterator[None]:
    """Update the line of a run in <output_dir>/index.html when it has ended, in whatever way."""
    try:
        yield
    finally:
        list_run(folder, config)


def list_run(folder: RunFolder, config: RunConfig) -> None:
    """Write the present state of a run to <output_dir>/index.html, unless page=false."""
    if config.page and is_first_process():
        from rnnlab.report.run_index import list_result

        list_result(folder.path, config.output_dir)


def wait_for_folder(path: str) -> RunFolder:
    """Wait for the folder that the first process of the same run makes."""
    deadline = time.monotonic() + FOLDER_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        try:
            return open_folder(path)
        except ConfigError:
            time.sleep(0.2)
    return open_folder(path)


def resume_command(folder: RunFolder) -> str:
    """Return the command that goes on with a run, from any directory."""
    words = [text_override("resume", str(folder.path.absolute()))]
    return format_command("train", words) + program_note("train")


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Handle SIGTERM like Ctrl-C: it stops the run at once, except while LastCheckpoint saves."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    handler = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


@contextmanager
def record_status(folder: RunFolder) -> Iterator[None]:
    """Record in report.json how the run ended, unless it finished."""
    command = resume_command(folder)
    try:
        with sigterm_as_interrupt():
            yield
    except (RunStopped, KeyboardInterrupt, SystemExit):  # Lightning turns the second into the third
        folder.write_report({**folder.read_report(), "status": "stopped"})
        raise RunStopped(f"stopped; to go on: {command}") from None
    except DataChangedError:
        raise
    except RunPruned:
        folder.write_report({**folder.read_report(), "status": "pruned"})
        raise
    except OutageError:
        folder.write_report({**folder.read_report(), "status": "stopped"})
        raise
    except Exception as error:
        if is_disk_full(error):
            with suppress(OSError):
                folder.write_report({**folder.read_report(), "status": "stopped"})
            message = f"{folder.path}: the disk is full; free some space. To go on: {command}"
            raise DiskFullError(message) from error
        reason = {"error": type(error).__name__, "message": str(error)}
        folder.write_report({**folder.read_report(), "status": "failed", **reason})
        raise
