"""One run, from its configuration to its report. Heavy packages are imported when needed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rnnlab.config.paths import with_absolute_paths
from rnnlab.config.schema import RunConfig, parse
from rnnlab.experiment import extension
from rnnlab.experiment.budget import check_limits, describe_budget, fix_epochs
from rnnlab.experiment.checks import check_device, check_early, check_source
from rnnlab.experiment.fingerprint import check_same_data, data_facts
from rnnlab.experiment.session import (
    RunParts,
    claim_folder,
    keep_listed,
    list_run,
    record_status,
)
from rnnlab.report.folder import FORMAT_VERSION, TRAINED, RunFolder
from rnnlab.runtime.clock import StageClock
from rnnlab.runtime.distributed import is_first_process, share_folder
from rnnlab.runtime.progress import show_slow_step

if TYPE_CHECKING:
    import lightning.pytorch as L

    from rnnlab.layers.kernels import KernelChoice
    from rnnlab.runtime.threads import ThreadChoice


@dataclass(frozen=True)
class Run:
    """A finished run, with the content of its report.json."""

    folder: RunFolder
    report: dict[str, Any]

    @property
    def score(self) -> float:
        """The monitored metric of the best checkpoint; NaN without a validation."""
        return float(self.report["scores"].get(self.report["monitor"], math.nan))

    def _repr_html_(self) -> str:
        """Return the scores and figures, for a notebook."""
        from rnnlab.report.notebook import run_html

        return run_html(self.report, self.folder)


def run(
    plain: Mapping[str, Any],
    extra_callbacks: "Sequence[L.Callback]" = (),
    start: float | None = None,
) -> Run:
    """Check -> folder -> data, task, model, trainer -> fit -> calibrate -> test -> report.

    Args:
        plain: a resolved config as plain values; see conf/config.yaml.
        extra_callbacks: callbacks of the caller, in addition to those of the config.
        start: when the user began to wait, in seconds since 1970; None for now.

    Raises:
        ConfigError: a setting is invalid; raised before any data is read.
        DataError: the data cannot be used.
        RunStopped: Ctrl-C or SIGTERM; the run can be resumed.
        RunPruned: a callback of the caller pruned the run.
        DivergedError: the loss is not finite.
    """
    clock = StageClock(start)
    config = check(plain)
    folder = claim_folder(config)
    if config.resume and is_first_process():
        extension.store_limits(folder, config)
    status = folder.read_report().get("status")
    if not extension.is_complete(folder, config):
        from rnnlab.runtime.threads import restore_threads

        with (
            keep_listed(folder, config),
            record_status(folder),
            share_folder(folder.path),
            restore_threads(),
        ):
            parts = build(config, folder, clock, [*extra_callbacks, *end_trained(status)])
            fit(parts)
            calibrate_intervals(parts)
            finish(parts, test(parts))
    report = folder.read_report()
    if is_first_process():
        from rnnlab.experiment.next_step import next_command
        from rnnlab.report import console

        console.print_results(report, folder)
        console.print_next(next_command(folder))
    return Run(folder, report)


def check(plain: Mapping[str, Any]) -> RunConfig:
    """Return the config as a RunConfig after building every part without data.

    A resumed run takes the config that it was started with; the limits of its training may grow.
    """
    if plain.get("resume"):
        plain = extension.resumed_config(plain)
    plain = with_absolute_paths(plain)
    check_early(plain)
    config = parse(plain)

    from rnnlab.experiment.build import dry_build

    check_device(config.trainer)
    dry_build(config)
    extension.check_extension(config)
    check_source(config)
    return config


def build(
    config: RunConfig,
    folder: RunFolder,
    clock: StageClock,
    extra_callbacks: "Sequence[L.Callback]" = (),
) -> RunParts:
    """Seed, read the data, and build task, model and trainer."""
    import lightning.pytorch as L

    from rnnlab.callbacks import ElapsedTime
    from rnnlab.experiment import build as builders
    from rnnlab.experiment import initialize
    from rnnlab.runtime.allocator import keep_freed_memory
    from rnnlab.runtime.precision import choose_matmul_precision

    builders.quiet_libraries()
    keep_freed_memory()
    L.seed_everything(config.seed, workers=True, verbose=False)
    data = builders.build_data(config)
    clock.end_stage("start")
    with show_slow_step("reading the data"):
        data.prepare_data()
        data.setup("fit")
    check_same_data(folder, data)
    check_limits(config.trainer, data)
    clock.end_stage("prepare")
    is_automatic, config = config.trainer.max_epochs == "auto", fix_epochs(config, data)
    if is_automatic and is_first_process():
        folder.write_config(asdict(config))
    model = builders.build_model(config, builders.build_task(config, data.spec))
    model.hyper_parameters = {
        "format_version": FORMAT_VERSION,
        "config": asdict(config),
        "spec": asdict(data.spec),
    }
    if config.init_from and not folder.last.exists():
        initialize.load_weights(model, config, data)
    callbacks = builders.instantiate_components(config.callbacks, folder.path)
    loggers = list(builders.instantiate_components(config.logger, folder.path).values())
    all_callbacks = [*callbacks.values(), *extra_callbacks, ElapsedTime(clock)]
    trainer = builders.build_trainer(config, folder.path, all_callbacks, loggers)
    device = trainer.strategy.root_device.type
    width = model.output_size // (2 if model.bidirectional else 1)
    choose_matmul_precision(config.matmul_precision, width, device)
    parts = RunParts(config, folder, data, model, trainer, callbacks, clock)
    announce(parts, is_automatic, use_kernel(parts, device), use_threads(parts, device))
    clock.end_stage("start")
    return parts


def end_trained(status: str | None) -> "list[L.Callback]":
    """Return the callback that a run needs whose training has ended: it must not continue."""
    from rnnlab.callbacks import EndTraining

    return [EndTraining()] if status == TRAINED else []


def use_kernel(parts: RunParts, device: str) -> "KernelChoice":
    """Choose and set the kernel of the recurrent layers; a resumed run keeps its own.

    Checkpoints from before there was a choice were trained with the kernel of torch.
    """
    from rnnlab.layers.kernels import choose_gradients, choose_kernel, set_kernel

    name = parts.folder.read_report().get("kernel", {}).get("name")
    previous = name or ("torch" if parts.folder.last.exists() else None)
    config, model = parts.config, parts.model
    choice = choose_kernel(config.kernel, model, device, config.trainer.precision, previous)
    choice = choose_gradients(config.kernel_gradient_precision, choice)
    set_kernel(model, choice.name, choice.gradient_precision)
    return choice


def use_threads(parts: RunParts, device: str) -> "ThreadChoice":
    """Choose and set the number of threads; a resumed run keeps its own, for equal results."""
    import torch

    from rnnlab.runtime.threads import ThreadChoice, choose_threads, count_products

    if device != "cpu":
        return ThreadChoice(torch.get_num_threads(), "the network is on a GPU")
    facts = parts.folder.read_report().get("device", {}) if parts.folder.last.exists() else {}
    product = count_products(parts.model, parts.config.data.get("batch_size", 1))
    choice = choose_threads(parts.config.threads, product, facts.get("threads"))
    torch.set_num_threads(choice.number)
    return choice


def announce(
    parts: RunParts, has_auto_budget: bool, kernel: "KernelChoice", threads: "ThreadChoice"
) -> None:
    """Print the settings of the run, and start its report."""
    from rnnlab.experiment.initialize import describe_initial_weights
    from rnnlab.report import console
    from rnnlab.runtime.environment import device_facts, git_state, versions

    if not parts.trainer.is_global_zero:
        return
    device = device_facts(parts.trainer.strategy.root_device.type)
    parameters = sum(p.numel() for p in parts.model.parameters() if p.requires_grad)
    previous = parts.folder.read_report()
    report = {
        **drop_failure(previous),
        "segments": extension.list_segments(previous),
        "format_version": FORMAT_VERSION,
        "status": "running",
        "name": parts.config.name,
        "variant": parts.config.variant,
        "seed": parts.config.seed,
        "monitor": parts.config.monitor,
        "task": parts.model.task.name,
        "model": {"class": type(parts.model).__name__, "parameters": parameters},
        "kernel": kernel._asdict(),
        "threads": threads._asdict(),
        "data": data_facts(parts.data),
        "budget": describe_budget(parts.config, parts.data),
        "init_from": previous.get("init_from") or describe_initial_weights(parts.config),
        "limits": extension.read_limits(parts.config.trainer),
        "device": {**device, "count": parts.trainer.world_size},
        "versions": versions(),
        "git": git_state(),
    }
    parts.folder.write_report(report)
    list_run(parts.folder, parts.config)
    parts.data.save_processor(parts.folder.path)
    for logger in parts.trainer.loggers:
        logger.log_hyperparams(asdict(parts.config))
    console.header(report, parts.folder, parts.data.provenance.line(), has_auto_budget)


def drop_failure(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return a report without the error of an earlier session."""
    return {key: value for key, value in report.items() if key not in ("error", "message")}


def fit(parts: RunParts) -> None:
    """Train, from the last checkpoint if there is one."""
    from rnnlab.experiment.load import read_checkpoint

    last = parts.folder.last if parts.folder.last.exists() else None
    checkpoint = read_checkpoint(last) if last else {}
    parts.clock.add_earlier(checkpoint.get("seconds", 0.0))
    for logger in parts.trainer.loggers:
        if hasattr(logger, "rewind"):
            logger.rewind(checkpoint.get("logged_rows", 0))
        if last and hasattr(logger, "rewind_to"):
            logger.rewind_to(checkpoint["global_step"])
    parts.trainer.fit(parts.model, parts.data, ckpt_path=last and str(last))
    parts.clock.end_stage("fit")


def calibrate_intervals(parts: RunParts) -> None:
    """Load the best checkpoint, and fit prediction intervals on the validation split."""
    from rnnlab.experiment.calibration import fit_intervals

    load_tested_weights(parts)
    if parts.model.task.interval_levels:
        fit_intervals(parts)
        parts.clock.end_stage("calibrate")


def test(parts: RunParts) -> dict[str, float]:
    """Score the best checkpoint on the test split, once; empty with test=false."""
    if not parts.config.test:
        return {}
    (scores,) = parts.trainer.test(parts.model, parts.data, verbose=False)
    parts.clock.end_stage("test")
    return dict(scores)


def load_tested_weights(parts: RunParts) -> None:
    """Load the weights of the best checkpoint, or of the last one (callbacks.best=null).

    Lightning would call the callbacks, and one that averages weights would restore the others.
    """
    from rnnlab.experiment.load import read_checkpoint

    paths = [path for path in (parts.folder.best, parts.folder.last) if path.exists()]
    if paths:
        parts.model.load_state_dict(read_checkpoint(paths[0])["state_dict"])


def finish(parts: RunParts, test_scores: Mapping[str, float]) -> None:
    """Collect the predictions of all processes; write figures and report in the first one."""
    from rnnlab.experiment.predictions import collect_test_predictions
    from rnnlab.experiment.results import write_results

    config = parts.config
    release_training_memory(parts)
    predictions = (
        collect_test_predictions(parts.model, parts.data, config.baselines) if config.test else None
    )
    if parts.trainer.is_global_zero:
        with show_slow_step("computing baselines, drawing figures"):
            write_results(parts, test_scores, predictions)
    parts.trainer.strategy.barrier()


def release_training_memory(parts: RunParts) -> None:
    """Free gradients, optimizer and unused memory, before baselines and figures need theirs."""
    from rnnlab.runtime.allocator import release_freed_memory

    parts.model.zero_grad()
    parts.trainer.strategy.optimizers = []
    release_freed_memory()
