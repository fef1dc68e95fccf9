"""The config of a run as train.py would compose it, and small versions of every data set."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, open_dict, read_write

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"


def compose(*overrides: str) -> dict[str, Any]:
    """What train.py hands to rnnlab.experiment.run when these words stand behind it."""
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = hydra.compose("config", list(overrides), return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)  # `name` reads the choices from there
    with read_write(cfg), open_dict(cfg):
        del cfg["hydra"]
    return OmegaConf.to_container(cfg, resolve=True)


def choices(group: str) -> list[str]:
    """Names of the YAML files of a group; a group that does not exist yet has none."""
    return sorted(file.stem for file in (CONF / group).glob("*.yaml"))


def groups() -> list[str]:
    """Names of the folders of conf/."""
    return sorted(folder.name for folder in CONF.iterdir() if folder.is_dir())


def small_sine(folder: Path) -> dict[str, Any]:
    """400 windows, 13 batches an epoch."""
    sizes = {"num_series": 20, "num_eval_series": 5, "steps": 60, "first_target": 40}
    return {**sizes, "seq_len": 16, "batch_size": 32}


def small_imdb(folder: Path) -> dict[str, Any]:
    """100 texts with labels drawn by lot, so that some predictions are wrong."""
    table = folder / "reviews.csv"
    if not table.exists():
        random = np.random.default_rng(0)
        words = [f"word{chr(97 + i)}" for i in range(26)]
        texts = [" ".join(random.choice(words, random.integers(3, 20))) for _ in range(100)]
        rows = [f"{text},{random.integers(2)}" for text in texts]
        table.write_text("\n".join(["text,label", *rows]) + "\n")
    return {"path": str(table), "seq_len": 12, "batch_size": 16, "vocab_size": 20}


def small_sms_spam(folder: Path) -> dict[str, Any]:
    """100 messages in the published form, a fifth of them spam with much the same words."""
    file = folder / "SMSSpamCollection"
    if not file.exists():
        random = np.random.default_rng(0)
        words = np.array([f"word{chr(97 + i)}" for i in range(12)])
        rows = [
            f"{'spam' if i % 5 == 0 else 'ham'}\t{' '.join(random.choice(words, 6))} {i}!"
            for i in range(100)
        ]
        file.write_text("\n".join(rows) + "\n")
    return {"path": str(file), "seq_len": 12, "batch_size": 16, "vocab_size": 20}


def small_folders(folder: Path) -> dict[str, Any]:
    """90 texts of three classes, a folder each."""
    for i in range(90):
        file = folder / "texts" / f"class{i % 3}" / f"{i:02}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"text {chr(97 + i % 26)} {chr(97 + i % 7)} of {i % 5}")
    return {"path": str(folder / "texts"), "seq_len": 12, "batch_size": 16, "vocab_size": 20}


# A data set as small as it can be: settings of `data`, and the files that they name.
SMALL: dict[str, Callable[[Path], dict[str, Any]]] = {
    "imdb": small_imdb,
    "rotten_tomatoes": small_imdb,
    "sine": small_sine,
    "sms_spam": small_sms_spam,
    "text_classification": small_folders,
}


def small(data: str, folder: Path, *overrides: str, **settings: Any) -> dict[str, Any]:
    """The config of a run that takes less than a second, below `folder`.

    Args:
        data: a choice of conf/data.
        folder: for files of the data, and for the run.
        overrides: more words of the command line.
        settings: of the data set.
    """
    assert data in SMALL, (
        f"conf/data/{data}.yaml is new: say in SMALL in tests/composing.py how to make it small"
    )
    plain = compose(f"data={data}", "trainer=cpu", f"output_dir={folder}", *overrides)
    plain["data"] |= SMALL[data](folder) | settings
    if plain["model"].get("hidden_size") == 128:
        plain["model"]["hidden_size"] = 8
    return plain
