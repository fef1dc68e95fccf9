"""Programs that train blocks on request, and commands whose use of the machine is measured."""

import os
import sys
from pathlib import Path

import pytest
from benchmarks import busy, kernels
from benchmarks.programs import (
    Block,
    BlockPair,
    Program,
    alternate,
    describe_speeds,
    training_program,
)
from benchmarks.runs import Settings
from benchmarks.usage import busy_cores, measure_command

ROOT = Path(__file__).parents[2]
COUNTER = """
from benchmarks.peers.channel import serve_blocks

blocks = []

def train_block():
    blocks.append(1)
    assert len(blocks) < {limit}, "no more blocks"
    return 10, 1.0 / len(blocks)

serve_blocks(7, train_block, lambda: 0.75)
"""


@pytest.fixture
def program(tmp_path):
    """A program that counts its blocks and fails at one of them."""

    def build(name: str, limit: int) -> Program:
        folder = tmp_path / name
        folder.mkdir()
        command = [sys.executable, "-c", COUNTER.format(limit=limit)]
        return Program(command, folder, {"PYTHONPATH": str(ROOT)})

    return build


def test_two_programs_train_the_same_blocks_in_turn(program):
    with program("ours", 100) as ours, program("other", 100) as other:
        assert ours.parameters == other.parameters == 7
        pairs = alternate(ours, other, seconds=0)
        assert ours.evaluate() == 0.75
    assert len(pairs) == 7
    assert [pair.ours.loss for pair in pairs] == [1 / (2 + i) for i in range(7)]
    assert all(pair.ours.loss == pair.other.loss for pair in pairs)
    assert all(pair.speedup("cpu") > 0 for pair in pairs)


def test_a_program_that_fails_shows_its_error(program):
    with program("ours", 2) as ours:
        ours.train_block()
        with pytest.raises(RuntimeError, match="no more blocks"):
            ours.train_block()


def test_a_ratio_is_that_of_seconds_per_unit():
    pair = BlockPair(Block(wall=2.0, cpu=1.0, units=10, loss=0), Block(6.0, 8.0, 20, 0))
    assert pair.speedup("wall") == pytest.approx(1.5)
    assert pair.speedup("cpu") == pytest.approx(4.0)
    assert describe_speeds([pair], "cpu") == ("10/s", "2/s")


def test_a_command_is_measured_without_the_memory_of_its_parent(tmp_path):
    large = bytearray(os.urandom(1)) * 300_000_000  # the peak of this process
    del large
    script = tmp_path / "train.py"
    script.write_text(
        "import sys, time\nprint('first', flush=True)\nblock = b'1' * 50_000_000\n"
        "time.sleep(0.3)\nprint(*sys.argv[1:])\nsys.exit(len(sys.argv) - 1)\n"
    )
    usage = measure_command(script, [], tmp_path)
    assert 50 < usage.peak_mib < 150
    assert 0 < usage.first_line < usage.wall - 0.25
    assert measure_command(script, ["a"], tmp_path, fails=True).output == "first\na\n"
    with pytest.raises(RuntimeError, match="ended with 1"):
        measure_command(script, ["a"], tmp_path)


def test_an_idle_machine_is_a_condition(monkeypatch):
    settings = Settings(max_other_work=-1.0)
    monkeypatch.setattr("benchmarks.usage.measure_other_work", lambda: 40.0)
    notes = [*busy.busy(settings), *kernels.threads(settings)]
    assert len(notes) == 3
    assert all("other programs use 40% of its processors" in note for note in notes)


@pytest.mark.slow
def test_a_run_trains_blocks_next_to_busy_processes(tmp_path):
    words = [
        *("data=sine", "trainer=cpu", "model.hidden_size=4", "data.batch_size=8"),
        *("data.num_series=4", "data.num_eval_series=4", "data.steps=60", "data.first_target=40"),
        *("data.seq_len=16", "test=false", "baselines=false"),
    ]
    with (
        busy_cores(1) as others,
        training_program(ROOT, words, tmp_path, 3, 1, "samples") as ours,
    ):
        blocks = [ours.train_block() for _ in range(6)]  # an epoch has 22 steps
        with others.running():
            blocks.append(ours.train_block())
    assert ours.parameters == 3 * 4 * (1 + 4 + 2) + 5
    assert all(block.units == 24 and block.cpu > 0 for block in blocks)
    assert blocks[-1].loss < blocks[0].loss
