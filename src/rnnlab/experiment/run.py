"""One run, from its config to its report. Everything heavy is imported when it is needed."""

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.config.schema import RunConfig, parse
from rnnlab.errors import ConfigError, RunPruned, RunStopped
from rnnlab.report import console as screen
from rnnlab.report.folder import RunFolder, new_folder, open_folder

if TYPE_CHECKING:
    import lightning.pytorch as L

    from rnnlab.data.base import DataModule
    from rnnlab.models import RecurrentModel
    from rnnlab.tasks import Analysis, TestPredictions

RUN_DIR = "RNNLAB_RUN_DIR"  # tells the processes that DDP starts which folder is theirs
PATIENCE_SECONDS = 60.0  # for the folder that rank 0 makes


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        folder: where everything stands.
        report: what report.json holds.
    """

    folder: RunFolder
    report: dict[str, Any]

    @property
    def score(self) -> float:
        """The monitored metric of the best checkpoint; NaN where nothing was validated."""
        return float(self.report["scores"].get(self.report["monitor"], math.nan))


@dataclass(frozen=True)
class Parts:
    """What a run is made of, once it is built."""

    config: RunConfig
    folder: RunFolder
    data: "DataModule"
    model: "RecurrentModel"
    trainer: "L.Trainer"
    callbacks: dict[str, Any]
    seconds: dict[str, float]


def run(plain: Mapping[str, Any], extra_callbacks: "Sequence[L.Callback]" = ()) -> Run:
    """Check -> folder -> data, task, model, trainer -> fit -> test -> report.

    Args:
        plain: a resolved config as plain values; see conf/config.yaml.
        extra_callbacks: callbacks beside those of the config, of whoever runs this run.

    Raises:
        ConfigError: a setting cannot work; raised before any data is read.
        DataError: the data cannot be used.
        RunStopped: Ctrl-C or SIGTERM; the run can be resumed.
        RunPruned: a guest gave the run up.
        DivergedError: the loss is no longer a number.
    """
    config = check(plain)
    folder = claim_folder(config)
    if folder.read_report().get("status") != "finished":
        with recorded(folder), known_to_children(folder):
            parts = build(config, folder, extra_callbacks)
            fit(parts)
            test(parts)
            finish(parts)
    report = folder.read_report()
    if is_first_process():
        screen.table(report, folder)
    return Run(folder, report)


def check(plain: Mapping[str, Any]) -> RunConfig:
    """The config as a RunConfig, every part of which was tried without data.

    Of a run that is to be resumed it is the config that the run was started with.

    Raises:
        ConfigError: what is wrong, a line each.
    """
    if plain.get("resume"):
        place = str(plain["resume"])
        plain = {**open_folder(place).read_config(), "run_dir": None, "resume": place}
    config = parse(plain)

    from rnnlab.experiment.build import check_device, dry_build

    check_device(config.trainer)
    dry_build(config)
    return config


def claim_folder(config: RunConfig) -> RunFolder:
    """The run's folder, the same for all its processes: new, or the one to go on in.

    Raises:
        ConfigError: it cannot be made or used, or several processes do not know which it is.
    """
    if config.resume:
        return open_folder(config.resume)
    first = is_first_process()
    known = config.run_dir or (None if first else os.environ.get(RUN_DIR))
    if known is None and int(os.environ.get("WORLD_SIZE", 1)) > 1:
        raise ConfigError(
            "several processes were started for this run (torchrun?), and each would choose a "
            "folder of its own: give one with run_dir=<folder>"
        )
    if not first:
        return wait_for_folder(str(known))
    return new_folder(config.output_dir, config.name, config.run_dir, asdict(config))


def is_first_process() -> bool:
    """Whether this is the one process of the run that writes and prints."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", 0))) == 0


def wait_for_folder(path: str) -> RunFolder:
    """The folder that the first process of the same run makes."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            return open_folder(path)
        except ConfigError:
            time.sleep(0.2)
    return open_folder(path)


@contextmanager
def known_to_children(folder: RunFolder) -> Iterator[None]:
    """Tell the processes that Lightning starts for this run, and no later ones, where it stands."""
    before = os.environ.get(RUN_DIR)
    os.environ[RUN_DIR] = str(folder.path)
    try:
        yield
    finally:
        os.environ.pop(RUN_DIR)
        if before is not None:
            os.environ[RUN_DIR] = before


@contextmanager
def recorded(folder: RunFolder) -> Iterator[None]:
    """Keep in report.json how the run ended, if it did not finish."""
    try:
        yield
    except (RunStopped, KeyboardInterrupt, SystemExit):  # Lightning makes the last of the second
        folder.write_report({**folder.read_report(), "status": "stopped"})
        raise RunStopped(f"stopped; to go on: python train.py resume={folder.path}") from None
    except RunPruned:
        folder.write_report({**folder.read_report(), "status": "pruned"})
        raise
    except Exception as error:
        reason = {"error": type(error).__name__, "message": str(error)}
        folder.write_report({**folder.read_report(), "status": "failed", **reason})
        raise


def build(
    config: RunConfig, folder: RunFolder, extra_callbacks: "Sequence[L.Callback]" = ()
) -> Parts:
    """Seed, read the data, and build task, model and trainer."""
    import lightning.pytorch as L

    from rnnlab.experiment import build as make
    from rnnlab.runtime import allocator as memory
    from rnnlab.runtime.precision import choose_matmul_precision

    make.quiet_libraries()
    memory.keep_freed_memory()
    L.seed_everything(config.seed, workers=True, verbose=False)
    data = make.build_data(config)
    started = time.perf_counter()
    data.prepare_data()
    data.setup("fit")
    seconds = {"prepare": time.perf_counter() - started}
    model = make.build_model(config, make.build_task(config, data.spec))
    model.hyper_parameters = {"config": asdict(config), "spec": asdict(data.spec)}
    callbacks = make.instantiate_members(config.callbacks, folder.path)
    loggers = make.instantiate_members(config.logger, folder.path)
    trainer = make.build_trainer(
        config, folder.path, [*callbacks.values(), *extra_callbacks], list(loggers.values())
    )
    device = trainer.strategy.root_device.type
    width = model.output_size // (2 if model.bidirectional else 1)
    choose_matmul_precision(config.matmul_precision, width, device)
    parts = Parts(config, folder, data, model, trainer, callbacks, seconds)
    announce(parts)
    return parts


def announce(parts: Parts) -> None:
    """Say what is going to be trained, and begin the report."""
    from rnnlab.runtime.environment import device_facts, git_state, versions

    if not parts.trainer.is_global_zero:
        return
    device = device_facts(parts.trainer.strategy.root_device.type)
    parameters = sum(p.numel() for p in parts.model.parameters() if p.requires_grad)
    report = {
        **parts.folder.read_report(),
        "status": "running",
        "name": parts.config.name,
        "seed": parts.config.seed,
        "monitor": parts.config.monitor,
        "model": {"class": type(parts.model).__name__, "parameters": parameters},
        "data": parts.data.provenance.plain(),
        "device": {**device, "count": parts.trainer.world_size},
        "versions": versions(),
        "git": git_state(),
    }
    parts.folder.write_report(report)
    parts.data.save_processor(parts.folder.path)
    for logger in parts.trainer.loggers:
        logger.log_hyperparams(asdict(parts.config))
    screen.head(report, parts.folder, parts.data.provenance.line())


def fit(parts: Parts) -> None:
    """Train, from the last checkpoint if there is one."""
    from rnnlab.experiment.build import global_step

    last = parts.folder.last if parts.folder.last.exists() else None
    step = global_step(last) if last else 0
    for logger in parts.trainer.loggers:
        if hasattr(logger, "rewind"):
            logger.rewind(step)
    started = time.perf_counter()
    parts.trainer.fit(parts.model, parts.data, ckpt_path=last and str(last))
    parts.seconds["fit"] = time.perf_counter() - started


def test(parts: Parts) -> None:
    """Score the best checkpoint on the test split, once, and keep what it predicted."""
    if not parts.config.test:
        return
    started = time.perf_counter()
    best = str(parts.folder.best) if parts.folder.best.exists() else None
    parts.trainer.test(parts.model, parts.data, ckpt_path=best, verbose=False)
    parts.seconds["test"] = time.perf_counter() - started


def finish(parts: Parts) -> None:
    """Write the pictures and the report; on the first of several processes."""
    from rnnlab.experiment.build import collect_test_predictions

    test_predictions = (
        collect_test_predictions(parts.model, parts.data) if parts.config.test else None
    )
    if parts.trainer.is_global_zero:
        write_results(parts, test_predictions)
    parts.trainer.strategy.barrier()


def write_results(parts: Parts, test_predictions: "TestPredictions | None") -> None:
    """Pictures first, the report last: where it says finished, everything is there."""
    from rnnlab.loggers.csv import read_metrics

    rows = read_metrics(parts.folder.metrics)
    analysis = parts.model.task.analyze(test_predictions) if test_predictions else None
    report = full_report(parts, rows, analysis)
    files = (
        parts.model.task.save_figures(parts.folder.path, test_predictions)
        if test_predictions
        else []
    )
    if test_predictions:
        files += draw_insides(parts)
        files += parts.model.task.sample(parts.model, parts.folder.path, test_predictions)
    files.append(draw_curves(parts, report, rows))
    for logger in parts.trainer.loggers:
        if hasattr(logger, "close"):
            logger.close(report["scores"], files)
    parts.folder.write_report(report)


def full_report(
    parts: Parts, rows: list[dict[str, Any]], analysis: "Analysis | None"
) -> dict[str, Any]:
    """The report of a run that was trained and tested."""
    from rnnlab.report import summary
    from rnnlab.runtime.environment import peak_memory_mb

    best = summary.best_row(rows, parts.config.monitor, parts.config.mode)
    if not parts.folder.best.exists():  # callbacks.best=null: the last weights were tested
        best = summary.last_row(rows, parts.config.monitor)
    tested = next((row for row in reversed(rows) if row.get("test/loss")), None)
    splits = ("val", "test") if parts.config.test else ("val",)
    throughput = parts.callbacks.get("throughput")
    scores = {**summary.scores_of(best, "val"), **summary.scores_of(tested, "test")}
    beside = splits if parts.config.baselines else ()
    baselines = summary.flat_baselines({s: parts.data.baselines(s) for s in beside})
    if analysis:
        scores |= {f"test/{name}": value for name, value in analysis.scores.items()}
        for name, more in summary.flat_baselines({"test": analysis.baselines}).items():
            baselines.setdefault(name, {}).update(more)
    return {
        **parts.folder.read_report(),
        "status": "finished",
        "scores": scores,
        "baselines": baselines,
        "findings": list(analysis.sentences) if analysis else [],
        "details": dict(analysis.details) if analysis else {},
        "evaluated_targets": {split: summary.targets_of(rows, split) for split in splits},
        "best": summary.place_of(best),
        "seconds": {name: round(value, 2) for name, value in parts.seconds.items()},
        "speed": throughput.speed() if throughput else {},
        "peak_memory": peak_memory_mb(parts.trainer.strategy.root_device.type),
    }


def draw_insides(parts: Parts) -> list[Path]:
    """Draw states, gates, attention and gradients; see rnnlab.analysis.internals."""
    from rnnlab.analysis import internals as insides

    batch = parts.data.sample("test", insides.SEQUENCES, insides.STEPS)
    batch = parts.trainer.precision_plugin.convert_input(batch)
    return insides.draw(parts.model, batch, parts.data.input_names(), parts.folder.path)


def draw_curves(parts: Parts, report: Mapping[str, Any], rows: list[dict[str, Any]]) -> Path:
    """The learning curves, with the first baseline that has the monitored metric."""
    from rnnlab.plots import tasks as plots

    monitor = parts.config.monitor
    known = [
        (name, scores[monitor]) for name, scores in report["baselines"].items() if monitor in scores
    ]
    step = report["best"] and report["best"]["step"]
    picture = parts.folder.path / "learning_curves.png"
    return plots.learning_curves(rows, monitor, step, known[0] if known else None, picture)
