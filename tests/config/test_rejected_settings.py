"""Every setting of conf/ that cannot work is rejected before torch and Lightning are imported."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from itertools import product
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from annotated_types import Ge, Gt, Interval, Le, Lt

from rnnlab.config.light_import import Stub, locate_light
from rnnlab.config.schema import (
    COLLECTIONS,
    COMPONENTS,
    STRATEGIES,
    RunConfig,
    TrainerConfig,
    check_signatures,
    make_config,
    parse,
)
from rnnlab.config.signature import RUNTIME, configurable_parameters, locate_torch
from rnnlab.errors import ConfigError
from rnnlab.experiment.build import build_preview
from rnnlab.experiment.checks import check_early, check_light, check_optimizer
from rnnlab.experiment.run import check
from tests.helpers.configs import choices, compose, compose_pair

ROOT = Path(__file__).parents[2]
FILES = {"csv_series", "parallel_text", "text_classification", "text_file"}  # need data.path


def limits(interval: Any) -> Iterator[float]:
    """The nearest values outside of a range, whole ones."""
    if isinstance(interval, Interval):
        bounds = (interval.gt, interval.ge, interval.lt, interval.le)
        kinds: tuple[Any, ...] = (Gt, Ge, Lt, Le)
        for kind, bound in zip(kinds, bounds, strict=True):
            if bound is not None:
                yield from limits(kind(bound))
    elif isinstance(interval, Gt):
        yield interval.gt  # type: ignore[misc]
    elif isinstance(interval, Ge):
        yield interval.ge - 1  # type: ignore[operator]
    elif isinstance(interval, Lt):
        yield interval.lt  # type: ignore[misc]
    elif isinstance(interval, Le):
        yield interval.le + 1  # type: ignore[operator]


def invalid_values(annotation: Any) -> list[Any]:
    """Values of a wrong type or out of range."""
    if annotation in (Any, Stub):
        return []
    origin = get_origin(annotation)
    if origin is Annotated:
        kind, *metadata = get_args(annotation)
        outside = [kind(v) if kind is int else v for m in metadata for v in limits(m)]
        return [*outside, *invalid_values(kind)]
    if origin in (Union, UnionType):
        return invalid_values_of_all(get_args(annotation))
    if origin is Literal:
        return ["no such choice", True]
    samples: dict[Any, list[Any]] = {
        int: ["text", 1.5, True],
        float: ["text", float("nan")],
        bool: ["text", 3],
        str: [3, True, ["text"]],
    }
    return samples.get(origin or annotation, [3])  # lists and dictionaries


def invalid_values_of_all(members: tuple[Any, ...]) -> list[Any]:
    """Values that no member of a union accepts."""
    values = [v for member in members if member is not NoneType for v in invalid_values(member)]
    return [v for v in values if all(is_invalid(v, member) for member in members)]


def is_invalid(value: Any, annotation: Any) -> bool:
    from pydantic import ConfigDict, TypeAdapter, ValidationError

    rules = ConfigDict(strict=True, allow_inf_nan=False)
    try:
        TypeAdapter(annotation, config=rules).validate_python(value)
    except ValidationError:
        return True
    return False


def components() -> Iterator[tuple[str, str, str]]:
    """Each choice of conf/ with the key of a component in it."""
    for section in COMPONENTS:
        yield from ((section, name, section) for name in choices(section))
    for section in COLLECTIONS:
        for name in choices(section):
            plain = compose(f"{section}={name}")
            yield from ((section, name, f"{section}.{key}") for key in plain[section])


def with_file(plain: dict[str, Any], data: str) -> dict[str, Any]:
    plain["data"] |= {"path": "x.csv"} if data in FILES else {}
    return plain


def compose_choice(section: str, name: str) -> dict[str, Any]:
    words = [] if section in ("task", "analysis") else [f"{section}={name}"]
    data = {"forecasting": "sine", "step_classification": "echo", "translation": "numbers"}
    if section == "task":
        words = [f"data={data.get(name, 'kjv' if name == 'language_modeling' else 'imdb')}"]
    return with_file(compose(*words), name if section == "data" else "")


def part_of(plain: dict[str, Any], path: str) -> dict[str, Any]:
    for key in path.split("."):
        plain = plain[key]
    return plain


def is_rejected(plain: dict[str, Any], key: str) -> bool:
    """Whether the checks before the import of Lightning reject a setting by its name."""
    try:
        check_signatures(plain, locate_light)
        check_signatures(plain, locate_torch)
        check_optimizer(plain["optimizer"])
    except ConfigError as error:
        return key.rpartition(".")[2] in str(error) or key.startswith("optimizer.")
    return False


@pytest.mark.parametrize(("section", "name", "path"), [*components()])
def test_invalid_values_of_each_setting_are_rejected(section: str, name: str, path: str) -> None:
    plain = compose_choice(section, name)
    component = part_of(plain, path)
    find = locate_torch if component["_target_"].startswith("torch.") else locate_light
    types, _ = configurable_parameters(find(component["_target_"]), RUNTIME[section])
    assert component.keys() - {"_target_"} <= types.keys()
    accepted = []
    for setting, (annotation, _) in types.items():
        valid = component.get(setting)
        for value in invalid_values(annotation):
            component[setting] = value
            if not is_rejected(plain, f"{path}.{setting}"):
                accepted.append((setting, value))
        component.pop(setting, None) if valid is None else component.update({setting: valid})
    assert not accepted


@pytest.mark.parametrize("settings", [RunConfig, TrainerConfig])
def test_invalid_values_of_the_run_and_the_trainer_are_rejected(settings: Any) -> None:
    types = get_type_hints(settings, include_extras=True)
    accepted = []
    for field in fields(settings):
        if field.name == "trainer":
            continue
        for value in invalid_values(types[field.name]):
            plain = compose("data=sine")
            (plain if settings is RunConfig else plain["trainer"])[field.name] = value
            if not is_rejected(plain, field.name):
                accepted.append((field.name, value))
    assert not accepted


# Choices that do not fit each other.


def message(check: Any, *arguments: Any) -> str:
    """What a check says; empty if it accepts."""
    try:
        check(*arguments)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("data", ["imdb", "sine", "kjv", "numbers", "echo"])
def test_models_that_do_not_fit_a_data_set_are_rejected_early(data: str) -> None:
    rejected = 0
    for model in choices("model"):
        config = parse(compose_pair(data, model))
        full = message(build_preview, config)
        assert message(check_light, config) == full
        rejected += bool(full)
    assert rejected == {"kjv": 7, "numbers": 3}.get(data, 0)


def test_tasks_that_do_not_fit_a_data_set_are_rejected_early() -> None:
    configs = {data: with_file(compose(f"data={data}"), data) for data in choices("data")}
    tasks = {plain["task"]["_target_"]: plain["task"] for plain in configs.values()}
    assert len(tasks) == len(choices("task"))
    for data, (target, task) in product(configs, tasks.items()):
        said = message(check_light, make_config({**configs[data], "task": task}))
        assert said.startswith("task=") == (configs[data]["task"]["_target_"] != target), data
        assert not said or "does not fit data=" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("scheduler=plateau trainer.check_val_every_n_epoch=2", "this scheduler reads val/mse"),
        ("callbacks=early_stopping callbacks.early_stopping.monitor=val/lss", "mean val/loss?"),
        ("callbacks.best.monitor=val/accuracy", "callbacks.best.monitor=val/accuracy: is not log"),
        ("trainer.precision=16-mixed", "set optimizer.fused=false"),
        ("trainer.precision=bf16-true", "choose trainer.precision=bf16-mixed"),
        ("data.seq_len=150", "data.seq_len=150 is longer than data.first_target=100"),
        ("model.dropout=0.5", "model.num_layers is 1"),
        ("task.loss=quantile task.quantiles=[0.1,0.9]", "hold 0.5, which is the forecast itself"),
        (
            "model=attention_gru model.attention=multi_head model.num_heads=5",
            "num_heads=5 does not",
        ),
    ],
)
def test_settings_that_do_not_fit_each_other_are_rejected_early(words: str, said: str) -> None:
    config = parse(compose("data=sine", *words.split()))
    assert said in message(check_light, config)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("trainer=cpu trainer.devices=1000000", "this machine has memory for"),
        ("trainer=cpu trainer.strategy=fsdp", "needs GPUs, and this run has none"),
        ("trainer.strategy=deepspeed_stage_2", "pip install deepspeed"),
        ("trainer.strategy=single_device trainer.devices=2", "or trainer.devices=1"),
        ("trainer.num_nodes=2", "set trainer.num_nodes=1"),
        ("init_from=nowhere", "has no checkpoints"),
        ("logger=wandb logger.wandb.id=''", "Run ID cannot be empty"),
        ("optimizer.betas=[0.9]", "should have at least 2 items"),
        ("data.noise=1e300", "must be less than or equal to 1000000"),
        ("callbacks.best.monitor=train/loss", "needs a metric of the validation"),
    ],
)
def test_settings_that_lightning_would_refuse_are_rejected_before_its_import(
    words: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "lightning")
    plain = compose("data=sine", *words.split())
    assert said in message(check_early, plain)


@pytest.mark.parametrize("name", ["output_dir", "run_dir", "init_from", "data.path"])
def test_a_null_character_in_a_path_is_rejected(name: str) -> None:
    plain = compose("data=imdb")
    parent, _, key = name.rpartition(".")
    (plain[parent] if parent else plain)[key] = "a\0b"
    assert "a path cannot contain a null character" in message(check, plain)


@pytest.mark.parametrize("data", choices("data"))
def test_the_choices_of_conf_are_accepted_early(data: str) -> None:
    check_light(parse(with_file(compose(f"data={data}"), data)))


def test_the_strategies_are_those_of_lightning() -> None:
    from lightning.pytorch.strategies import StrategyRegistry

    names = {"auto", *StrategyRegistry.available_strategies()}
    assert {*STRATEGIES} == {name for name in names if not re.search("xla|tpu", name)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "modules"),
    [
        ("data=kjv model=bigru", {"torch", "lightning"}),
        ("data=sine optimizer.lr=-1", {"lightning"}),
        ("data=sine trainer.accelerator=cpu trainer.strategy=fsdp", {"torch", "lightning"}),
        ("data=sine logger=wandb logger.wandb.id=''", {"torch", "lightning"}),
    ],
)
def test_a_rejected_setting_needs_no_import_of_seconds(words: str, modules: set[str]) -> None:
    code = (
        "import sys\nfrom rnnlab.commands.train import main\n"
        "from rnnlab.config.messages import readable_errors\ntry:\n    with readable_errors():\n"
        f"        main({words.split()!r})\nexcept SystemExit as end:\n"
        f"    print(end.code, sorted({modules!r} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines() == ["2 []"], done.stderr
    lines = done.stderr.splitlines()
    if lines[0] == "sine-gru, seed 0: importing PyTorch and Lightning":  # torch checks the rest
        del lines[0]
    assert lines[0].startswith("error ")
