"""Scores of a trained run: on its own test split again, or on new data with targets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.config.paths import with_absolute_paths
from rnnlab.config.schema import RunConfig, parse
from rnnlab.data.base import DataModule
from rnnlab.errors import ConfigError, about_file
from rnnlab.experiment.build import build_analysis, build_data, build_trainer, quiet_libraries
from rnnlab.experiment.fingerprint import check_same_data, data_facts
from rnnlab.experiment.predictions import collect_test_predictions
from rnnlab.models import RecurrentModel
from rnnlab.report.console import reads_line
from rnnlab.report.folder import RunFolder
from rnnlab.report.model_card import data_name
from rnnlab.report.summary import flat_baselines, scores_of
from rnnlab.report.test_reads import record_test_read
from rnnlab.runtime.precision import choose_matmul_precision

if TYPE_CHECKING:
    from rnnlab.analysis import AnalysisResult

DEFAULT_BATCH_SIZE = 64


@dataclass(frozen=True)
class Evaluation:
    """Scores of a network on a test split or on new data.

    Attributes:
        scores: by their names in report.json, such as test/accuracy.
        baselines: baseline -> its scores on the same targets.
        missing_baselines: baseline of the run that has no scores here -> the reason.
        undefined: metric without a value -> the reason.
        targets: number of targets that are scored.
        notes: repairs and omissions.
        intervals: level of prediction intervals in percent -> nominal coverage, `coverage`, mean
            `width` and more; see `details.intervals` in report.json.
    """

    scores: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    missing_baselines: Mapping[str, str]
    undefined: Mapping[str, str]
    targets: int
    notes: Sequence[str]
    intervals: Mapping[str, Any] = field(default_factory=dict)


def evaluate_again(model: RecurrentModel, path: Path) -> Evaluation:
    """Score the test split of a run again; its data is read again.

    Raises:
        ConfigError: there is no finished run.
        DataChangedError: its data has changed.
    """
    folder = open_finished(path)
    config = single_process_config(model.hyper_parameters["config"])
    data = read_same_data(config, folder)
    evaluation = score(model, data, config, folder, with_baselines=False)
    report = folder.read_report()
    names = [name for name in report["scores"] if name.startswith("test/")]
    chosen = select_scores(evaluation, names)
    return replace(
        chosen, notes=[*chosen.notes, *count_evaluation(folder, data, config.output_dir)]
    )


def count_evaluation(folder: RunFolder, data: DataModule, output_dir: str) -> list[str]:
    """Record that the test split of a run was read again; return a note on that."""
    facts = data_facts(data)
    targets = folder.read_report().get("targets_sha256") or facts["sha256"]
    try:
        reads = record_test_read(folder.path, output_dir, targets, data_name(facts), "evaluate")
    except OSError as error:
        return [f"{folder.path}: this test is not counted ({error})"]
    line = reads_line(reads._asdict())
    return [f"test reads: {line}"] if line else []


def evaluate_new(model: RecurrentModel, path: Path, data: DataModule) -> Evaluation:
    """Score new data with targets; the metrics are those of the run's own test, if it has one."""
    config = single_process_config(model.hyper_parameters["config"])
    config.trainer.limit_test_batches = None
    folder = RunFolder(path)
    evaluation = score(model, data, config, folder, with_baselines=True)
    scores = folder.read_report().get("scores", {})
    names = [name for name in scores if name.startswith("test/")]
    return select_scores(evaluation, names) if names else evaluation


def select_scores(evaluation: Evaluation, names: Sequence[str]) -> Evaluation:
    """Return an evaluation with these scores, in this order."""
    scores = evaluation.scores
    fields = vars(evaluation) | {"scores": {name: scores[name] for name in names if name in scores}}
    return Evaluation(**fields)


def score(
    model: RecurrentModel,
    data: DataModule,
    config: RunConfig,
    folder: RunFolder,
    with_baselines: bool,
) -> Evaluation:
    """Return the scores of a network on the test split of a data set, as a run reports them."""
    quiet_libraries()
    trainer = build_trainer(config, folder.path, [], [])
    width = model.output_size // (2 if model.bidirectional else 1)
    choose_matmul_precision(config.matmul_precision, width, trainer.strategy.root_device.type)
    (logged,) = trainer.test(model, data, verbose=False)
    analysis = build_analysis(config)
    predictions = collect_test_predictions(model, data, with_baselines)
    result = analysis.analyze(model, predictions) if analysis else None
    others = {
        f"test/{name}": float(value) for name, value in (result.scores if result else {}).items()
    }
    return Evaluation(
        scores={**scores_of(logged, "test"), **others},
        baselines=score_baselines(data, result) if with_baselines else {},
        missing_baselines=dict(data.missing_baselines()) if with_baselines else {},
        undefined=dict(data.undefined_metrics("test")),
        targets=data.provenance.sizes["test"],
        notes=list(data.provenance.notes),
        intervals=result.details.get("intervals", {}) if result else {},
    )


def score_baselines(
    data: DataModule, result: "AnalysisResult | None"
) -> dict[str, dict[str, float]]:
    """Return the scores of the baselines: those of the data set and of the analysis."""
    baselines = flat_baselines({"test": data.baselines("test")})
    for name, scores in flat_baselines({"test": result.baselines if result else {}}).items():
        baselines.setdefault(name, {}).update(scores)
    return baselines


def open_finished(path: Path) -> RunFolder:
    """Return the folder of a tested run; raise ConfigError if it is not one."""
    folder = RunFolder(path)
    report = folder.read_report()
    if report.get("status") != "finished":
        place = "" if path.is_absolute() else f", looked for in {Path.cwd()}"
        state = report.get("status", f"no run is there (no report.json){place}")
        raise ConfigError(about_file(path, f"{state}; give the folder of a finished run"))
    if not any(name.startswith("test/") for name in report["scores"]):
        reason = "the run was not tested (test=false), so there is no score"
        raise ConfigError(about_file(path, reason))
    return folder


def single_process_config(hyper_parameters: Mapping[str, Any]) -> RunConfig:
    """Return the run's config for one process."""
    config = parse(with_absolute_paths(hyper_parameters))
    config.trainer.devices, config.trainer.num_nodes, config.trainer.strategy = 1, 1, "auto"
    return config


def batch_size_of(model: RecurrentModel) -> int:
    """Return the batch size of the training, so that new data is scored in the same batches."""
    settings = model.hyper_parameters["config"]["data"]
    return int(settings.get("batch_size") or DEFAULT_BATCH_SIZE)


def read_same_data(config: RunConfig, folder: RunFolder) -> DataModule:
    """Read the run's data set again; raise DataChangedError if its content has changed."""
    data = build_data(config)
    data.prepare_data()
    data.setup("fit")
    check_same_data(folder, data)
    return data
