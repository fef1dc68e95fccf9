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


def small_pairs(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Different sentences of random words, and the same words in upper case, from the end."""
    random = np.random.default_rng(seed)
    words = [chr(97 + i) * 2 for i in range(20)]
    sources = [
        " ".join([f"n{i}", *random.choice(words, random.integers(3, 12))]) for i in range(count)
    ]
    return sources, [" ".join(reversed(source.upper().split())) for source in sources]


def write_lines(file: Path, lines: list[str]) -> Path:
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def small_parallel_text(folder: Path) -> dict[str, Any]:
    """120 pairs in two aligned files."""
    sources, targets = small_pairs(120, seed=0)
    source, target = folder / "pairs.source", folder / "pairs.target"
    if not target.exists():
        write_lines(source, sources)
        write_lines(target, targets)
    sizes = {"vocab_size": 60, "tokens": "words", "batch_size": 16, "seq_len": 12}
    return {"path": str(source), "target_path": str(target), **sizes}


def small_multi30k(folder: Path) -> dict[str, Any]:
    """The names of the published files, with a few pairs in each."""
    place = folder / "multi30k"
    if not place.exists():
        place.mkdir()
        for seed, (stem, count) in enumerate(
            [("train", 60), ("val", 12), ("test_2016_flickr", 12)], start=1
        ):
            sources, targets = small_pairs(count, seed)
            write_lines(place / f"{stem}.de", sources)
            write_lines(place / f"{stem}.en", targets)
    return {"path": str(place), "tokens": "words", "vocab_size": 60, "batch_size": 16}


def small_interface_strings(folder: Path) -> dict[str, Any]:
    """The smallest of the packs."""
    return {"language": "es", "vocab_size": 300, "batch_size": 16}


def small_numbers(folder: Path) -> dict[str, Any]:
    """Up to 999."""
    sizes = {"largest": 999, "num_pairs": 80, "num_eval_pairs": 20, "batch_size": 16}
    return {**sizes, "tokens": "words"}


# A data set as small as it can be: settings of `data`, and the files that they name.
SMALL: dict[str, Callable[[Path], dict[str, Any]]] = {
    "sine": small_sine,
    "imdb": small_imdb,
    "interface_strings": small_interface_strings,
    "multi30k": small_multi30k,
    "numbers": small_numbers,
    "parallel_text": small_parallel_text,
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
