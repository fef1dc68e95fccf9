"""The config of a run as train.py would compose it, and small versions of every data set."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from rnnlab.config import compose as composing

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"


def compose(*overrides: str) -> dict[str, Any]:
    """What train.py hands to rnnlab.experiment.run.run when these words stand behind it."""
    return deepcopy(_compose_once(*overrides))


@lru_cache(maxsize=500)
def _compose_once(*overrides: str) -> dict[str, Any]:
    """Hydra takes 70 ms for each command line."""
    return composing.compose(CONF, overrides)


def choices(group: str) -> list[str]:
    """Names of the YAML files of a group; a group that does not exist yet has none."""
    return sorted(file.stem for file in (CONF / group).glob("*.yaml"))


def target_of(group: str, name: str) -> str:
    """Return the class of a YAML file, or that of the file which it sets."""
    content = OmegaConf.load(CONF / group / f"{name}.yaml")
    if "_target_" in content:
        return str(content["_target_"])
    (other,) = [entry for entry in content["defaults"] if entry != "_self_"]
    return target_of(group, other)


def is_preset(group: str, name: str) -> bool:
    """Whether a YAML file sets another one of its group, without a class of its own."""
    return "_target_" not in OmegaConf.load(CONF / group / f"{name}.yaml")


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


def walks_file(folder: Path, columns: str = "date,one,two", rows: int = 200) -> Path:
    """Two random walks, hourly."""
    table = folder / "series.csv"
    if not table.exists():
        times = np.datetime64("2020-01-01T00:00:00") + np.arange(rows) * np.timedelta64(1, "h")
        walks = np.random.default_rng(0).standard_normal((rows, 2)).cumsum(axis=0) + 50
        lines = [f"{t},{a:.4f},{b:.4f}" for t, (a, b) in zip(times, walks, strict=True)]
        table.write_text("\n".join([columns, *lines]) + "\n")
    return table


WINDOWS = {"seq_len": 12, "horizon": 3, "batch_size": 32, "ridge_window": 6, "season": 4}


def small_csv_series(folder: Path) -> dict[str, Any]:
    """One series of two variables."""
    return {**WINDOWS, "path": str(walks_file(folder)), "calendar": ["hour"]}


def small_weather(folder: Path) -> dict[str, Any]:
    """As above, through the loader of stations."""
    return {**WINDOWS, "path": str(walks_file(folder))}


def small_ett(folder: Path) -> dict[str, Any]:
    """20 months of one variable; a day is forecast from six hours, the rest is what it is."""
    table = folder / "ETTh1.csv"
    if not table.exists():
        table.write_text(ett_table())
    return {"path": str(folder), **WINDOWS, "horizon": 24, "batch_size": 2048}


@cache
def ett_table() -> str:
    """Return a sine of 14,400 hours."""
    rows = 20 * 30 * 24
    times = np.datetime64("2016-07-01T00:00:00") + np.arange(rows) * np.timedelta64(1, "h")
    lines = [f"{t},{np.sin(i / 4):.4f}" for i, t in enumerate(times)]
    return "\n".join(["date,OT", *lines]) + "\n"


def small_stocks(folder: Path) -> dict[str, Any]:
    """Two stocks of 300 days."""
    places = folder / "stocks"
    if not places.exists():
        places.mkdir()
        for seed, name in enumerate(("AAA", "BBB")):
            random = np.random.default_rng(seed)
            days = np.datetime64("2020-01-01") + np.arange(300)
            close = 50 * np.exp(0.01 * random.standard_normal(300).cumsum())
            lines = [
                f"{day},{c * 1.01:.3f},{c * 0.99:.3f},{c:.3f},{1000 + i}"
                for i, (day, c) in enumerate(zip(days, close, strict=True))
            ]
            text = "\n".join(["Date,High,Low,Close,Volume", *lines])
            (places / f"{name}_2020.csv").write_text(text + "\n")
    return {"path": str(places), "seq_len": 10, "batch_size": 64, "ridge_window": 6}


def small_adding(folder: Path) -> dict[str, Any]:
    """100 sequences of 12 steps."""
    return {"steps": 12, "num_train": 100, "num_eval": 20, "batch_size": 16}


def small_copying(folder: Path) -> dict[str, Any]:
    """100 sequences of 10 steps."""
    sizes = {"length": 3, "delay": 4, "symbols": 4}
    return {**sizes, "num_train": 100, "num_eval": 20, "batch_size": 16}


def small_echo(folder: Path) -> dict[str, Any]:
    """100 sequences of 9 bits."""
    return {"steps": 9, "delay": 3, "num_train": 100, "num_eval": 20, "batch_size": 16}


def mirrored_pairs(count: int, seed: int) -> tuple[list[str], list[str]]:
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
    sources, targets = mirrored_pairs(120, seed=0)
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
            sources, targets = mirrored_pairs(count, seed)
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


def small_text_file(folder: Path) -> dict[str, Any]:
    """A text of 200 lines, most of whose words follow from the one before."""
    text = folder / "text.txt"
    if not text.exists():
        random = np.random.default_rng(0)
        starts, words = random.integers(0, 20, 200), [f"w{chr(97 + i)}" for i in range(20)]
        lines = [" ".join(words[(start + i * i) % 20] for i in range(8)) for start in starts]
        text.write_text("\n".join(lines) + "\n")
    sizes = {"seq_len": 9, "batch_size": 8, "vocab_size": 20}
    return {"path": str(text), "val_fraction": 0.1, "test_fraction": 0.1, **sizes}


def small_imdb_text(folder: Path) -> dict[str, Any]:
    """The reviews of `small_imdb` as a text."""
    return small_imdb(folder) | {"group_column": None, "batch_size": 4}


def small_kjv(folder: Path) -> dict[str, Any]:
    """The whole, which is quickly read, in many short streams of few tokens."""
    sizes = {"seq_len": 5, "batch_size": 2000, "vocab_size": 50}
    return {"val_fraction": 0.002, "test_fraction": 0.002, **sizes}


small_ptb = small_wikitext2 = small_text_file
small_rotten_tomatoes = small_imdb


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


def small_text_classification(folder: Path) -> dict[str, Any]:
    """90 texts of three classes, a folder each."""
    for i in range(90):
        file = folder / "texts" / f"class{i % 3}" / f"{i:02}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"text {chr(97 + i % 26)} {chr(97 + i % 7)} of {i % 5}")
    return {"path": str(folder / "texts"), "seq_len": 12, "batch_size": 16, "vocab_size": 20}


# A data set as small as it can be: settings of `data`, and the files that they name.
SMALL: dict[str, Callable[[Path], dict[str, Any]]] = {
    name.removeprefix("small_"): function
    for name, function in list(globals().items())
    if name.startswith("small_")
}


def compose_pair(data: str, model: str) -> dict[str, Any]:
    """Return the config of a data set with an architecture, from the config of each.

    The two groups set nothing in each other; a contract test compares both ways.
    """
    plain = compose(f"data={data}", "trainer=cpu")
    plain["model"] = compose(f"model={model}")["model"]
    plain["name"] = f"{data}-{model}"
    return plain


def small(data: str, folder: Path, *overrides: str, **settings: Any) -> dict[str, Any]:
    """The config of a run that takes less than a second, below `folder`.

    Args:
        data: a choice of conf/data.
        folder: for files of the data, and for the run.
        overrides: more words of the command line.
        settings: of the data set.
    """
    assert data in SMALL, (
        f"conf/data/{data}.yaml is new: add small settings to SMALL in tests/helpers/configs.py"
    )
    match [override.partition("=") for override in overrides]:
        case [("model", _, model)]:
            plain = compose_pair(data, model)
        case _:
            plain = compose(f"data={data}", "trainer=cpu", *overrides)
    plain["output_dir"] = str(folder)
    plain["data"] |= SMALL[data](folder) | settings
    if plain["trainer"]["max_epochs"] == "auto":  # as many as large data has
        plain["trainer"]["max_epochs"] = 5
    if plain["model"].get("hidden_size") == 128:
        plain["model"]["hidden_size"] = 8
    if "segment_length" in plain["model"]:  # several segments in what is short
        plain["model"]["segment_length"] = 2
    return plain
