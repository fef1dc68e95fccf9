"""Runs that are interrupted at drawn points and resumed, compared with undisturbed runs.

    python interruptions.py <folder> <seed> <cases> <settings>...

`settings` are numbers of COMBINATIONS. The program runs each of them once undisturbed, and then
with one to three interruptions at points that the seed draws. `cases` is the number of such runs of
all combinations. Each run is a fork of this process: a new process would import for seconds, and a
run takes a fraction of one. It prints a line of JSON for each case; see
tests/experiment/test_interruptions.py.
"""

import gc
import json
import os
import random
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, redirect_stdout
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import lightning.pytorch as L
import torch

SCHEDULERS = ("none", "one_cycle", "cosine", "exponential", "plateau")
CALLBACKS = ("default", "early_stopping", "ema")
BUDGETS = ("max_epochs", "max_steps", "max_time")
COMBINATIONS = list(product(SCHEDULERS, CALLBACKS, BUDGETS))
KINDS = ("SIGKILL", "SIGTERM", "exception")
BATCHES, EPOCHS = 6, 3  # batches of an epoch, epochs of the longest run
SINE = {
    **{"num_series": 4, "num_eval_series": 2, "steps": 24, "first_target": 12},
    **{"seq_len": 6, "batch_size": 13},
}
LATE_POINTS = ("calibration", "test", "figures")  # after the training
VOLATILE = ("device", "git", "peak_memory", "seconds", "speed", "test_reads", "versions")  # keys


class Interrupted(RuntimeError):  # noqa: N818
    """An exception of an interruption."""


class Interruption(L.Callback):
    """Counts the points of a run that have a name, and ends the run at one of them.

    Its clock runs one second for each batch, so that trainer.max_time is as exact as a number of
    steps.

    Args:
        point: name, number from 1, and kind of the end; None for an undisturbed run.
    """

    def __init__(self, point: tuple[str, int, str] | None) -> None:
        self.point = point
        self.counts: Counter[str] = Counter()
        self.seconds = 0.0

    def reach(self, name: str) -> None:
        """Count a point, and end the run there if it is the one."""
        self.counts[name] += 1
        if self.point and self.point[:2] == (name, self.counts[name]):
            end_run(self.point[2])

    def on_train_batch_start(self, *_: Any) -> None:
        self.seconds += 1
        self.reach("batch start")

    def on_train_batch_end(self, *_: Any) -> None:
        self.reach("batch end")

    def on_train_epoch_start(self, *_: Any) -> None:
        self.reach("epoch start")

    def on_train_epoch_end(self, *_: Any) -> None:
        self.reach("epoch end")

    def on_validation_batch_end(self, *_: Any) -> None:
        self.reach("validation batch")

    def on_validation_end(self, *_: Any) -> None:
        self.reach("validation end")

    def on_train_end(self, *_: Any) -> None:
        self.reach("training end")

    def on_fit_end(self, *_: Any) -> None:
        self.reach("fit end")

    def on_predict_start(self, *_: Any) -> None:
        self.reach("calibration start")

    def on_predict_batch_end(self, *_: Any) -> None:
        self.reach("calibration batch")

    def on_predict_end(self, *_: Any) -> None:
        self.reach("calibration end")

    def on_test_start(self, *_: Any) -> None:
        self.reach("test start")

    def on_test_batch_end(self, *_: Any) -> None:
        self.reach("test batch")

    def on_test_end(self, *_: Any) -> None:
        self.reach("test end")


def end_run(kind: str) -> None:
    """End this process, or ask it to end."""
    if kind == "exception":
        raise Interrupted("interrupted by the test")
    os.kill(os.getpid(), getattr(signal, kind))


def add_points(interruption: Interruption) -> ExitStack:
    """Add points before and after a checkpoint is written, and while figures are drawn.

    Returns:
        What removes them at its end.
    """
    from rnnlab.analysis import AnalysisResult
    from rnnlab.callbacks import AtomicCheckpointIO
    from rnnlab.experiment import results
    from rnnlab.runtime import clock, environment

    save = AtomicCheckpointIO.save_checkpoint

    def save_checkpoint(self: Any, checkpoint: Any, path: Any, **rest: Any) -> None:
        interruption.reach("before a checkpoint")
        save(self, checkpoint, path, **rest)
        interruption.reach("after a checkpoint")

    def draw(result: Any) -> Callable[..., Any]:
        def save_figures(*_: Any) -> Any:
            interruption.reach("figures")
            return result

        return save_figures

    return replace(
        (AtomicCheckpointIO, "save_checkpoint", save_checkpoint),
        (AnalysisResult, "save", draw([])),
        (results, "draw_internals", draw([])),
        (results, "draw_health", draw([])),
        (results, "save_learning_curves", draw(Path("learning_curves.png"))),
        (clock, "read_seconds", lambda: interruption.seconds),
        (environment, "git_state", dict),  # would start two processes
        (os, "fsync", lambda descriptor: None),  # a process is killed, not the machine
    )


def replace(*attributes: tuple[Any, str, Any]) -> ExitStack:
    """Set attributes that exist, until the end of what is returned."""
    stack = ExitStack()
    for owner, name, value in attributes:
        stack.enter_context(patch.object(owner, name, value))
    return stack


def draw_settings(combination: tuple[str, str, str], draw: random.Random) -> list[str]:
    """Return the command line of a run: the combination, and what else matters to a resume."""
    scheduler, callbacks, budget = combination
    end = draw.randint(3, BATCHES * EPOCHS - 1)
    every = draw.choice(["null", "1", "2", "3", "5"])
    words = [
        *("data=sine", "trainer=cpu", "baselines=false", "model=gru", "model.hidden_size=4"),
        *(f"data.{key}={value}" for key, value in SINE.items()),
        *("task.head_dropout=0.3", f"scheduler={scheduler}", f"callbacks={callbacks}"),
        *("callbacks.progress=null", "callbacks.last.every_seconds=null"),
        f"callbacks.last.every_n_steps={every}",
        f"optimizer.lr={draw.choice([0.01, 0.3])}",
        f"seed={draw.randint(0, 9)}",
        f"trainer.max_epochs={EPOCHS}",
        f"trainer.log_every_n_steps={draw.choice([1, 2, 5])}",
        f"trainer.accumulate_grad_batches={draw.choice([1, 1, 1, 2, 4])}",
        f"trainer.val_check_interval={draw.choice([1.0, 1.0, 0.5, 0.67])}",
    ]
    if draw.random() < 0.2:
        words += ["callbacks.best=null"]
    if draw.random() < 0.1:
        words += ["test=false"]
    if draw.random() < 0.2 and "trainer.val_check_interval=1.0" in words:
        interval = draw.choice([2, 3])
        if scheduler != "plateau":  # refused
            words += [f"trainer.check_val_every_n_epoch={interval}"]
    if scheduler != "none":
        words += ["page=false"]  # a page takes as long as two epochs here
    if callbacks == "early_stopping":
        words += ["callbacks.early_stopping.patience=1"]
    if callbacks == "ema":
        words += ["callbacks.ema.decay=0.7"]
    if budget == "max_steps":
        words += [f"trainer.max_steps={end}"]
    if budget == "max_time":
        words += [f"trainer.max_time=00:00:00:{end:02}"]
    return words


def run_in_fork(
    plain: dict[str, Any],
    log: Path,
    point: tuple[str, int, str] | None,
    is_checked: bool = True,
) -> int:
    """Run in a fork of this process; return its exit status, negative if a signal ended it.

    Args:
        plain: the config.
        log: the file for what the run prints.
        point: where and how the run ends; None for its own end.
        is_checked: another run has built every part of these settings without data.
    """
    if (process := os.fork()) == 0:
        status = 9
        try:
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            with skip_checks() if is_checked else ExitStack():
                status = run_here(plain, log, point)
        finally:
            sys.stdout.flush()
            os._exit(status)
    _, state = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(state)


def skip_checks() -> ExitStack:
    """Build no part of a run without data, until the end of what is returned."""
    from rnnlab.experiment import build

    return replace((build, "dry_build", lambda config: None))


def run_here(plain: dict[str, Any], log: Path, point: tuple[str, int, str] | None) -> int:
    """Run in this process, and write how often each point was reached."""
    from rnnlab.errors import RunStopped
    from rnnlab.experiment.run import run

    interruption = Interruption(point)
    try:
        with add_points(interruption):
            run(plain, [interruption])
    except RunStopped:
        return 2
    except Interrupted:
        return 3
    except BaseException:
        traceback.print_exc()
        return 4
    log.with_suffix(".json").write_text(json.dumps(interruption.counts))
    return 0


def run_cases(folder: Path, seed: int, cases: int, number: int) -> Iterator[dict[str, Any]]:
    """Yield the results of the cases of a combination: what was done, and what differs.

    Args:
        folder: of all runs.
        seed: of settings and points.
        cases: of all combinations.
        number: of the combination.
    """
    from tests.helpers.configs import compose

    draw = random.Random(f"{seed} {number}")
    settings = draw_settings(COMBINATIONS[number], draw)
    place = folder / str(number)  # a run looks at the runs beside it
    place.mkdir()
    whole = place / "whole"
    log = place / "whole.log"
    plain = compose(*settings)
    if run_in_fork({**plain, "run_dir": str(whole)}, log, None, is_checked=False):
        yield {"settings": settings, "points": [], "problem": log.read_text()[-2000:]}
        return
    counts = json.loads(log.with_suffix(".json").read_text())
    for case in range(count_cases(cases, number)):
        run_dir = place / str(case)
        points = draw_points(draw, counts)
        problem = interrupt_run(plain, run_dir, points) or compare_runs(run_dir, whole)
        yield {"settings": settings, "points": points, "problem": problem}


def count_cases(cases: int, number: int) -> int:
    """Return how many of all cases a combination has."""
    each, rest = divmod(cases, len(COMBINATIONS))
    return each + (number < rest)


def draw_points(draw: random.Random, counts: dict[str, int]) -> list[tuple[str, int, str]]:
    """Draw where a run is interrupted, and how; later interruptions are those of its resumes."""
    names = [draw.choice(sorted(counts)) for _ in range(draw.choice([1, 1, 2, 3]))]
    return [(name, draw.randint(1, counts[name]), draw.choice(KINDS)) for name in names]


def interrupt_run(plain: dict[str, Any], run_dir: Path, points: list[tuple[str, int, str]]) -> str:
    """Run, interrupt and resume until the run is finished; return what failed."""
    log = run_dir.with_suffix(".log")
    for point in [*points, None]:
        if point and read_status(run_dir) == "finished":
            continue  # an earlier session did not reach its point
        begun = (run_dir / "config.yaml").exists()
        place = {"resume": str(run_dir)} if begun else {"run_dir": str(run_dir)}
        status = run_in_fork({**plain, **place}, log, point)
        if status in (4, 9):
            return log.read_text()[-2000:]
        if point and (problem := check_status(run_dir, point, status)):
            return problem
    return f"exit status {status} at the end" if status else ""


def read_status(run_dir: Path) -> str | None:
    """Return the status of a report; None if there is none."""
    report = run_dir / "report.json"
    return str(json.loads(report.read_text())["status"]) if report.exists() else None


def check_status(run_dir: Path, point: tuple[str, int, str], status: int) -> str:
    """Return what is wrong with the end of an interrupted run; empty if nothing is.

    Without its point in this session a run finishes.
    """
    recorded = read_status(run_dir)
    expected = {0: "finished", 2: "stopped", 3: "failed"}.get(status, recorded)
    if recorded != expected:
        return f"status {recorded} after exit status {status}"
    is_ignored = status == 0 and point[2] == "SIGTERM" and point[0].startswith(LATE_POINTS)
    return f"{point}: the signal was ignored" if is_ignored else ""


def compare_runs(run_dir: Path, whole: Path) -> str:
    """Return the first difference of two runs; empty if they are equal."""
    for name in ("best", "last"):
        paths = [folder / "checkpoints" / f"{name}.ckpt" for folder in (run_dir, whole)]
        if paths[0].exists() != paths[1].exists():
            return f"{name}.ckpt: one run has none"
        if paths[0].exists():
            contents = [torch.load(path, weights_only=False) for path in paths]  # ours; quicker
            for content in contents:
                drop_volatile(content)
            if problem := first_difference(*contents, name):
                return problem
    for name in ("metrics.csv", "processor.json"):
        ours, theirs = [(folder / name).read_text() for folder in (run_dir, whole)]
        if ours != theirs:
            return f"{name}:\n{ours}\ninstead of\n{theirs}"
    reports = [json.loads((folder / "report.json").read_text()) for folder in (run_dir, whole)]
    for report in reports:
        for key in VOLATILE:
            report.pop(key, None)
        report["threads"].pop("reason")  # a resume has the number of the first session
    if problem := first_difference(*reports, "report"):
        return problem
    files = [sorted(p.name for p in folder.rglob("*")) for folder in (run_dir, whole)]
    return first_difference(*files, "files")


def drop_volatile(checkpoint: dict[str, Any]) -> None:
    """Remove times and the place of the run, and the progress that Lightning counts anew."""
    for name in ("seconds", "loops"):
        checkpoint.pop(name, None)
    for name in ("run_dir", "resume"):
        checkpoint["hyper_parameters"]["config"].pop(name)
    for name, state in checkpoint.get("callbacks", {}).items():
        for key in ("dirpath", "best_model_path", "kth_best_model_path", "best_k_models"):
            state.pop(key, None)
        if name == "Throughput":
            del state["seconds"]


def first_difference(one: Any, other: Any, path: str) -> str:
    """Return where two nested containers differ, bit for bit; empty if they do not."""
    if type(one) is not type(other):
        return f"{path}: {one!r} instead of {other!r}"
    if isinstance(one, torch.Tensor):
        return "" if torch.equal(one, other) else f"{path}: other numbers"
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return f"{path}: keys {sorted(map(str, one.keys() ^ other.keys()))} in one only"
        parts = [first_difference(one[key], other[key], f"{path}.{key}") for key in one]
        return next(filter(None, parts), "")
    if isinstance(one, list | tuple):
        if len(one) != len(other):
            return f"{path}: {one} instead of {other}"
        pairs = enumerate(zip(one, other, strict=True))
        return next(
            filter(None, (first_difference(a, b, f"{path}[{i}]") for i, (a, b) in pairs)), ""
        )
    is_equal = one == other or (one != one and other != other)
    return "" if is_equal else f"{path}: {one!r} instead of {other!r}"


def warm_up(plain: dict[str, Any], run_dir: Path) -> None:
    """Run once, so that no fork does anything for the first time.

    It has no gradients: autograd refuses to work in forks of a process where it has worked.
    """
    with (
        redirect_stdout(sys.stderr),
        replace((torch.autograd, "backward", lambda *_, **__: None)),
    ):
        status = run_here({**plain, "run_dir": str(run_dir)}, run_dir.with_suffix(".log"), None)
    assert status == 0
    gc.collect()
    gc.freeze()  # the collector of a fork would copy all pages
    gc.disable()  # a fork has a second's garbage


def main(folder: Path, seed: int, cases: int, numbers: list[int]) -> None:
    """Run the cases of some combinations; see the top."""
    from tests.helpers.configs import compose

    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    warm_up(compose(*draw_settings(COMBINATIONS[0], random.Random(0))), folder / "warm")
    for number in numbers:
        for result in run_cases(folder, seed, cases, number):
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))  # of the tests
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), [int(n) for n in sys.argv[4:]])
