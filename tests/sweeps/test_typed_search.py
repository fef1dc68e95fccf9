"""Searches without a file: the space is typed."""

from pathlib import Path

import pytest

from rnnlab.errors import ConfigError
from rnnlab.sweeps.schema import SweepConfig
from rnnlab.sweeps.settings import read_sweep
from rnnlab.sweeps.space.dimensions import Space
from rnnlab.sweeps.study.definition import prepare
from tests.helpers.configs import CONF, ROOT


def read(*words: str) -> SweepConfig:
    return read_sweep(ROOT, words)


def test_values_with_commas_are_a_grid_that_is_tried_as_a_whole() -> None:
    words = ["data=stocks", "model=rnn", "model.hidden_size=8,64", "data.seq_len=10,40"]
    config = read(*words)
    assert (config.name, config.n_trials) == ("stocks-rnn-hidden_size-seq_len", 4)
    assert config.base == ["data=stocks", "model=rnn"]
    assert config.sampler["_target_"].endswith("GridSampler")
    assert str(config.pruner).count("NopPruner") == 1
    spec = prepare(config, CONF)
    assert spec.space.grid() == {"model.hidden_size": [8, 64], "data.seq_len": [10, 40]}


def test_a_continuous_or_large_space_is_sampled() -> None:
    for words in (["optimizer.lr=interval(1e-4,1e-2)"], ["model.hidden_size=range(1,61)"]):
        config = read("data=sine", *words)
        assert config.n_trials == 20
        assert config.sampler["_target_"].endswith("TPESampler")


@pytest.mark.slow
def test_what_is_typed_is_kept() -> None:
    config = read("data=sine", "seed=3", "model.hidden_size=8,64", "sampler=random", "name=mine")
    assert (config.name, config.n_trials, config.seed) == ("mine", 20, 3)
    assert config.sampler["_target_"].endswith("RandomSampler")
    grid = read("data=sine", "model.hidden_size=8,64", "pruner=median", "n_trials=10")
    assert (grid.n_trials, grid.sampler["_target_"].rpartition(".")[2]) == (10, "GridSampler")
    assert str(grid.pruner).count("MedianPruner") == 1
    assert read("data=sine", "model.hidden_size=8,16,32", "n_trials=2").n_trials == 2


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("8,64", {"choices": [8, 64]}),
        ("choice(8,64)", {"choices": [8, 64]}),
        ("range(8,41,8)", {"low": 8, "high": 40, "log": False, "step": 8}),
        ("int(interval(8,64))", {"low": 8, "high": 64, "log": False, "step": 1}),
        ("{low: 8, high: 64, log: true}", {"low": 8, "high": 64, "log": True, "step": None}),
        ("{choices: [8, 64]}", {"choices": [8, 64]}),
    ],
)
def test_spellings_of_several_values(typed: str, plain: dict[str, object]) -> None:
    space = Space.parse(read("data=sine", f"model.hidden_size={typed}").space)
    assert space.to_plain() == {"model.hidden_size": plain}


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["data=sine", "model=gru,lstm"], "sine-model"),
        (["data=sine,adding", "model=gru,lstm"], "data-model"),
        (["experiment=weather_96", "model.hidden_size=8,16"], "weather-gru-hidden_size"),
        (["data=sine", "optimizer.betas=[0.8,0.9],[0.9,0.9]"], "sine-gru-betas"),
    ],
)
def test_the_study_is_named_after_its_command(words: list[str], name: str) -> None:
    assert read(*words).name == name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data=sine"], "or give several values of a setting, such as model.hidden_size=8,64"),
        ([], "sweep=<name> must be given once; choices: imdb_cells"),
        (["lr=0.1,0.2"], "did you mean optimizer.lr?"),
        (["model.hidden_size=8,8"], "8 is there twice; drop one"),
        (["n_trials=x", "model.hidden_size=8,16"], "n_trials=x: must be a valid integer"),
        (["gru", "model.hidden_size=8,16"], "gru: a setting is typed as key=value; did you mean"),
        (["--model", "gru"], "--model gru: no such flag; settings are typed as key=value, did"),
        (
            ["data=nothing", "model.hidden_size=8,16"],
            "data=nothing: did you mean copying? choices: adding",
        ),
    ],
)
def test_what_cannot_be_searched_is_explained(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(*words)
    assert message in str(error.value)


def test_a_users_directory_adds_choices_and_groups(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "tiny.yaml").write_text("defaults: [gru]\nhidden_size: 3\n")
    words = ["data=sine", "model=tiny", "optimizer.lr=0.1,0.2"]
    config = read_sweep(ROOT, words, tmp_path)
    assert config.name == "sine-tiny-lr"
    assert prepare(config, tmp_path).base["model"]["hidden_size"] == 3
