"""Measure how often comparisons of equal configurations find a difference, with real trainings.

    python -m benchmarks.significance               # about 6 minutes of one core
    python -m benchmarks.significance --write       # the table goes into docs/compare.md

A pool of small networks is trained on waves and on short texts, all with the same settings and test
targets and with different seeds. Groups without a common run are drawn from it and compared: any
difference that is found is false. Then one group is shifted by one standard deviation. For tests
of single networks the errors of the second one are shifted so that both are equal on all targets of
the pool, and the test sees a part of the targets.
"""

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from benchmarks.results import ROOT, insert
from benchmarks.runs import BareLoop, compose_config, restore_globals
from rnnlab.config.schema import RunConfig
from rnnlab.data.base import DataModule
from rnnlab.experiment.build import build_data
from rnnlab.metrics.resampling import (
    TargetCovariance,
    block_sums,
    bootstrap_covariance,
    cosine_covariance,
)
from rnnlab.metrics.seed_tests import TargetRows, compare_networks, compare_seeds
from rnnlab.metrics.sequential import plan_tests
from rnnlab.metrics.significance import SIGNIFICANCE_LEVEL, sign_flip_p
from rnnlab.models import RecurrentModel
from rnnlab.spec import Array

SEEDS = 10  # of each group
PAIRS = 200  # of groups
POWER_FACTOR = 5  # times as many pairs for the share that is found
RESAMPLES = 500  # of a bootstrap
WAVES: tuple[str, ...] = (
    *("data=sine", "model=gru", "model.hidden_size=4", "data.seq_len=12", "data.steps=60"),
    *("data.first_target=40", "data.num_series=12", "data.seed=0", "data.noise=0.3"),
)
TEXTS: tuple[str, ...] = (
    *("data=text_classification", "model=gru", "model.hidden_size=4", "data.seq_len=12"),
    *("task.embedding_size=4", "data.vocab_size=30", "data.seed=0", "data.batch_size=32"),
    "optimizer.lr=0.03",
)
NUM_SERIES, NUM_WINDOWS = 200, 20  # test series, and windows of each
NUM_TARGETS = 800  # of a test over targets
ALL_POOLS = ("waves", "texts", "dated waves")


@dataclass(frozen=True)
class Pool:
    """Networks of one configuration.

    Attributes:
        name: of the data.
        losses: of each network on each target, (runs, targets).
        block: number of neighbours that depend on each other.
        is_dated: whether the targets are in the order of time.
    """

    name: str
    losses: Array
    block: int
    is_dated: bool = False

    def draw_targets(self, random: np.random.Generator, count: int) -> Array:
        """Return the positions of consecutive targets, at the start of a block."""
        start = random.integers(0, (self.losses.shape[1] - count) // self.block + 1) * self.block
        return np.asarray(np.arange(start, start + count))

    def covariance(self, losses: Array) -> TargetCovariance:
        """Return the covariance of networks with these losses (R, N)."""
        if self.is_dated:
            matrix, degrees = cosine_covariance(losses)
            return TargetCovariance(matrix, degrees, "Diebold-Mariano", "points in time")
        parts = np.stack([np.stack([row, np.ones_like(row)], axis=1) for row in losses])
        sums = np.stack([block_sums(part, self.block) for part in parts])
        matrix = bootstrap_covariance(sums, lambda s: s[..., 0] / s[..., 1], RESAMPLES)
        return TargetCovariance(matrix, sums.shape[1] - 1, "paired bootstrap", "targets")


def write_texts(path: Path, count: int) -> None:
    """Write short texts of random words, whose labels depend on some of them."""
    random = np.random.default_rng(0)
    words = np.array([f"word{chr(97 + i)}" for i in range(26)])
    weights = random.normal(0, 1, 26)
    rows = random.integers(0, 26, (count, 10))
    labels = weights[rows].sum(axis=1) + random.normal(0, 2, count) > 0
    lines = [f"{' '.join(words[row])},{int(y)}" for row, y in zip(rows, labels, strict=True)]
    path.write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")


def open_data(*overrides: str) -> tuple[RunConfig, DataModule]:
    """Return the config of some overrides, and its data."""
    config = compose_config(*overrides)
    data = build_data(config)
    data.prepare_data()
    for stage in ("fit", "test"):
        data.setup(stage)
    return config, data


def train_networks(overrides: Sequence[str], runs: int, epochs: int) -> list[RecurrentModel]:
    """Return networks that differ in their seeds alone."""
    config, data = open_data(*overrides)
    models = []
    for seed in range(runs):
        torch.manual_seed(seed)
        data.seed = seed  # of the order of the batches
        steps = epochs * len(data.train_dataloader())
        loop = BareLoop(config, data.spec, steps, torch.device("cpu"))
        for _ in range(epochs):
            for batch in data.train_dataloader():
                loop.step(batch)
        models.append(loop.model.eval())
    return models


@torch.no_grad()
def measure(
    models: Sequence[RecurrentModel], data: DataModule, loss: Callable[[Tensor, Tensor], Tensor]
) -> Array:
    """Return the losses of networks on the test targets, (runs, N)."""
    batches = [*data.test_dataloader()]
    order = torch.cat([batch.rows for batch in batches]).argsort()
    targets = torch.cat([batch.targets for batch in batches])
    losses = [loss(torch.cat([model.predictions(b) for b in batches]), targets) for model in models]
    return np.stack([values.double()[order].numpy() for values in losses])


def squared_error(predictions: Tensor, targets: Tensor) -> Tensor:
    """Return the squared error of each window."""
    return (predictions - targets).double().square().flatten(1).mean(dim=1)


def classification_error(predictions: Tensor, targets: Tensor) -> Tensor:
    """Return 1 for a wrong class, 0 for the right one."""
    return (predictions.argmax(dim=1) != targets).double()


def train_pools(runs: int) -> list[Pool]:
    """Return the pools: waves as many series, texts, and waves as one series with dates."""
    waves = train_networks([*WAVES, "data.num_eval_series=4"], runs, 2)
    _, series = open_data(*WAVES, f"data.num_eval_series={NUM_SERIES}")
    _, long = open_data(*WAVES, "data.num_eval_series=1", "data.steps=4040")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "texts.csv"
        write_texts(path, 4400)
        texts = [*TEXTS, f"data.path={path}", "data.test_fraction=0.9", "data.val_fraction=0.02"]
        readers = train_networks(texts, runs, 8)
        errors = measure(readers, open_data(*texts)[1], classification_error)
    return [
        Pool("waves", measure(waves, series, squared_error), NUM_WINDOWS),
        Pool("texts", errors, 1),
        Pool("dated waves", measure(waves, long, squared_error), 1, is_dated=True),
    ]


def draw_groups(pool: Pool, random: np.random.Generator, seeds: int) -> tuple[Array, Array]:
    """Return the losses of two groups without a common run, (seeds, targets) each."""
    rows = random.permutation(len(pool.losses))[: 2 * seeds]
    return pool.losses[rows[:seeds]], pool.losses[rows[seeds:]]


def names_of(seeds: int, prefix: str = "") -> list[str]:
    """Return names of seeds."""
    return [f"{prefix}{seed}" for seed in range(seeds)]


def detect_seeds(pool: Pool, random: np.random.Generator, shift: float, is_paired: bool) -> bool:
    """Return whether two groups of runs differ, over seeds alone."""
    first, second = (group.mean(axis=1) for group in draw_groups(pool, random, SEEDS))
    scale = pool.losses.mean(axis=1).std(ddof=1) * (math.sqrt(2) if is_paired else 1)
    one = dict(zip(names_of(SEEDS), first.tolist(), strict=True))
    others = names_of(SEEDS, "" if is_paired else "other ")
    other = dict(zip(others, (second + shift * scale).tolist(), strict=True))
    return compare_seeds(one, other).p < SIGNIFICANCE_LEVEL


def detect_signs(pool: Pool, random: np.random.Generator, shift: float) -> bool:
    """Return whether two groups of paired runs differ by the sign-flip test."""
    first, second = (group.mean(axis=1) for group in draw_groups(pool, random, SEEDS))
    scale = pool.losses.mean(axis=1).std(ddof=1) * math.sqrt(2)
    return sign_flip_p((second + shift * scale - first).tolist()) < SIGNIFICANCE_LEVEL


def detect_sequence(pool: Pool, random: np.random.Generator, shift: float) -> bool:
    """Return whether any of the tests of a plan finds a difference."""
    first, second = (group.mean(axis=1) for group in draw_groups(pool, random, SEEDS))
    scale = pool.losses.mean(axis=1).std(ddof=1) * math.sqrt(2)
    names, others = names_of(SEEDS), second + shift * scale
    for count, level in plan_tests(SEEDS).levels.items():
        one = dict(zip(names[:count], first[:count].tolist(), strict=True))
        other = dict(zip(names[:count], others[:count].tolist(), strict=True))
        if compare_seeds(one, other).p < level:
            return True
    return False


def detect_both(pool: Pool, random: np.random.Generator, shift: float, is_paired: bool) -> bool:
    """Return whether two groups of runs differ, over seeds and targets."""
    targets = pool.draw_targets(random, NUM_TARGETS)
    first, second = (group[:, targets] for group in draw_groups(pool, random, SEEDS))
    scale = pool.losses[:, targets].mean(axis=1).std(ddof=1) * (math.sqrt(2) if is_paired else 1)
    second = second + shift * scale
    one = dict(zip(names_of(SEEDS), first.mean(axis=1).tolist(), strict=True))
    others = names_of(SEEDS, "" if is_paired else "other ")
    other = dict(zip(others, second.mean(axis=1).tolist(), strict=True))
    rows = [
        dict(zip(one, range(SEEDS), strict=True)),
        dict(zip(other, range(SEEDS, 2 * SEEDS), strict=True)),
    ]
    covariance = pool.covariance(np.concatenate([first, second]))
    return compare_seeds(one, other, TargetRows(covariance, *rows)).p < SIGNIFICANCE_LEVEL


def detect_networks(
    pool: Pool, random: np.random.Generator, shift: float, is_equal: bool = True
) -> bool:
    """Return whether two networks differ, over targets.

    With `is_equal` both have the same error on all targets of the pool, and `shift` is in standard
    errors of the difference; otherwise they are what they are.
    """
    (first,), (second,) = draw_groups(pool, random, 1)
    if is_equal:
        second = second + first.mean() - second.mean()
    targets = pool.draw_targets(random, NUM_TARGETS)
    covariance = pool.covariance(np.stack([first[targets], second[targets]]))
    deviation = math.sqrt(covariance.variance_of_networks(0, 1))
    gain = float(first[targets].mean() - second[targets].mean()) - shift * deviation
    return compare_networks(gain, 0, 1, covariance).p < SIGNIFICANCE_LEVEL


KINDS: dict[str, tuple[tuple[str, ...], Callable[..., bool], float]] = {
    # kind -> pools, test, shift for the power in standard deviations
    "paired seeds, t": (("waves", "texts"), partial(detect_seeds, is_paired=True), 1.0),
    "paired seeds, sign flips": (("waves", "texts"), detect_signs, 1.0),
    "paired seeds, sequential": (("waves", "texts"), detect_sequence, 1.0),
    "unpaired seeds, Welch": (("waves", "texts"), partial(detect_seeds, is_paired=False), 1.0),
    "paired seeds and targets": (ALL_POOLS, partial(detect_both, is_paired=True), 1.0),
    "unpaired seeds and targets": (ALL_POOLS, partial(detect_both, is_paired=False), 1.0),
    "two networks, bootstrap": (("waves", "texts"), detect_networks, 2.8),
    "two networks, Diebold-Mariano": (("dated waves",), detect_networks, 2.8),
    "two networks, taken for configurations": (
        ALL_POOLS,
        partial(detect_networks, is_equal=False),
        0,
    ),
}


def measure_kinds(pools: Sequence[Pool], pairs: int) -> list[list[str]]:
    """Return a row for each kind of test and pool: false differences, and those of a shift."""
    rows = list[list[str]]()
    for kind, (names, test, shift) in KINDS.items():
        for pool in pools:
            if pool.name in names:
                random = np.random.default_rng(len(rows))
                false = sum(test(pool, random, 0.0) for _ in range(pairs))
                tries = POWER_FACTOR * pairs
                power = sum(test(pool, random, shift) for _ in range(tries)) if shift else 0
                cells = [f"{false} of {pairs}", f"{power / tries:.1%}" if shift else "-"]
                rows.append([kind, pool.name, *cells, f"{shift:g}" if shift else "-"])
                print(*rows[-1], sep="  ", flush=True)
    return rows


def format_table(rows: Sequence[Sequence[str]]) -> str:
    """Return the table in Markdown."""
    head = ["test", "data", "false differences", "found", "shift"]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Train, compare, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--runs", type=int, default=240, help="networks of a pool; default: 240")
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"default: {PAIRS}")
    parser.add_argument("--write", action="store_true", help="write the table to docs/compare.md")
    options = parser.parse_args()
    with restore_globals():
        pools = train_pools(options.runs)
    content = format_table(measure_kinds(pools, options.pairs))
    if options.write:
        page = ROOT / "docs" / "compare.md"
        text = insert(page.read_text(encoding="utf-8"), "significance", content)
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
