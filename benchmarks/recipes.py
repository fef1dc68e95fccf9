"""Scores of shipped recipes, shortened, with both kernels: `rnnlab compare --by kernel`."""

import contextlib
import io
import math
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
SMALL = ("model.hidden_size=32",)
WAVES = ("data=sine", *SMALL, "data.num_series=40", "data.num_eval_series=40")
BARE = ("baselines=false", "analysis=null", "page=false")
SHORT = ("trainer.max_epochs=2",)
LIMITED = (*SMALL, "trainer.max_epochs=1", "trainer.limit_train_batches=150")
RECIPES: Mapping[str, tuple[str, ...]] = {
    "sine-gru": ("model=gru", *WAVES, *SHORT),
    "sine-lstm": ("model=lstm", *WAVES, *SHORT),
    "sine-rnn": ("model=rnn", *WAVES, *SHORT),
    "stocks-gru": ("data=stocks", "model=gru", *SMALL, *SHORT),
    "rotten-tomatoes-gru": ("data=rotten_tomatoes", "model=gru", *SMALL, *SHORT),
    "imdb-gru": ("data=imdb", "model=gru", "data.seq_len=100", *LIMITED),
    "kjv-lstm": ("data=kjv", "model=lstm", *LIMITED),
    "numbers-bilstm": ("experiment=numbers_en_de", "data.num_pairs=2000", *SHORT),
}
FEW = ("trainer.max_epochs=1", "trainer.limit_train_batches=60")
FILE_RECIPES: Mapping[str, tuple[str, tuple[str, ...]]] = {  # with the name of their files
    "ett-96": ("ett", ("experiment=ett_96", *FEW)),
    "ett-96-segment": ("ett", ("experiment=ett_96_segment", *FEW)),
    "weather-96": ("weather", ("experiment=weather_96", *FEW)),
    "weather-96-segment": ("weather", ("experiment=weather_96_segment", *FEW)),
    "sms-spam": ("sms_spam", ("experiment=sms_spam", "data.fold=0", *FEW)),
    "imdb-official": ("imdb", ("experiment=imdb_official", "data.seq_len=100", *FEW)),
    "multi30k-de-en": ("multi30k", ("experiment=multi30k_de_en", "task.beam_size=1", *FEW)),
    "ptb-gru": ("ptb", ("experiment=ptb_gru", *FEW)),
    "ptb-lstm": ("ptb", ("experiment=ptb_lstm", *FEW)),
    "ptb-rnn": ("ptb", ("experiment=ptb_rnn", *FEW)),
}
FILES = tuple(dict.fromkeys(files for files, _ in FILE_RECIPES.values()))
PLACEHOLDERS = {files: f"<{files}>" for files in FILES}  # of their paths


def recipes(settings: Settings) -> Results:
    """Train shortened recipes with both kernels and some seeds, and compare their test scores."""
    for name in settings.recipes or (*RECIPES, *FILE_RECIPES):
        files = FILE_RECIPES[name][0] if name in FILE_RECIPES else None
        if files and files not in settings.data:
            yield f"{name}: needs --data {files}=<path>"
        else:
            yield compare_kernels(name, settings)


def compare_kernels(name: str, settings: Settings) -> Row:
    """Return the row of a recipe: the difference of the kernels, in spreads over seeds.

    The bar is twice the standard error of the difference of two means of independent seeds.
    """
    folders = [
        train(name, kernel, seed, settings) for seed in range(settings.seeds) for kernel in KERNELS
    ]
    comparison = compare_runs(*folders, by="kernel")
    groups = {one.group.label: one for one in comparison.groups}
    native, torch = (groups[f"kernel={kernel}"] for kernel in KERNELS)
    difference, noise = abs(native.mean - torch.mean), torch.spread or 0.0
    value = difference / noise if noise else (math.inf if difference else 0.0)
    verdicts = " and ".join(sorted({one.verdict for one in comparison.groups}))
    what = (
        f"{name}, {comparison.metric}, {settings.seeds} seeds: native / torch; difference of the "
        f"means, in standard deviations over seeds; rnnlab compare: {verdicts} "
        f"(`{' '.join(recipe_words(name, PLACEHOLDERS))}`)"
    )
    bar = 2 * math.sqrt(2 / settings.seeds)
    return Row("recipes", what, score(native), score(torch), [value], bar, at_least=False)


def score(group: ComparedGroup) -> str:
    """Return mean and spread over seeds."""
    return f"{format_score(group.mean)} +- {format_score(group.spread)}"


def recipe_words(name: str, paths: Mapping[str, object]) -> tuple[str, ...]:
    """Return the settings of a recipe; `paths` has those of the user's files by their names."""
    files, words = FILE_RECIPES.get(name) or ("", RECIPES[name])
    return (*words, f"data.path={paths[files]}") if files else words


def train(name: str, kernel: str, seed: int, settings: Settings) -> Path:
    """Train a recipe, unless it has been; return its folder."""
    folder = settings.runs / f"{name}-{kernel}-{seed}"
    if RunFolder(folder).read_report().get("status") != "finished":
        words = [
            *recipe_words(name, settings.data),
            "trainer=cpu",
            f"kernel={kernel}",
            f"seed={seed}",
        ]
        with contextlib.redirect_stdout(io.StringIO()):
            rnnlab.run(*words, "trainer=cpu", f"name={name}", f"run_dir={folder}", *BARE)
    return folder
