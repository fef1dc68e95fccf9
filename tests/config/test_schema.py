"""What is wrong in a config is said before any data is read: given, why not, what instead."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
import torch

from rnnlab.config.schema import RunConfig, parse
from rnnlab.config.signature import configurable_parameters, locate, signature_problems
from rnnlab.config.types import PositiveInt, Probability
from rnnlab.data.datasets.classification.imdb import IMDBDataModule
from rnnlab.data.datasets.synthetic.sine import SineDataModule
from rnnlab.errors import ConfigError, did_you_mean
from rnnlab.experiment.run import check, run
from tests.helpers.configs import compose, small


def problems(*overrides: str, **changes: Any) -> list[str]:
    """What the check says, a line each.

    Args:
        overrides: words of the command line.
        changes: whole sections of the config, after that.
    """
    with pytest.raises(ConfigError) as refused:
        check({**compose(*overrides), **changes})
    return str(refused.value).splitlines()


def problem(*overrides: str, **changes: Any) -> str:
    (line,) = problems(*overrides, **changes)
    return line


# One setting.


@pytest.mark.parametrize(
    ("word", "said"),
    [
        # Type.
        ("model.hidden_size=big", "model.hidden_size=big: must be a valid integer"),
        ("model.hidden_size=1.5", "model.hidden_size=1.5: must be a valid integer"),
        ("model.bidirectional=1", "model.bidirectional=1: must be a valid boolean"),
        ("optimizer.lr=fast", "optimizer.lr=fast: must be a valid number"),
        ("optimizer.lr=null", "optimizer.lr=null: must be a valid number"),
        ("data.class_names=3", "data.class_names=3: must be a valid dictionary"),
        ("name=3", "name=3: must be a valid string"),
        ("name=../x", "name=../x: must be the name of a folder below output_dir"),
        ("name='/x'", "name=/x: must be the name of a folder below output_dir"),
        ("name=''", "name=: must be the name of a folder below output_dir"),
        ("test=3", "test=3: must be a valid boolean"),
        ("data.path=2020", "a text is typed in quotes: \"data.path='2020'\""),
        ("data.text_column=true", '=true: must be a valid string; a text is typed in quotes: "'),
        ("optimizer.lr=nan", "optimizer.lr=nan: must be a finite number"),
        ("callbacks.best=3", "callbacks.best=3: must be a valid dictionary"),
        # Range.
        ("model.hidden_size=-1", "model.hidden_size=-1: must be greater than or equal to 1"),
        ("model.num_layers=0", "model.num_layers=0: must be greater than or equal to 1"),
        ("model.dropout=1.2", "model.dropout=1.2: must be less than 1"),
        ("task.word_dropout=-0.1", "task.word_dropout=-0.1: must be greater than or equal to 0"),
        ("task.embedding_size=0", "task.embedding_size=0: must be greater than or equal to 1"),
        ("data.batch_size=0", "data.batch_size=0: must be greater than or equal to 1"),
        ("data.seq_len=-5", "data.seq_len=-5: must be greater than or equal to 1"),
        ("data.head_fraction=2", "data.head_fraction=2: must be less than or equal to 1"),
        ("trainer.gradient_clip_val=0", "trainer.gradient_clip_val=0: must be greater than 0"),
        ("trainer.max_epochs=0", "trainer.max_epochs=0: must be greater than or equal to 1"),
        ("callbacks.last.every_seconds=0", "callbacks.last.every_seconds=0: must be greater than"),
        # One of some.
        ("task.pooling=maen", "must be 'last', 'mean', 'max', 'mean_max' or 'attention'"),
        ("mode=maximise", "mode=maximise: must be 'min' or 'max'"),
        ("data.source=web", "must be 'auto', 'embedded', 'hub' or 'local'"),
        ("trainer.precision=16", "trainer.precision=16: must be '32-true', '64-true'"),
        ("trainer.profiler=all", "trainer.profiler=all: must be 'simple' or 'advanced'"),
        ("matmul_precision=low", "must be 'auto', 'highest', 'high' or 'medium'"),
        ("kernel=nativ", "kernel=nativ: must be 'auto', 'native' or 'torch'"),
        ("kernel_gradient_precision=bf16", "=bf16: must be 'same' or 'bfloat16'"),
        # One type or another.
        ("trainer.limit_train_batches=0", "trainer.limit_train_batches=0: must be greater than 0"),
        (
            "trainer.limit_train_batches=1.5",
            "=1.5: must be a valid integer, or must be less than or equal to 1",
        ),
        (
            "trainer.val_check_interval=often",
            "=often: must be a valid integer, or must be a valid number",
        ),
        # A name that is not there.
        ("+model.hiden_size=3", "no such setting of GRU; did you mean hidden_size? choices:"),
        ("+trainer.max_epoch=3", "no such setting of the trainer; did you mean max_epochs?"),
        ("+optimizer.learning_rate=1", "no such setting of AdamW; choices: amsgrad, betas"),
        (
            "+sede=3",
            "sede: no such setting of a run; did you mean seed? choices: analysis, baselines",
        ),
        # What the run itself gives.
        ("+model.task=3", "model.task: no such setting of GRU"),
        ("+optimizer.params=3", "optimizer.params: no such setting of AdamW"),
        ("+callbacks.last.folder=x", "callbacks.last.folder: no such setting of LastCheckpoint"),
        # A class that is not there.
        ("model._target_=rnnlab.models.GUR", "rnnlab.models has no 'GUR'; did you mean GRU?"),
        ("model._target_=rnnlab.modells.GRU", "No module named 'rnnlab.modells'"),
        ("model._target_=GRU", "model._target_=GRU: must be a dotted path, such as rnnlab."),
        ("+callbacks.mine._target_=mine.Callback", "callbacks.mine._target_=mine.Callback: No mod"),
        ("+callbacks.mine=3", "callbacks.mine=3: must be a valid dictionary"),
        ("+logger.mine.project=x", "logger.mine._target_: must be given, the class or function"),
        # What only the constructor knows.
        ("optimizer.lr=-1", "optimizer: Invalid learning rate: -1"),
        ("+optimizer.betas=[0.9,1.9]", "optimizer: Invalid beta parameter at index 1: 1.9"),
        ("data.vocab_size=2", "data.vocab_size=2: <pad> and <unk> already take two"),
        ("data.source=local", "data.source=local: needs data.path=<your file or folder>"),
        ("callbacks.best.mode=up", "callbacks.best.mode=up: must be 'min' or 'max'"),
        ("+trainer.max_time=soon", "=soon: must be days:hours:minutes:seconds, such as 00:01:30"),
        ("+trainer.max_time=01:30:00", "=01:30:00: must be days:hours:minutes:seconds"),
        ("trainer.strategy=magic", "trainer.strategy=magic: no such strategy; choices: auto, ddp"),
        ("trainer.strategy=dpp", "trainer.strategy=dpp: no such strategy; did you mean ddp?"),
    ],
)
def test_a_wrong_setting_is_said_in_a_line(word: str, said: str) -> None:
    assert said in problem(word)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("data.seq_len=200", r"data.seq_len=200 is longer than data.first_target=100.*Raise"),
        ("data.horizon=150", r"data.steps=200 leaves no target .*: raise data.steps"),
        ("data.frequencies=[0.1,0.7]", r"above 0.5 cycles per step"),
        ("data.frequencies=[0.1,-1]", r"data.frequencies.1=-1: must be greater than 0"),
        ("data.amplitudes=[1,2]", r"data.amplitudes: has 2 values, but data.frequencies has 1"),
        ("data.noise=-1", r"data.noise=-1: must be greater than or equal to 0"),
    ],
)
def test_sine_waves_that_cannot_be_are_refused(word: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check(compose("data=sine", word))


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("data.target_columns=Close", "brackets: data.target_columns=[Close]"),
        ("data.target_columns=[2020,x]", "is typed in quotes: \"data.target_columns=['2020']\""),
        ("data.target_columns=T (C)", "brackets: 'data.target_columns=[T (C)]'"),
    ],
)
def test_how_to_type_columns_is_said(word: str, said: str) -> None:
    assert problem("data=csv_series", "data.path=x", word).endswith(said)


@pytest.mark.parametrize("section", ["task", "data", "model", "optimizer", "scheduler"])
def test_a_section_that_is_missing_is_said(section: str) -> None:
    plain = compose()
    del plain[section]
    with pytest.raises(ConfigError, match=f"^{section}: must be given$"):
        check(plain)
    said = f"{section}._target_: must be given, the class or function to build"
    assert problem(**{section: {}}) == said


def test_several_problems_are_said_at_once() -> None:
    words = ("model.hidden_size=0", "data.batch_size=0", "trainer.max_epochs=0", "mode=up")
    said = problems(*words, "+model.hiden=3", "callbacks.last.every_n_steps=-1")
    begins = [line.split(":")[0] for line in said]
    assert begins == [
        "mode=up",
        "trainer.max_epochs=0",
        "data.batch_size=0",
        "model.hidden_size=0",
        "model.hiden",
        "callbacks.last.every_n_steps=-1",
    ]


@pytest.mark.parametrize(
    "word",
    [
        "trainer.gradient_clip_val=null",
        "trainer.limit_train_batches=0.5",
        "trainer.limit_train_batches=10",
        "trainer.val_check_interval=1",
        "+trainer.max_time=00:00:10:00",
        "optimizer.lr=1",
        "+optimizer.betas=[0.8,0.9]",
        "model.dropout=0",
        "data.head_fraction=1",
        "scheduler.warmup_fraction=0",
        "callbacks.progress=null",
        "callbacks.last.every_seconds=null",
        "+callbacks.rates._target_=lightning.pytorch.callbacks.LearningRateMonitor",
        "~callbacks.throughput",
        "model._target_=rnnlab.models.LSTM",
    ],
)
def test_what_is_meant_is_taken(word: str) -> None:
    check(compose(word))


# Settings that do not fit each other.


def test_a_task_that_the_data_set_has_no_targets_for() -> None:
    for words in (["task=forecasting", "data=imdb"], ["data=imdb", "task=forecasting"]):
        assert problem(*words) == (
            "task=forecasting does not fit data=IMDBDataModule, whose targets are for "
            "classification: leave the task out, the data set says which"
        )


def test_the_data_set_brings_its_task() -> None:
    plain = compose("data=sine")
    assert plain["task"]["_target_"] == "rnnlab.tasks.Forecasting"
    assert (plain["monitor"], plain["mode"]) == ("val/mse", "min")


@pytest.mark.parametrize("monitor", ["val/acuracy", "test/accuracy", "accuracy"])
def test_a_monitor_that_is_not_logged(monitor: str) -> None:
    assert problem(f"monitor={monitor}") == (
        f"monitor={monitor}: task=classification does not log it; did you mean val/accuracy? "
        "choices: val/accuracy, val/auroc, val/f1, val/loss, val/mcc"
    )


def test_dropout_between_layers_needs_two() -> None:
    assert problem("model.dropout=0.2") == (
        "model.dropout=0.2: acts between layers, but model.num_layers is 1. Raise "
        "model.num_layers, or set model.dropout=0 and use task.head_dropout"
    )
    check(compose("model.dropout=0.2", "model.num_layers=2"))


def test_a_task_that_forbids_looking_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    from rnnlab.tasks import Classification

    monkeypatch.setattr(Classification, "causal", True)
    assert problem("model=bigru") == (
        "model: GRU with these settings reads ahead, which task=classification must predict: "
        "choose one that reads in one direction, such as model=gru"
    )
    check(compose("model=gru"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there() -> None:
    said = "trainer.accelerator=gpu: torch finds no GPU here; choose trainer=cpu"
    assert problem("trainer=gpu") == said


def test_more_gpus_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert problem("trainer=ddp") == "trainer.devices=2: torch finds 1 GPU here"
    check(compose("trainer=ddp", "trainer.accelerator=cpu"))


# Before anything is read.


@pytest.mark.parametrize(
    "word",
    ["model.dropout=0.2", "optimizer.lr=-1", "monitor=val/mse", "model.hidden_size=0"],
)
def test_settings_are_checked_before_data_is_read(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: object) -> None:
        raise AssertionError("data was read")

    for data in (IMDBDataModule, SineDataModule):
        monkeypatch.setattr(data, "prepare_data", read)
        monkeypatch.setattr(data, "setup", read)
    with pytest.raises(ConfigError) as refused:
        run(compose("data.path=/nope", word, f"output_dir={tmp_path / 'runs'}"))
    assert "nope" not in str(refused.value)
    assert not (tmp_path / "runs").exists(), "a run that cannot be has no folder"


def test_the_check_draws_no_random_number() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    check(compose())
    assert torch.equal(torch.get_rng_state(), before)


def test_the_check_changes_nothing(tmp_path: Path) -> None:
    plain = small("sine", tmp_path)
    before = copy.deepcopy(plain)
    config = check(plain)
    assert plain == before
    assert isinstance(config, RunConfig)
    assert config.model == plain["model"]
    assert config.trainer.max_epochs == plain["trainer"]["max_epochs"]


# The schema itself.


@dataclass
class Sizes:
    """A constructor of somebody else."""

    size: PositiveInt
    share: Probability = 0.0
    kind: Literal["a", "b"] | None = None
    many: list[PositiveInt] | None = None
    named: dict[str, PositiveInt] | None = None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, ["x.size: must be given"]),
        ({"size": 0}, ["x.size=0: must be greater than or equal to 1"]),
        ({"size": True}, ["x.size=true: must be a valid integer"]),
        ({"size": "1"}, ["x.size=1: must be a valid integer"]),
        ({"size": None}, ["x.size=null: must be a valid integer"]),
        ({"size": 1, "kind": "c"}, ["x.kind=c: must be 'a' or 'b'"]),
        ({"size": 1, "many": [1, 0]}, ["x.many.1=0: must be greater than or equal to 1"]),
        ({"size": 1, "named": {"k": 0}}, ["x.named.k=0: must be greater than or equal to 1"]),
        ({"size": 1, "siez": 2}, ["x.siez: no such setting of Sizes; did you mean size? choices: "
                                  "kind, many, named, share, size"]),
        ({"size": 1, "share": 0, "kind": None, "many": [3], "named": {}}, []),
    ],
)  # fmt: skip
def test_a_signature_is_a_schema(settings: dict[str, Any], said: list[str]) -> None:
    assert signature_problems("x", Sizes, settings) == said


def test_a_function_that_takes_anything_is_given_anything() -> None:
    def anything(size: PositiveInt = 1, **others: Any) -> None: ...

    assert signature_problems("x", anything, {"other": 3}) == []
    assert signature_problems("x", anything, {"size": 0}) != []


def test_what_the_run_gives_cannot_be_set() -> None:
    kinds, open_ended = configurable_parameters(Sizes, frozenset({"size"}))
    assert list(kinds) == ["share", "kind", "many", "named"]
    assert not open_ended


def test_a_target_is_found_by_its_dotted_path() -> None:
    assert locate("rnnlab.config.types.PositiveInt") is PositiveInt
    for wrong in ("rnnlab.config.types.PositivInt", "rnnlab.nothing.X", "X"):
        with pytest.raises(ImportError):
            locate(wrong)


def test_parse_needs_no_torch_section() -> None:
    plain = compose("data=sine")
    del plain["trainer"], plain["callbacks"], plain["logger"]
    config = parse(plain)
    assert config.trainer.max_epochs == "auto"
    assert config.callbacks == {}


# Names.


@pytest.mark.parametrize(
    ("given", "choices", "said"),
    [
        ("gur", ["lstm", "gru", "rnn"], "did you mean gru? choices: gru, lstm, rnn"),
        ("transformer", ["lstm", "gru"], "choices: gru, lstm"),
        ("bilstn", ["lstm", "bilstm", "gru"], "did you mean bilstm? choices: bilstm, gru, lstm"),
        ("max_epoc", ["max_epochs", "max_steps"], "did you mean max_epochs?"),
        ("lstm1", ["lstm2", "lstm3"], "did you mean lstm3 or lstm2? choices: lstm2, lstm3"),
        ("", ["a"], "choices: a"),
    ],
)
def test_the_nearest_name_is_offered(given: str, choices: list[str], said: str) -> None:
    assert did_you_mean(given, choices).startswith(said)
