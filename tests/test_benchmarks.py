import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.configs import small_imdb

ROOT = Path(__file__).parents[1]
LM = [f"lm {words} {gradients}" for gradients in ("bfloat16", "same") for words in (50, 90)]
KERNELS = [f"kernels {layer}" for layer in ("GRU", "LSTM", "RNN")]
IN_PROCESS = [
    *("kernels", "threads", "buckets", "training", "imdb", "sine", "lm"),
    *("memory", "cache", "loader"),
]
NAMES = [*KERNELS, *IN_PROCESS[1:6], *LM, *IN_PROCESS[7:]]


@pytest.fixture
def main(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.__main__ import main

    return main


@pytest.fixture
def small(tmp_path):
    """Data sets and networks that train in no time."""
    network = ("trainer=cpu", "model.hidden_size=8")
    reviews = small_imdb(tmp_path) | {"batch_size": 2}
    waves = {
        "num_series": 20,
        "num_eval_series": 5,
        "steps": 60,
        "first_target": 40,
        "seq_len": 4,
        "batch_size": 4,
    }
    return {
        "max_other_work": 100.0,
        "imdb": (*network, *(f"data.{name}={value}" for name, value in reviews.items())),
        "lm": ("trainer=cpu", "model.hidden_size=8"),
        "lm_words": (50, 90),
        "kernel_shapes": ((2, 3, 4, 5),),
        "sine": (*network, *(f"data.{name}={value}" for name, value in waves.items())),
    }


@pytest.mark.slow
def test_every_benchmark_has_a_row_of_finite_ratios(main, small, tmp_path, capsys):
    main([*IN_PROCESS, "--seconds", "0.1", "--results", str(tmp_path / "results")], **small)
    printed = capsys.readouterr().out
    assert "processor" in printed
    kept = [json.loads((tmp_path / "results" / f"{name}.json").read_text()) for name in IN_PROCESS]
    rows = [row for content in kept for row in content["rows"]]
    assert [row["name"] for row in rows] == NAMES
    for row in rows:
        assert row["name"] in printed
        assert len(row["values"]) >= 3
        assert all(math.isfinite(value) and value > 0 for value in row["values"])


@pytest.mark.slow
def test_nothing_is_left_changed(main, small, tmp_path, capsys):
    import os

    import torch

    def state():
        strict = torch.are_deterministic_algorithms_enabled()
        return dict(os.environ), strict, torch.get_float32_matmul_precision()

    before = state()
    results = ["--results", str(tmp_path)]
    main(["sine", "cache", "--seconds", "0.01", *results], **small)
    assert state() == before


def test_an_unknown_name_is_refused(main, capsys):
    with pytest.raises(SystemExit):
        main(["sin"])
    assert "sin: no such benchmark; there are kernels, bfloat16, threads" in capsys.readouterr().err


def test_blocks_are_fair_samples_of_an_epoch(main):
    from benchmarks.padding import deal

    lengths = np.random.default_rng(0).integers(10, 400, 640)
    batches = np.split(np.argsort(lengths), 80)
    blocks = deal(batches, lengths, size=8)
    assert sorted(map(len, blocks)) == [8] * 10
    dealt = np.sort(np.concatenate([rows for block in blocks for rows in block]))
    assert (dealt == np.arange(640)).all()
    means = [np.mean([lengths[rows].max() for rows in block]) for block in blocks]
    assert max(means) / min(means) < 1.25


def test_the_naive_side_trains_on_the_same_samples(main):
    import torch
    from benchmarks.padding import naive_batches

    from rnnlab.spec import Batch

    rows = torch.arange(20)
    whole = Batch(rows.unsqueeze(1), torch.ones(20, dtype=torch.long), rows, rows)
    block = [np.array([1, 5, 7]), np.array([2, 9, 11])]
    seen = torch.cat([batch.rows for batch in naive_batches(whole, block, batch_size=4)])
    assert sorted(seen.tolist()) == [1, 2, 5, 7, 9, 11]


def test_the_median_ratio_is_held_against_the_bar(main):
    from benchmarks.pairs import Row

    slow = Row("name", "what", "1", "2", [1.0, 1.2, 9.0], bar=1.1, at_least=False)
    assert slow.median == 1.2
    assert not slow.meets_bar
    assert Row("name", "what", "1", "2", [1.0, 1.2, 9.0], bar=1.1, at_least=True).meets_bar


@pytest.mark.slow
def test_the_errors_of_the_tests_are_measured(monkeypatch, tmp_path, capsys):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import significance

    page = tmp_path / "docs" / "compare.md"
    page.parent.mkdir()
    page.write_text("before\n<!-- significance -->\n<!-- end of significance -->\nafter\n")
    for name, value in {"SEEDS": 2, "NUM_SERIES": 40, "ROOT": tmp_path}.items():
        monkeypatch.setattr(significance, name, value)
    monkeypatch.setattr("sys.argv", ["significance", "--runs", "4", "--pairs", "1", "--write"])
    significance.main()
    lines = page.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert sum(line.startswith("| ") for line in lines) == 2 + 20
    assert "two networks, Diebold-Mariano  dated waves" in capsys.readouterr().out


def test_the_coverage_of_finished_runs_is_a_table(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import coverage

    for seed, shift in enumerate((0.0, 0.01)):
        levels = {
            name: {"coverage": share + shift, "width": 2.0 + seed}
            for name, share in (("80", 0.8), ("90", 0.9), ("95", 0.95))
        }
        folder = tmp_path / f"sine-{seed}"
        folder.mkdir()
        report = {"status": "finished", "details": {"intervals": levels}}
        (folder / "report.json").write_text(json.dumps(report))
    row = "| sine | 80.0 81.0 | 90.0 91.0 | 95.0 96.0 | 2.5 | 2.5 | 2.5 |"
    assert coverage.table(tmp_path).splitlines()[2:] == [row]
    (tmp_path / "ett").mkdir()
    (tmp_path / "ett" / "ETTh1.csv.xz").write_bytes(b"")
    assert coverage.find_data(tmp_path, "ett/ETTh1.csv") == tmp_path / "ett" / "ETTh1.csv.xz"
    assert coverage.find_data(tmp_path, "ett/ETTh2.csv") is None
