"""The results of a run: report.json and figures, written once by the first process."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.config.keys import flat
from rnnlab.config.program import join_command
from rnnlab.config.schema import changed_settings
from rnnlab.experiment.budget import advise_longer_training
from rnnlab.experiment.session import RunParts
from rnnlab.loggers.results import log_results
from rnnlab.metrics.directions import best_baseline
from rnnlab.plots.figures import caption
from rnnlab.report import summary
from rnnlab.report.model_card import data_name, write_model_card
from rnnlab.report.run_page import RunDescription, run_page, run_title
from rnnlab.report.test_reads import record_test_read
from rnnlab.runtime.console import PlainConsole
from rnnlab.runtime.files import read_metrics

if TYPE_CHECKING:
    from rnnlab.analysis import AnalysisResult, TestPredictions
    from rnnlab.data.base import Rows
    from rnnlab.data.loaders.buckets import ResumableLoader


def write_results(
    parts: RunParts, test_scores: Mapping[str, float], predictions: "TestPredictions | None"
) -> None:
    """Write the figures, then the report: a report with status finished is complete.

    Without a test, there are no test scores and no predictions.
    """
    from rnnlab.experiment.predictions import checksum_targets
    from rnnlab.runtime.environment import peak_memory_mb

    result = analyze_predictions(parts, predictions) if predictions else None
    parts.clock.end_stage("report")
    baselines = compute_baselines(parts, result)
    parts.clock.end_stage("baselines" if parts.config.baselines else "report")
    report = make_report(parts, test_scores, baselines, result)
    if predictions:
        report["targets_sha256"] = checksum_targets(predictions)
        report |= count_test(parts, report)
    with caption(run_title(report)):
        files = result.save(parts.folder.path) if result else []
        files += draw_internals(parts) if predictions else []
        if rows := read_metrics(parts.folder.metrics):
            files.append(save_learning_curves(parts, report, rows))
        files += draw_health(parts)
    parts.clock.end_stage("report")
    report["seconds"] = parts.clock.seconds
    # After the figures, which may need more memory than the training.
    report["peak_memory"] = peak_memory_mb(parts.trainer.strategy.root_device.type)
    for logger in parts.trainer.loggers:
        log_results(logger, summary.flat_report(report), files, parts.trainer.global_step)
    write_model_card(report, parts.model.task.name, parts.folder)
    write_run_page(parts, report, files)
    parts.clock.end_stage("report")
    parts.folder.write_report(report)


def count_test(parts: RunParts, report: Mapping[str, Any]) -> dict[str, Any]:
    """Return how often the test split was read, for the report; an error is printed."""
    path, data = parts.folder.path, data_name(report["data"])
    try:
        reads = record_test_read(
            path, parts.config.output_dir, report["targets_sha256"], data, "train"
        )
    except OSError as error:
        PlainConsole().print(f"{path}: its test is not counted ({error})", soft_wrap=True)
        return {}
    return {"test_reads": reads._asdict()}


def write_run_page(parts: RunParts, report: Mapping[str, Any], files: Sequence[Path]) -> None:
    """Write report.html, unless page=false; an error is printed, and the run goes on."""
    if not parts.config.page:
        return
    plain = asdict(parts.config)
    repeat = join_command("repeat", [str(parts.folder.path)])
    try:
        description = RunDescription(flat(plain), changed_settings(plain), files, repeat)
        run_page(report, parts.folder, description).write(parts.folder.path)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        PlainConsole().print(f"no report.html ({reason}); page=false switches it off")


def analyze_predictions(parts: RunParts, predictions: "TestPredictions") -> "AnalysisResult | None":
    """Return the analysis of the test split; None for a task without one."""
    from rnnlab.experiment.build import build_analysis

    analysis = build_analysis(parts.config)
    return analysis.analyze(parts.model, predictions) if analysis else None


def make_report(
    parts: RunParts,
    test_scores: Mapping[str, float],
    baselines: Mapping[str, Mapping[str, float]],
    result: "AnalysisResult | None",
) -> dict[str, Any]:
    """Return the report of a run that was trained and tested."""
    validation = tested_validation(parts)
    throughput = parts.callbacks.get("throughput")
    health = parts.callbacks.get("gradient_health")
    best = {key: int(validation[key]) for key in ("step", "epoch")} if validation else None
    scores = {**summary.scores_of(validation, "val"), **summary.scores_of(test_scores, "test")}
    targets = {"val": summary.count_targets(validation, "val")}
    if parts.config.test:
        targets["test"] = summary.count_targets(test_scores, "test")
    if result:
        others = {f"test/{name}": value for name, value in result.scores.items()}
        scores = {**others, **scores} if result.leads else {**scores, **others}
    return {
        **parts.folder.read_report(),
        "status": "finished",
        "scores": scores,
        "baselines": baselines,
        "missing_baselines": dict(parts.data.missing_baselines() if parts.config.baselines else {}),
        "findings": [*(result.statements if result else ()), *budget_findings(parts, best)],
        "tables": dict(result.tables) if result else {},
        "details": dict(result.details) if result else {},
        "evaluated_targets": targets,
        "best": best,
        "epochs": parts.trainer.current_epoch,
        "speed": throughput.speed() if throughput else {},
        **({"gradient_health": health.report()} if health else {}),
    }


def budget_findings(parts: RunParts, best: Mapping[str, int] | None) -> list[str]:
    """Return advice about the length of the training if the best of its epochs was chosen."""
    if best is None or not parts.folder.best.exists():
        return []
    advice = advise_longer_training(parts.config.trainer, best, parts.trainer.global_step)
    return [advice] if advice else []


def tested_validation(parts: RunParts) -> dict[str, float]:
    """Return the validation scores of the checkpoint that was tested, with its step and epoch.

    Without a best checkpoint (callbacks.best=null) the last weights were tested. Empty if the run
    ended before its first validation.
    """
    from rnnlab.experiment.load import read_checkpoint

    if parts.folder.best.exists():
        return dict(read_checkpoint(parts.folder.best)["validation_scores"])
    return parts.model.validation_scores


def compute_baselines(
    parts: RunParts, result: "AnalysisResult | None"
) -> dict[str, dict[str, float]]:
    """Return the metrics of the baselines on every evaluated split."""
    splits = ("val", "test") if parts.config.test else ("val",)
    if not parts.config.baselines:
        return {}
    baselines = summary.flat_baselines(
        {split: parts.data.baselines(split, evaluated_rows(parts, split)) for split in splits}
    )
    if result:
        for name, metrics in summary.flat_baselines({"test": result.baselines}).items():
            baselines.setdefault(name, {}).update(metrics)
    return baselines


def evaluated_rows(parts: RunParts, split: str) -> "Rows":
    """Return the positions of the targets of a split that the network was scored on."""
    from rnnlab.data.base import ALL_ROWS

    limit = getattr(parts.config.trainer, f"limit_{split}_batches")
    if limit is None:
        return ALL_ROWS
    loader: ResumableLoader = getattr(parts.data, f"{split}_dataloader")()
    return loader.target_rows(limit)


def draw_internals(parts: RunParts) -> list[Path]:
    """Draw states, gates, attention and gradients; see rnnlab.analysis.internals."""
    from rnnlab.analysis import internals

    batch = parts.data.sample("test", internals.NUM_SEQUENCES, internals.NUM_STEPS)
    batch = parts.trainer.precision_plugin.convert_input(batch)
    return internals.save_internals(parts.model, batch, parts.data.input_names(), parts.folder.path)


def save_learning_curves(
    parts: RunParts, report: Mapping[str, Any], rows: list[dict[str, Any]]
) -> Path:
    """Draw the learning curves, with the best baseline of the monitored metric."""
    from rnnlab.plots import learning_curves as plots

    monitor = parts.config.monitor
    baseline = best_baseline(report["baselines"], monitor)
    step = report["best"] and report["best"]["step"]
    picture = parts.folder.path / "learning_curves.png"
    return plots.draw_learning_curves(rows, monitor, step, baseline, picture)


def draw_health(parts: RunParts) -> list[Path]:
    """Draw the gradient norms of all epochs and the gradients through time, if measured."""
    from rnnlab.plots.gradients import draw_gradient_health

    health = parts.callbacks.get("gradient_health")
    if not health or not any("grad_norm/median" in epoch for epoch in health.epochs):
        return []
    picture = parts.folder.path / "gradient_health.png"
    return [draw_gradient_health(health.epochs, health.through_time, picture)]
