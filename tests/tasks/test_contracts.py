"""Contracts of every task in conf/task; a new YAML file is tested without being listed here."""

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, distributed, nn
from torch.multiprocessing.spawn import start_processes

from rnnlab.config.schema import parse
from rnnlab.config.signature import locate
from rnnlab.data.base import DataModule
from rnnlab.data.baselines.ngrams import unigram
from rnnlab.experiment.build import build_data, build_model, build_task
from rnnlab.experiment.run import run
from rnnlab.models import GRU, RecurrentModel
from rnnlab.models.scores import Scores
from rnnlab.spec import END_ID, UNKNOWN_ID, Batch
from rnnlab.tasks import Encoding, Task, Translation
from rnnlab.tasks.forecasting import TRANSFORMS
from tests.helpers.configs import SMALL, choices, compose, small
from tests.helpers.tagging import PaddedTagging, Tagging, TaggingData

TASKS = choices("task")
PREFERRED = ("imdb", "csv_series", "copying", "text_file", "parallel_text")
NUM_SEQUENCES = 5
FOLDER = TemporaryDirectory(prefix="rnnlab-contracts-")  # removed at exit


class Case(NamedTuple):
    """A network of a task, and the same sequences in differently padded batches.

    Attributes:
        model: in double precision and evaluation mode.
        joint: several sequences, padded to the longest.
        halves: the same in two batches of different sizes.
        singles: the same one by one, without padding.
        data: that the sequences are from.
    """

    model: RecurrentModel
    joint: Batch
    halves: list[Batch]
    singles: list[Batch]
    data: DataModule


def data_for(task: str) -> str:
    """Return a choice of conf/data whose targets fit a task."""
    target = compose(f"task={task}")["task"]["_target_"]
    for data in dict.fromkeys([*PREFERRED, *SMALL]):
        if locate(target).name in locate(compose(f"data={data}")["data"]["_target_"]).tasks:
            return data
    raise AssertionError(f"no data set of conf/data has targets for conf/task/{task}.yaml")


def as_double(batch: Batch) -> Batch:
    """Return a batch with all values in double precision."""
    units = batch.units and type(batch.units)(*(part.double() for part in batch.units))
    values = {
        name: getattr(batch, name).double()
        for name in ("inputs", "targets")
        if getattr(batch, name).is_floating_point()
    }
    return batch._replace(units=units, **values)


def stream_case(model: RecurrentModel, data: DataModule) -> Case:
    """Return windows of several streams; they have no padding."""
    joint = next(iter(data.train_dataloader()))

    def part(rows: slice) -> Batch:
        return Batch(*(values[rows] for values in joint[:4]))

    singles = [part(slice(i, i + 1)) for i in range(len(joint.inputs))]
    return Case(model, part(slice(None)), [part(slice(2)), part(slice(2, None))], singles, data)


def sequence_case(model: RecurrentModel, data: DataModule) -> Case:
    """Return sequences of different lengths, if the data set has some."""
    order = np.argsort(data.lengths("test"), kind="stable")
    rows = order[np.linspace(0, len(order) - 1, NUM_SEQUENCES).astype(int)]
    parts = [rows, rows[:2], rows[2:], *rows.reshape(-1, 1)]
    joint, *rest = (as_double(data.gather("test", part)) for part in parts)
    return Case(model, joint, rest[:2], rest[2:], data)


def make_case(task: str, folder: Path) -> Case:
    """Return a small network of a task of conf/task, with data that fit it."""
    config = parse(small(data_for(task), folder, f"task={task}", "model=gru"))
    data = build_data(config)
    data.prepare_data()
    data.setup()
    torch.manual_seed(0)
    model = build_model(config, build_task(config, data.spec)).double().eval()
    return (stream_case if model.task.stateful else sequence_case)(model, data)


def tagging_case(task: type[Task]) -> Case:
    """Return a network of a task of tests/helpers/tagging.py."""
    data = TaggingData(num_train=10, num_eval=40)
    data.setup()
    torch.manual_seed(0)
    return sequence_case(GRU(task(data.spec), hidden_size=6).double().eval(), data)


@cache
def case_of(task: str) -> Case:
    """Return the case of a task, built once."""
    folder = Path(FOLDER.name) / task
    folder.mkdir()
    return make_case(task, folder)


@pytest.fixture(params=[*TASKS, "tagging"])
def case(request: pytest.FixtureRequest) -> Case:
    return tagging_case(Tagging) if request.param == "tagging" else case_of(request.param)


def score(case: Case, batches: Sequence[Batch]) -> dict[str, float]:
    """Return the scores of some batches together, with the loss and the number of targets."""
    scores = Scores(case.model.task, "test")
    with torch.no_grad():
        for batch in batches:
            scores.update(case.model.predictions(batch), batch)
    return {name: float(value) for name, value in scores.compute().items()}


def assert_equal_scores(one: dict[str, float], other: dict[str, float]) -> None:
    assert one == pytest.approx(other, rel=1e-5, abs=1e-7, nan_ok=True)


# The contracts.


def loss_is_a_mean_over_targets(case: Case) -> None:
    """The loss of joined batches is the mean of their losses, weighted by their targets."""
    task, model = case.model.task, case.model
    for batches in (case.halves, case.singles):
        counts = torch.tensor([float(task.num_targets(batch)) for batch in batches])
        losses = torch.stack([task.loss(model.predictions(batch), batch) for batch in batches])
        joint = task.loss(model.predictions(case.joint), case.joint)
        torch.testing.assert_close((losses * counts).sum() / counts.sum(), joint)


def padding_is_no_target(case: Case) -> None:
    """The number of targets does not depend on the padding."""
    counts = [int(case.model.task.num_targets(batch)) for batch in case.singles]
    assert int(case.model.task.num_targets(case.joint)) == sum(counts)


def metrics_ignore_padding(case: Case) -> None:
    """Scores of sequences in one padded batch equal those of the sequences one by one."""
    joint = score(case, [case.joint])
    assert set(joint) == {f"test/{name}" for name in names_of(case.model.task)}
    assert_equal_scores(joint, score(case, case.singles))
    assert_equal_scores(joint, score(case, case.halves))


def names_of(task: Task) -> list[str]:
    return ["loss", *task.metrics().keys(), "targets"]


CONTRACTS = (loss_is_a_mean_over_targets, padding_is_no_target, metrics_ignore_padding)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_padding_changes_nothing(contract: Callable[[Case], None], case: Case) -> None:
    contract(case)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_task_that_includes_padding_fails(contract: Callable[[Case], None]) -> None:
    with pytest.raises(AssertionError):
        contract(tagging_case(PaddedTagging))


def test_the_sequences_have_padding_where_the_data_have_different_lengths(case: Case) -> None:
    if len(set(case.data.lengths("test").tolist())) > 1:
        assert case.joint.lengths.min() < case.joint.lengths.max()


def test_metric_names_are_those_of_the_metrics(case: Case) -> None:
    assert {"loss", *case.model.task.metrics()} <= set(case.model.task.metric_names)


def test_states_of_two_processes_are_merged(case: Case) -> None:
    """As torchmetrics gathers them; real processes are started in a slow test."""
    task, model = case.model.task, case.model
    first, second = task.metrics(), task.metrics()
    with torch.no_grad():
        for metrics, batch in zip((first, second), case.halves, strict=True):
            metrics.update(*task.metric_inputs(model.predictions(batch), batch))
    merged = {}
    for name, metric in first.items():
        metric.merge_state(second[name])
        merged[f"test/{name}"] = float(metric.compute())
    joint = score(case, [case.joint])
    assert_equal_scores(merged, {name: joint[name] for name in merged})


def score_in_process(rank: int, folder: str) -> None:
    """Score one half of the sequences of every task, and write the gathered scores."""
    torch.set_num_threads(1)
    (Path(folder) / str(rank)).mkdir()
    # Built before the processes know each other: a loader of streams would read others on each.
    cases = {task: make_case(task, Path(folder) / str(rank)) for task in TASKS}
    init = {"init_method": f"file://{folder}/store", "rank": rank, "world_size": 2}
    distributed.init_process_group("gloo", **init)
    found = {}
    for task, case in cases.items():
        every_process_reads_all = case.model.task.stateful
        found[task] = score(case, case.halves if every_process_reads_all else [case.halves[rank]])
    (Path(folder) / f"{rank}.json").write_text(json.dumps(found))
    distributed.destroy_process_group()


@pytest.mark.slow
def test_metrics_are_equal_on_one_and_two_processes(tmp_path: Path) -> None:
    start_processes(score_in_process, (str(tmp_path),), nprocs=2, start_method="fork")
    for rank in (0, 1):
        found = json.loads((tmp_path / f"{rank}.json").read_text())
        for task in TASKS:
            case = case_of(task)
            assert_equal_scores(found[task], score(case, [case.joint]))


def test_there_is_an_answer_for_each_row_whatever_its_length(case: Case) -> None:
    with torch.no_grad():
        together = case.model.predict_step(case.joint, 0)
        alone = [case.model.predict_step(batch, 0) for batch in case.singles]
    for answers, batch in zip([together, *alone], [case.joint, *case.singles], strict=True):
        assert answers.shape[: batch.rows.ndim] == batch.rows.shape
    for i, answer in enumerate(alone):
        same_steps = tuple(slice(size) for size in answer.shape[1:])
        torch.testing.assert_close(together[i][same_steps], answer[0])


# Perfect predictions and baselines.


def perfect_score(metric: Any) -> float:
    """Return the best value of a metric, by the bounds that torchmetrics knows."""
    if metric.higher_is_better:
        return metric.plot_upper_bound or 1.0
    return metric.plot_lower_bound or 0.0


def with_answers(case: Case) -> Batch:
    """Return the batch with other tokens for <unk> as a target of translation, always wrong."""
    if not isinstance(case.model.task, Translation):
        return case.joint
    targets = case.joint.targets
    return case.joint._replace(targets=targets.masked_fill(targets == UNKNOWN_ID, END_ID + 1))


def test_a_network_that_knows_the_targets_gets_the_perfect_score(case: Case) -> None:
    """Outputs and head are fitted to one batch; what minimises the loss is best in the metrics."""
    task, joint = case.model.task, with_answers(case)
    before = task.metrics()
    encoding = case.model.encode(joint)
    before.update(*task.metric_inputs(task.predict(encoding, joint).detach(), joint))
    outputs = nn.Parameter(encoding.outputs.detach().clone())
    parameters = [p.detach_().requires_grad_() for p in task.parameters()]
    kept = [p.detach().clone() for p in parameters]
    optimizer = torch.optim.Adam([outputs, *parameters], lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        task.loss(task.predict(Encoding(outputs, joint.lengths), joint), joint).backward()
        optimizer.step()
    after = task.metrics()
    predictions = task.predict(Encoding(outputs, joint.lengths), joint).detach()
    after.update(*task.metric_inputs(predictions, joint))
    with torch.no_grad():
        for parameter, values in zip(parameters, kept, strict=True):
            parameter.copy_(values)
    for name, metric in after.items():
        distance = abs(float(metric.compute()) - perfect_score(metric))
        assert distance <= 0.02 * max(abs(float(before[name].compute())), 1), name


def one_hot(classes: Tensor, count: int) -> Tensor:
    return nn.functional.one_hot(classes, count).double()


def linear_model(case: Case, batch: Batch) -> Tensor:
    context: Any = case.data.baseline_context("test", batch.rows.numpy())
    return torch.from_numpy(context["baselines"]["linear"]).log()


def persistence(case: Case, batch: Batch) -> Tensor:
    rows = batch.rows.numpy()
    context: Any = case.data.baseline_context("test", rows)
    forecast = torch.as_tensor(context["baselines"]["persistence"](np.arange(len(rows))))
    assert batch.units is not None
    location, scale, anchor = batch.units[:3]
    transform = TRANSFORMS[case.model.task.spec.transform]
    return (transform.apply(forecast.double(), anchor) - location) / scale


def first_symbol(case: Case, batch: Batch) -> Tensor:
    return one_hot(torch.zeros_like(batch.targets), case.model.task.spec.output_size)


def unigrams(case: Case, batch: Batch) -> Tensor:
    data: Any = case.data
    return torch.from_numpy(unigram(data.counts))[batch.targets.long()]


def token_frequency(case: Case, batch: Batch) -> Tensor:
    data: Any = case.data
    size = case.model.task.spec.output_size
    counts = np.bincount(data.ids["train", "target"].values, minlength=size) + 1.0
    counts[[0, 2]] = 0  # padding and <s> are never predicted
    logs = torch.from_numpy(counts / counts.sum()).log()
    return logs.expand(*batch.targets.shape, size)


# Task -> baseline of its data set, and the raw predictions that equal this baseline.
BASELINES: dict[str, tuple[str, Callable[[Case, Batch], Tensor]]] = {
    "classification": ("linear", linear_model),
    "forecasting": ("persistence", persistence),
    "step_classification": ("constant", first_symbol),
    "language_modeling": ("unigram", unigrams),
    "translation": ("token frequency", token_frequency),
}


@pytest.mark.parametrize("task", BASELINES)
def test_the_predictions_of_a_baseline_get_its_score(task: str) -> None:
    case = case_of(task)
    name, predict = BASELINES[task]
    scores = Scores(case.model.task, "test")
    for batch in map(as_double, case.data.test_dataloader()):
        scores.update(predict(case, batch), batch)
    found = {name.split("/")[1]: float(value) for name, value in scores.compute().items()}
    expected = case.data.baselines("test")[name]
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-4)


# A task of the user's own.


def test_a_tagging_task_counts_tags_and_is_analyzed_by_length(tmp_path: Path) -> None:
    plain = small("copying", tmp_path, "model=gru", "trainer.max_epochs=4", "optimizer.lr=0.02")
    helpers = "tests.helpers.tagging"
    sizes = {"num_train": 200, "num_eval": 50, "batch_size": 16}
    plain["task"] = {"_target_": f"{helpers}.Tagging"}
    plain["data"] = {"_target_": f"{helpers}.TaggingData", **sizes}
    plain["analysis"] = {"_target_": f"{helpers}.TaggingAnalysis"}
    report = run(plain).report
    data = TaggingData(**sizes)
    data.setup()
    tags = {split: int(data.lengths(split).sum()) for split in ("val", "test")}
    assert report["evaluated_targets"] == tags
    assert report["details"]["shape"] == [50, int(data.lengths("test").max()), 3]
    assert report["scores"]["test/accuracy"] > 0.95
    assert report["scores"]["test/exact_match"] > 0.6


@pytest.mark.slow
def test_a_task_without_an_analysis_has_scores_only(tmp_path: Path) -> None:
    plain = small("sine", tmp_path, "trainer.max_epochs=1")
    plain["analysis"] = None
    done = run(plain)
    assert done.report["findings"] == []
    assert done.report["details"] == {}
    assert {"test/mse", "val/mse"} <= done.report["scores"].keys()
    assert not (done.folder.path / "forecasts.png").exists()
