"""The shipped configuration and a user's own directory before it."""

from pathlib import Path

import pytest

from rnnlab.config import paths
from rnnlab.config.compose import compose
from rnnlab.config.paths import find_root, list_choices, split_config_dir
from rnnlab.errors import ConfigError
from tests.helpers.configs import CONF, ROOT


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A user's directory: a new model, a changed one, a data set and an experiment."""
    files = {
        "model/tiny.yaml": "defaults: [gru]\nhidden_size: 3\n",
        "model/lstm.yaml": "_target_: rnnlab.models.LSTM\nhidden_size: 5\n",
        "data/short_sine.yaml": "defaults: [sine]\nseq_len: 7\n",
        "experiment/mine.yaml": "# @package _global_\nseed: 11\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_users_directory_adds_and_replaces_choices(own: Path) -> None:
    words = ["model=tiny", "data=short_sine", "experiment=mine"]
    config = compose(own, words)
    assert (config["model"]["hidden_size"], config["data"]["seq_len"]) == (3, 7)
    assert config["seed"] == 11
    assert config["name"] == "short_sine-tiny"
    assert compose(own, ["model=lstm"])["model"]["hidden_size"] == 5
    assert compose(CONF, ["model=lstm"])["model"]["hidden_size"] == 128
    assert compose(own, ["model=gru"]) == compose(CONF, ["model=gru"])


def test_the_choices_of_both_directories_are_listed(own: Path) -> None:
    assert {"tiny", "lstm", "gru"} <= set(list_choices(own, "model"))
    assert "short_sine" in list_choices(own, "data")


@pytest.mark.parametrize("flag", [["--config-dir", "{}"], ["--config-dir={}"], ["-cd", "{}"]])
def test_the_directory_is_taken_from_the_command_line(flag: list[str], own: Path) -> None:
    words = [word.format(own) for word in flag]
    assert split_config_dir(["model=gru", *words, "seed=1"]) == (own, ["model=gru", "seed=1"])
    assert split_config_dir(["model=gru"]) == (ROOT / "conf", ["model=gru"])


def test_a_directory_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--config-dir .*nowhere: must be one existing"):
        split_config_dir(["--config-dir", str(tmp_path / "nowhere")])


def test_the_installed_copy_is_used_without_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_root() == ROOT
    package = tmp_path / "site-packages" / "rnnlab"
    monkeypatch.setattr(paths, "__file__", str(package / "config" / "paths.py"))
    with pytest.raises(ConfigError, match="install rnnlab again"):
        find_root()
    (package / "shipped" / "conf").mkdir(parents=True)
    (package / "shipped" / "conf" / "config.yaml").write_text("")
    assert find_root() == package / "shipped"
