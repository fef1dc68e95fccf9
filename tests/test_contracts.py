"""What every member of a config group owes the others; a new YAML file is tested unasked."""

import inspect
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor

from rnnlab.config.schema import parse
from rnnlab.config.signature import locate
from rnnlab.data.base import DataModule
from rnnlab.errors import ConfigError
from rnnlab.experiment.build import build_data, build_model, build_task, partial_from
from rnnlab.experiment.run import check, run
from rnnlab.layers.pooling import PoolingName
from rnnlab.layers.recurrent import each_part
from rnnlab.models import RecurrentModel
from rnnlab.models.base import parameter_groups
from rnnlab.spec import Batch, DataSpec
from rnnlab.tasks import Forecasting
from tests.helpers.combinations import (
    DATA,
    FAST_REFUSING,
    FAST_WORKING,
    MODELS,
    REFUSED,
    REFUSING,
    WORKING,
    refusal,
)
from tests.helpers.configs import (
    CONF,
    ROOT,
    SMALL,
    choices,
    compose,
    compose_pair,
    groups,
    small,
)
from tests.helpers.extend_page import minimal_gated_unit

B, T, D = 3, 7, 5
LENGTHS = torch.tensor([T, 4, 1])


def mark_slow(pairs: list[tuple[str, str]], fast: Collection[tuple[str, str]]) -> list[Any]:
    """Pairs of architecture and data set as parameters; those that are not fast are slow tests."""
    marks = {True: [], False: [pytest.mark.slow]}
    return [pytest.param(*pair, marks=marks[pair in fast]) for pair in pairs]


WORKING_PAIRS = mark_slow(WORKING, FAST_WORKING)
REFUSING_PAIRS = mark_slow(REFUSING, FAST_REFUSING.values())
OPTIONS: dict[str, dict[str, Any]] = {  # of stacked models, each alone and all together
    "residual": {"residual": True},
    "layer_norm": {"layer_norm": True},
    "projection": {"projection_size": 4},
    "locked_dropout": {"dropout": 0.3, "locked_dropout": True},
    "weight_drop": {"weight_drop": 0.4},
    "learned_state": {"learned_state": True},
}
OPTIONS["everything"] = {name: value for one in OPTIONS.values() for name, value in one.items()}
CUSTOM = ("mgu", "bimgu")  # a cell that is a plain nn.Module, of docs/extend.md
STACKED = ("rnn", "lstm", "gru", "bilstm", *CUSTOM)
VARIANTS = [*CUSTOM, *(f"{model}+{option}" for model in STACKED for option in OPTIONS)]


@cache
def settings_of(name: str) -> dict[str, Any]:
    if name in CUSTOM:
        return {**minimal_gated_unit(), "bidirectional": name == "bimgu"}
    return compose(f"model={name}")["model"]


def model_of(name: str, **settings: Any) -> RecurrentModel:
    """A small one, in double precision, so that equal means equal; nothing in it is zero."""
    choice, _, option = name.partition("+")
    component = dict(settings_of(choice))
    sizes = {"hidden_size": 6, "num_layers": 2, "segment_length": 3}
    wanted = {**sizes, **OPTIONS.get(option, {}), **settings}
    component |= {key: value for key, value in wanted.items() if key in component}
    torch.manual_seed(0)
    spec = DataSpec(output_size=2, input_size=D)
    model: RecurrentModel = partial_from(component)(Forecasting(spec)).double().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def causal_model_of(name: str) -> RecurrentModel:
    model = model_of(name)
    if not model.causal:
        pytest.skip("reads ahead")
    return model


def sequences(steps: int = T) -> Tensor:
    return torch.randn(B, steps, D, generator=torch.Generator().manual_seed(1)).double()


def one_step(plain: dict[str, Any]) -> dict[str, Any]:
    """Of a run: one batch of each split."""
    limits = {f"limit_{split}_batches": 1 for split in ("train", "val", "test")}
    plain["trainer"] |= {"max_epochs": 1, "log_every_n_steps": 1, **limits}
    return plain


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than one step."""
    monkeypatch.setattr("rnnlab.plots.figures.save_figure", lambda figure, path: path)
    for name in ("draw_state_maps", "draw_attention_weights", "draw_gradient_profile"):
        monkeypatch.setattr(f"rnnlab.plots.internals.{name}", lambda *given: given[-1])


# Architectures.


@pytest.mark.parametrize("name", [*MODELS, *VARIANTS])
def test_padding_changes_nothing(name: str) -> None:
    model, inputs = model_of(name), sequences()
    for i, length in enumerate(LENGTHS):
        inputs[i, length:] = 1e3  # whatever stands there
    together, _ = model(inputs, LENGTHS)
    for i, length in enumerate(LENGTHS):
        alone, _ = model(inputs[i : i + 1, :length], LENGTHS[i : i + 1])
        torch.testing.assert_close(together[i, :length], alone[0])


@pytest.mark.parametrize("name", [*MODELS, *VARIANTS])
def test_without_lengths_every_step_is_valid(name: str) -> None:
    model, inputs = model_of(name), sequences()
    torch.testing.assert_close(model(inputs)[0], model(inputs, torch.full((B,), T))[0])


@pytest.mark.parametrize("name", [*MODELS, *VARIANTS])
def test_two_halves_with_carried_state_equal_the_whole(name: str) -> None:
    model, inputs = causal_model_of(name), sequences()
    whole, end = model(inputs)
    first, state = model(inputs[:, :3])
    second, after = model(inputs[:, 3:], None, state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)
    torch.testing.assert_close(after, end)


@pytest.mark.parametrize("name", [*MODELS, *VARIANTS])
def test_the_second_dimension_of_a_state_is_the_batch(name: str) -> None:
    """Generation and beam search select the states of sequences."""
    model, inputs = causal_model_of(name), sequences()
    rows = torch.tensor([1, 1, 0])
    _, state = model(inputs[:, :3])
    outputs, _ = model(inputs[:, 3:], None, state)
    selected = each_part(state, lambda part: part.index_select(1, rows))
    torch.testing.assert_close(model(inputs[rows, 3:], None, selected)[0], outputs[rows])


@pytest.mark.parametrize("name", [*MODELS, *VARIANTS])
def test_no_output_depends_on_later_input(name: str) -> None:
    model, inputs = causal_model_of(name), sequences().requires_grad_()
    outputs, _ = model(inputs)
    for step in range(T):
        (gradient,) = torch.autograd.grad(outputs[:, step].sum(), inputs, retain_graph=True)
        assert not gradient[:, step + 1 :].any(), f"output {step} saw what comes after it"
        assert gradient[:, : step + 1].any()


@pytest.mark.parametrize("name", [*MODELS, *VARIANTS])
def test_what_is_called_bidirectional_reads_from_both_ends(name: str) -> None:
    if not model_of(name).bidirectional:
        pytest.skip("reads in one direction")
    alone = {"num_layers": 1, "residual": False, "dropout": 0.0, "locked_dropout": False}
    model, inputs = model_of(name, **alone), sequences().requires_grad_()
    outputs, _ = model(inputs)
    ahead, behind = outputs.chunk(2, dim=2)
    for half, unseen in ((ahead, slice(4, T)), (behind, slice(0, 3))):
        (gradient,) = torch.autograd.grad(half[:, 3].sum(), inputs, retain_graph=True)
        assert not gradient[:, unseen].any()
    with pytest.raises(ValueError, match="bidirectional network has no state"):
        model(inputs, None, [None, None])


@pytest.mark.parametrize("name", [*MODELS, *VARIANTS])
def test_the_declared_output_size_is_the_real_one(name: str) -> None:
    model = model_of(name)
    outputs, _ = model(sequences(), LENGTHS)
    assert outputs.shape == (B, T, model.output_size)


@pytest.mark.parametrize("name", [*MODELS, *VARIANTS])
def test_it_never_reads_across_the_batch(name: str) -> None:
    model, inputs = model_of(name), sequences().requires_grad_()
    outputs, _ = model(inputs, LENGTHS)
    (gradient,) = torch.autograd.grad(outputs[0].sum(), inputs)
    assert gradient[0].any()
    assert not gradient[1:].any()


@pytest.mark.parametrize("name", [*MODELS, *VARIANTS])
def test_gradients_reach_every_parameter_in_training(name: str) -> None:
    model = model_of(name).train()
    outputs, _ = model(sequences(), LENGTHS)
    model.task.head(outputs, LENGTHS).square().sum().backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.any(), key


@pytest.mark.parametrize("name", [*MODELS, *VARIANTS])
def test_every_parameter_is_in_one_group(name: str) -> None:
    model = model_of(name)
    members = [id(p) for group in parameter_groups(model) for p in group["params"]]
    assert sorted(members) == sorted(id(p) for p in model.parameters())


@pytest.mark.parametrize("name", [*MODELS, *VARIANTS])
def test_a_card_rebuilds_the_network(name: str) -> None:
    """Nothing in a constructor depends on anything but its settings."""
    one, other = model_of(name), model_of(name)
    assert {k: v.shape for k, v in one.state_dict().items()} == {
        k: v.shape for k, v in other.state_dict().items()
    }
    torch.testing.assert_close(one(sequences())[0], other(sequences())[0])


# Data sets.


@pytest.fixture(params=DATA)
def data_name(request: pytest.FixtureRequest) -> str:
    return request.param


def data_of(name: str, folder: Path, **settings: Any) -> DataModule:
    data = build_data(parse(small(name, folder, **settings)))
    data.prepare_data()
    data.setup()
    return data


@pytest.fixture(scope="session")
def data_sets(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], DataModule]:
    """Data sets by name, for tests that only read them."""
    return cache(lambda name: data_of(name, tmp_path_factory.mktemp(name)))


@pytest.fixture
def data(data_name: str, data_sets: Callable[[str], DataModule]) -> DataModule:
    return data_sets(data_name)


@cache
def first_batch(data: DataModule) -> Batch:
    return next(iter(data.train_dataloader()))


def batches(data: DataModule, split: str) -> list[Batch]:
    return list(getattr(data, f"{split}_dataloader")())


def each_target(batch: Batch) -> tuple[Tensor, Tensor]:
    """Rows (N,) and targets (N, ...); of a text each step has one."""
    if batch.rows.ndim == 1:
        return batch.rows, batch.targets
    return batch.rows.flatten(), batch.targets.flatten(0, 1)


def evaluated(data: DataModule, split: str) -> list[tuple[int, list[float]]]:
    """Which targets of a split are evaluated: their rows and values, in order."""
    found = [
        (int(row), without_padding(target))
        for batch in batches(data, split)
        for row, target in zip(*each_target(batch), strict=True)
    ]
    return sorted(found)


def without_padding(target: Tensor) -> list[float]:
    """The values of a target; of a sentence, without what its neighbours made longer."""
    values: list[float] = target.flatten().tolist()
    while target.ndim and not target.is_floating_point() and values and values[-1] == 0:
        values.pop()
    return values


def test_every_data_set_can_be_made_small() -> None:
    assert set(SMALL) == set(DATA), "SMALL in tests/helpers/configs.py and conf/data differ"


@pytest.mark.parametrize("split", ["val", "test"])
def test_what_is_evaluated_does_not_change_with_what_is_tuned(
    data: DataModule, data_name: str, split: str, tmp_path: Path
) -> None:
    wanted = evaluated(data, split)
    assert len(wanted) == len(data.lengths(split)) == data.provenance.sizes[split]
    assert [row for row, _ in wanted] == list(range(len(wanted))), "each exactly once"
    known = inspect.signature(type(data)).parameters
    for setting, value in {"seq_len": 5, "batch_size": 7, "seed": 3, "shuffle": False}.items():
        if setting in known:
            other = data_of(data_name, tmp_path, **{setting: value})
            assert evaluated(other, split) == wanted, f"data.{setting} changes the targets"


def test_every_training_target_is_read_once_an_epoch(data: DataModule) -> None:
    rows = torch.cat([batch.rows.flatten() for batch in batches(data, "train")])
    assert sorted(rows.tolist()) == list(range(len(data.lengths("train"))))


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_sizes_are_the_real_ones(data: DataModule, split: str) -> None:
    spec, limit = data.spec, data.batch_size
    assert (spec.num_tokens is None) != (spec.input_size is None)
    for batch in batches(data, split):
        size, steps = batch.inputs.shape[:2]
        assert size == len(batch.lengths) == len(batch.targets) == len(batch.rows) <= limit
        assert steps == batch.lengths.max()
        assert batch.lengths.min() >= 1
        if batch.rows.ndim == 1:
            assert batch.lengths.tolist() == data.lengths(split)[batch.rows.numpy()].tolist()
        else:  # a target each step
            assert batch.rows.shape == batch.targets.shape == batch.inputs.shape
        if spec.num_tokens:
            assert batch.inputs.dtype in (torch.int32, torch.int64)
            assert 0 <= batch.inputs.min() <= batch.inputs.max() < spec.num_tokens
        else:
            assert batch.inputs.shape == (size, steps, spec.input_size)
            assert batch.inputs.dtype == torch.float32
        if batch.targets.is_floating_point():
            assert batch.targets.shape == (size, spec.horizon, spec.output_size)
            assert batch.targets.isfinite().all()
        else:
            assert 0 <= batch.targets.min() <= batch.targets.max() < spec.output_size
    assert len(spec.class_names) in (0, spec.output_size)


def test_the_preview_has_the_sizes_that_settings_tell(
    data: DataModule, data_name: str, tmp_path: Path
) -> None:
    preview = build_data(parse(small(data_name, tmp_path))).preview()
    assert (preview.num_tokens is None) == (data.spec.num_tokens is None)
    assert (preview.input_size is None) == (data.spec.input_size is None)
    assert preview.horizon == data.spec.horizon


@pytest.mark.parametrize("split", ["val", "test"])
def test_baselines_speak_of_the_metrics_of_the_task(
    data: DataModule, data_name: str, split: str, tmp_path: Path
) -> None:
    task = locate(small(data_name, tmp_path)["task"]["_target_"])
    baselines = data.baselines(split)
    assert baselines
    for name, scores in baselines.items():
        assert set(scores) <= set(task.metric_names), name
        assert torch.tensor(list(scores.values())).isfinite().all(), name


def test_something_stands_behind_every_target(data: DataModule) -> None:
    for index in range(len(data.lengths("test"))):
        assert data.example("test", index)


def test_a_data_set_says_what_it_read(data_name: str, tmp_path: Path) -> None:
    plain = data_of(data_name, tmp_path).provenance.plain()
    assert plain["source"]
    assert plain["sha256"]
    assert plain == data_of(data_name, tmp_path).provenance.plain()


def test_to_build_a_data_set_reads_nothing(data_name: str, tmp_path: Path) -> None:
    data = build_data(parse(small(data_name, tmp_path)))
    assert not hasattr(data, "spec")
    assert not hasattr(data, "provenance")


# Architectures on data sets.


@pytest.mark.parametrize(("model", "data_name"), WORKING_PAIRS)
def test_gradients_reach_every_parameter(
    model: str, data_name: str, data_sets: Callable[[str], DataModule], tmp_path: Path
) -> None:
    """Of a real batch, through the task; for every pooling where the task has one."""
    data = data_sets(data_name)
    plain = small(data_name, tmp_path, f"model={model}")
    plain["model"] |= {"num_layers": 2} if "num_layers" in plain["model"] else {}
    poolings = get_args(PoolingName) if "pooling" in plain["task"] else [None]
    for pooling in poolings:
        plain["task"] |= {"pooling": pooling} if pooling else {}
        config = check(plain)
        torch.manual_seed(0)
        network = build_model(config, build_task(config, data.spec)).eval()
        network.training_step(first_batch(data), 0).backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, f"{name}, pooling={pooling}"
            assert parameter.grad.any(), f"{name}, pooling={pooling}"
            assert parameter.grad.isfinite().all(), f"{name}, pooling={pooling}"


@pytest.mark.parametrize(("model", "data_name"), WORKING_PAIRS)
def test_it_trains_a_step(
    model: str, data_name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if (model, data_name) not in FAST_WORKING:
        request.getfixturevalue("no_plots")  # the fast pairs draw those of each data set
    done = run(one_step(small(data_name, tmp_path, f"model={model}")))
    assert done.report["status"] == "finished"
    assert done.report["best"]["step"] == 1
    assert done.score == done.score, "not a number"


@pytest.mark.parametrize(("model", "data_name"), REFUSING_PAIRS)
def test_a_pair_of_the_table_is_refused(model: str, data_name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=refusal(model, data_name)):
        check(small(data_name, tmp_path, f"model={model}"))


@pytest.mark.parametrize(("model", "data_name"), sorted(FAST_WORKING))
def test_a_pair_is_composed_as_by_one_command_line(model: str, data_name: str) -> None:
    pair = compose(f"data={data_name}", f"model={model}", "trainer=cpu")
    assert compose_pair(data_name, model) == pair


def test_the_fast_pairs_cover_every_architecture_every_data_set_and_every_refusal() -> None:
    models, data = zip(*FAST_WORKING, strict=True)
    assert set(models) == set(MODELS)
    assert set(data) == set(DATA)
    assert set(FAST_REFUSING) == {(m, task) for task, row in REFUSED.items() for m in row.models}


def test_the_table_of_refusals_names_members_that_exist() -> None:
    assert set(REFUSED) <= set(choices("task"))
    assert {model for row in REFUSED.values() for model in row.models} <= set(MODELS)


# The other groups.


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("name", choices("optimizer"))
def test_every_optimizer_makes_a_step(name: str, tmp_path: Path) -> None:
    done = run(one_step(small("sine", tmp_path, f"optimizer={name}", "test=false")))
    assert done.report["best"]["step"] == 1


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("name", choices("scheduler"))
def test_every_schedule_lives_through_an_epoch(name: str, tmp_path: Path) -> None:
    plain = one_step(small("sine", tmp_path, f"scheduler={name}", "test=false"))
    plain["trainer"] |= {"max_epochs": 2}
    assert run(plain).report["status"] == "finished"


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("name", choices("callbacks"))
def test_every_set_of_callbacks_lives_through_a_run(name: str, tmp_path: Path) -> None:
    done = run(one_step(small("sine", tmp_path, f"callbacks={name}")))
    assert done.report["status"] == "finished"


@pytest.mark.usefixtures("no_figures")
@pytest.mark.parametrize("name", OmegaConf.load(CONF / "callbacks" / "default.yaml"))
def test_every_callback_can_be_switched_off(name: str, tmp_path: Path) -> None:
    done = run(one_step(small("sine", tmp_path, f"callbacks.{name}=null")))
    assert done.report["status"] == "finished"
    assert done.score == done.report["scores"]["val/mse"]


@pytest.mark.parametrize(
    "choice",
    [f"{group}={name}" for group in ("logger", "debug") for name in choices(group)],
)
def test_every_other_choice_passes_the_check(choice: str) -> None:
    check(compose(choice))


@pytest.mark.parametrize("name", choices("experiment"))
def test_every_experiment_passes_the_check(name: str) -> None:
    plain = compose(f"experiment={name}")
    plain["data"] |= {"path": "of/yours"} if "path" in plain["data"] else {}
    check(plain)


@pytest.mark.parametrize("name", choices("trainer"))
def test_every_trainer_passes_the_check_or_misses_its_devices(name: str) -> None:
    plain = compose(f"trainer={name}")
    config = parse(plain)
    gpus, trainer = torch.cuda.device_count(), config.trainer
    on_gpu = trainer.accelerator == "gpu" or (trainer.accelerator == "auto" and gpus)
    if on_gpu and trainer.devices > gpus:
        with pytest.raises(ConfigError, match="torch finds"):
            check(plain)
    else:
        check(plain)


@pytest.mark.parametrize("group", groups())
def test_every_group_has_a_choice_in_the_table_of_contents(group: str) -> None:
    assert f"- {group}: " in (CONF / "config.yaml").read_text()


@pytest.mark.parametrize(
    "file", sorted(CONF.rglob("*.yaml")), ids=lambda file: str(file.relative_to(CONF))
)
def test_every_yaml_file_says_what_it_is(file: Path) -> None:
    first, *rest = file.read_text().splitlines()
    if first.startswith("# @package"):
        first = rest[0]
    assert first.startswith("# "), f"{file.relative_to(ROOT)} must open with a comment"
    assert len(first) > 10
