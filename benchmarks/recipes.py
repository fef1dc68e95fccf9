"""Scores of shipped recipes, shortened, with both kernels: `rnnlab compare --by kernel`."""

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path

import rnnlab
from benchmarks.pairs import Results, Row
from benchmarks.runs import Settings
from rnnlab.comparison.compare import compare_runs
from rnnlab.comparison.result import ComparedGroup
from rnnlab.report.console import format_score
from rnnlab.report.folder import RunFolder

KERNELS = ("native", "torch")
LEVEL = 0.05  # of the test: a smaller p-value is a difference
SMALL = ("model.hidden_size=32",)
WAVES = ("data=sine", *SMALL, "data.num_series=40", "data.num_eval_series=40")
RECIPES: Mapping[str, tuple[str, ...]] = {
    "sine-gru": ("model=gru", *WAVES, "trainer.max_epochs=8"),
    "sine-lstm": ("model=lstm", *WAVES, "trainer.max_epochs=8"),
    "sine-rnn": ("model=rnn", *WAVES, "trainer.max_epochs=8"),
    "stocks-gru": ("data=stocks", "model=gru", *SMALL, "trainer.max_epochs=2"),
    "numbers-bilstm": ("experiment=numbers_en_de", "data.num_pairs=4000", "trainer.max_epochs=6"),
    "rotten-tomatoes-gru": ("data=rotten_tomatoes", "model=gru", *SMALL, "trainer.max_epochs=3"),
    "imdb-gru": (
        *("data=imdb", "model=gru", *SMALL, "data.seq_len=100", "trainer.max_epochs=1"),
        "data.linear_baseline=false",
    ),
    "kjv-lstm": ("data=kjv", "model=lstm", "trainer.max_steps=300", "trainer.max_epochs=1"),
}


def recipes(settings: Settings) -> Results:
    """Train each recipe with both kernels and some seeds, and test whether the scores differ."""
    return [compare_kernels(name, settings) for name in settings.recipes or RECIPES]


def compare_kernels(name: str, settings: Settings) -> Row:
    """Return the row of a recipe: the p-value of the difference over seeds."""
    folders = [
        train(name, kernel, seed, settings.runs)
        for seed in range(settings.seeds)
        for kernel in KERNELS
    ]
    comparison = compare_runs(*folders, by="kernel")
    groups = {one.group.label: one for one in comparison.groups}
    native, torch = (groups[f"kernel={kernel}"] for kernel in KERNELS)
    p = next(one.test.p_seeds for one in comparison.groups if one.test)
    what = (
        f"{name}, {comparison.metric}, {settings.seeds} seeds: native / torch, p-value of the "
        f"difference (`{' '.join(RECIPES[name])}`)"
    )
    values = [1.0 if p is None else p]  # no test where all scores are equal
    return Row("recipes", what, score(native), score(torch), values, LEVEL, at_least=True)


def score(group: ComparedGroup) -> str:
    """Return mean and spread over seeds."""
    return f"{format_score(group.mean)} +- {format_score(group.spread)}"


def train(name: str, kernel: str, seed: int, runs: Path) -> Path:
    """Train a recipe, unless it has been; return its folder."""
    folder = runs / f"{name}-{kernel}-{seed}"
    if RunFolder(folder).read_report().get("status") != "finished":
        words = [*RECIPES[name], "trainer=cpu", f"kernel={kernel}", f"seed={seed}"]
        with contextlib.redirect_stdout(io.StringIO()):
            rnnlab.run(*words, f"name={name}", f"run_dir={folder}", "baselines=false")
    return folder
