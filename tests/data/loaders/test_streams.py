"""Token streams: what is written, what is read when, by which process, and with how much memory."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.data.loaders.buckets import ResumableLoader
from rnnlab.data.loaders.streams import StreamLoader, StreamOrder, iterate_text, write_stream
from rnnlab.data.text.ragged import RaggedArray
from rnnlab.data.text.tokenizers import SPECIALS, Characters, Words
from rnnlab.data.text.vocabulary import Vocabulary
from rnnlab.errors import DataError
from rnnlab.spec import END_ID, START_ID, UNKNOWN_ID
from tests.helpers.shared_folders import make_shared_folder

WORDS = Vocabulary([*SPECIALS, "a", "b"], Words(spaces=True))


def ids_of(tokens: int) -> np.ndarray:
    """A start token, and then ids that tell their position: 10 at 0, 11 at 1 ..."""
    return np.array([START_ID, *range(10, 10 + tokens)], dtype=np.uint16)


def loader(tokens: int, batch_size: int, seq_len: int, training: bool = True) -> StreamLoader:
    return StreamLoader(ids_of(tokens), tokens, batch_size, seq_len, training)


# Writing.


def test_a_line_of_words_ends_with_the_end_token(tmp_path: Path) -> None:
    written = write_stream(tmp_path, "ids", WORDS, ["a b\n", "\n", "b c\n"])
    ids = RaggedArray.load(tmp_path, "ids").values
    assert ids.tolist() == [START_ID, 4, 5, END_ID, END_ID, 5, UNKNOWN_ID, END_ID]
    assert (written.tokens, written.unknown) == (7, 1)


def test_pieces_of_one_line_have_one_end(tmp_path: Path) -> None:
    write_stream(tmp_path, "ids", WORDS, ["a", " b", " a\n"])
    assert RaggedArray.load(tmp_path, "ids").values.tolist() == [START_ID, 4, 5, 4, END_ID]


def test_a_line_break_is_a_character(tmp_path: Path) -> None:
    characters = Vocabulary.fit(["a\n"], 9, Characters())
    write_stream(tmp_path, "ids", characters, ["a\n", "a\n"])
    ids = RaggedArray.load(tmp_path, "ids").values
    assert [characters.tokens[i] for i in ids] == ["<s>", "a", "\n", "a", "\n"]


def test_a_large_vocabulary_has_wide_ids(tmp_path: Path) -> None:
    many = Vocabulary([*SPECIALS, *(f"w{i}" for i in range(70_000))], Words(spaces=True))
    write_stream(tmp_path, "ids", many, ["w69999\n"])
    ids = RaggedArray.load(tmp_path, "ids").values
    assert ids.dtype == "uint32"
    assert ids.tolist() == [START_ID, 70_003, END_ID]


@given(st.lists(st.text(max_size=5)), st.integers(1, 9))
def test_blocks_hold_every_line_in_order(lines: list[str], size: int) -> None:
    made = list(iterate_text(lines, size))
    assert [line for block in made for line in block] == lines
    assert all(sum(map(len, block)) < size + 5 for block in made)


# Reading.


def test_streams_are_read_side_by_side_window_by_window() -> None:
    first, second = loader(tokens=11, batch_size=2, seq_len=3)
    assert first.inputs.tolist() == [[START_ID, 10, 11], [14, 15, 16]]
    assert first.targets.tolist() == [[10, 11, 12], [15, 16, 17]]
    assert first.rows.tolist() == [[0, 1, 2], [5, 6, 7]]
    assert second.inputs.tolist() == [[12, 13], [17, 18]]
    assert second.targets.tolist() == [[13, 14], [18, 19]]
    assert (first.continues, second.continues) == (False, True)
    assert second.lengths.tolist() == [2, 2]


@given(st.integers(1, 300), st.integers(1, 20), st.integers(1, 40))
def test_every_token_is_predicted_once_but_those_that_do_not_fill_the_streams(
    tokens: int, batch_size: int, seq_len: int
) -> None:
    if tokens < batch_size:
        with pytest.raises(DataError, match=r"do not fill .* streams: lower data\.batch_size"):
            loader(tokens, batch_size, seq_len)
        return
    made = list(loader(tokens, batch_size, seq_len))
    rows = torch.cat([batch.rows.flatten() for batch in made])
    assert sorted(rows.tolist()) == list(range(tokens - tokens % batch_size))
    for batch in made:
        assert torch.equal(batch.targets, batch.rows + 10)
        assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])


@given(st.integers(1, 90), st.integers(1, 9), st.integers(1, 12))
def test_a_window_begins_where_the_one_before_ended(
    tokens: int, batch_size: int, seq_len: int
) -> None:
    made = list(loader(max(tokens, batch_size), batch_size, seq_len))
    for before, after in pairwise(made):
        assert torch.equal(after.rows[:, 0], before.rows[:, -1] + 1)
        assert torch.equal(after.inputs[:, 0], before.targets[:, -1])


@pytest.mark.parametrize("world", [2, 3])
def test_each_process_has_streams_of_its_own(world: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    counts = set()
    for rank in range(world):
        monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: world)
        mine = loader(tokens=100, batch_size=4, seq_len=3)
        counts.add(len(mine))
        seen += [int(row) for batch in mine for row in batch.rows.flatten()]
        whole = loader(tokens=100, batch_size=1, seq_len=7, training=False)
        rows = [int(row) for batch in whole for row in batch.rows.flatten()]
        assert rows == list(range(100)), "in evaluation each process reads everything"
    assert len(counts) == 1, "all processes take equally many steps"
    assert sorted(seen) == list(range(100 - 100 % (4 * world)))


def test_it_goes_on_in_mid_epoch_with_a_window_that_goes_on() -> None:
    one = iter(made := loader(tokens=40, batch_size=2, seq_len=3))
    next(one), next(one)
    other: ResumableLoader = loader(tokens=40, batch_size=2, seq_len=3)
    other.load_state_dict(made.state_dict())
    rest, wanted = list(other), list(one)
    assert [b.rows.tolist() for b in rest] == [b.rows.tolist() for b in wanted]
    assert all(batch.continues for batch in rest)
    assert not next(iter(other)).continues, "the next epoch begins anew"


def test_an_order_has_one_window_more_for_the_rest() -> None:
    assert [len(StreamOrder(100, 10, seq_len)) for seq_len in (3, 5, 10, 99)] == [4, 2, 1, 1]


@given(st.integers(1, 300), st.integers(1, 9), st.integers(1, 40), st.data())
def test_windows_that_begin_anywhere_still_follow_each_other(
    tokens: int, streams: int, seq_len: int, data: st.DataObject
) -> None:
    tokens = max(tokens, streams)
    jitter = data.draw(st.integers(0, (seq_len - 1) // 2))
    order = StreamOrder(tokens, streams, seq_len, jitter, seed=7)
    order.set_epoch(data.draw(st.integers(0, 3)))
    starts = [order.start(i) for i in range(len(order) + 1)]
    assert starts[0] == 0
    assert starts[-1] == order.steps
    for i, (start, end) in enumerate(pairwise(starts)):
        assert start < end, "no window is empty"
        assert abs(start - i * seq_len) <= jitter
    assert len(order) == len(StreamOrder(tokens, streams, seq_len))


def test_windows_are_drawn_by_seed_epoch_and_place() -> None:
    def starts(seed: int, epoch: int) -> list[int]:
        order = StreamOrder(tokens=1000, streams=2, seq_len=10, jitter=4, seed=seed)
        order.set_epoch(epoch)
        return [order.start(i) for i in range(len(order))]

    assert starts(0, 0) == starts(0, 0)
    assert starts(0, 0) != starts(0, 1)
    assert starts(0, 0) != starts(1, 0)
    assert len({b - a for a, b in pairwise(starts(0, 0))}) > 5


def test_a_batch_asks_for_a_rate_that_goes_with_its_steps() -> None:
    made = list(StreamLoader(ids_of(100), 100, 1, seq_len=10, training=True, jitter=4))
    assert [batch.lr_scale for batch in made] == [b.inputs.shape[1] / 10 for b in made]
    assert len({batch.lr_scale for batch in made}) > 3
    assert {batch.lr_scale for batch in loader(100, 1, 7)} == {1.0}


# Memory.

PREPARE = """
import os, re, sys
from pathlib import Path
from rnnlab.data.language_modeling import LanguageModelingDataModule

small, large, kinds = sys.argv[1], sys.argv[2], sys.argv[3:]
for tokens in kinds:
    if os.fork():
        assert os.wait()[1] == 0
        continue
    for path in (small, large):
        LanguageModelingDataModule(path=path, tokens=tokens).prepare_data()
        status = Path("/proc/self/status").read_text()
        print(tokens, int(re.search(r"RssAnon:\\s+(\\d+)", status)[1]) >> 10, flush=True)
    os._exit(0)
"""
# Nothing is given back to the system: the memory that is no part of a file is that of the peak.
# (The peak that the system counts begins with that of the parent process.)
KEEP_FREED = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_ARENA_MAX": "1",
    "PYTHONMALLOC": "malloc",
    "RAYON_NUM_THREADS": "1",  # of the library of byte pairs
}


def write_text(path: Path, megabytes: int) -> Path:
    """Lines of about 100 words, of 50,000 different ones, all of which are in each text."""
    random = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(50_000)])
    with path.open("w") as file:
        file.write("".join(" ".join(line) + "\n" for line in words.reshape(-1, 100)))
        chosen = words[(random.pareto(1.0, 300_000) * 5).astype(int) % len(words)]
        block = "".join(" ".join(line) + "\n" for line in chosen.reshape(-1, 100))
        while file.tell() < megabytes << 20:
            file.write(block)
    return path


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Texts of 4, 16 and 32 MB."""
    names = {"small.txt": 4, "medium.txt": 16, "large.txt": 32}

    def write_texts(folder: Path) -> None:
        for name, megabytes in names.items():
            write_text(folder / name, megabytes)

    folder = make_shared_folder(tmp_path_factory, "texts", write_texts)
    return [str(folder / name) for name in names]


def measure_growth(small: str, large: str, kinds: list[str], cache: Path) -> list[int]:
    """Return by how many MB a process grows from one text to the other, for kinds of tokens.

    Each kind in a fork of a process that has done the imports.
    """
    environment = {**os.environ, **KEEP_FREED, "RNNLAB_CACHE": str(cache)}
    command = [sys.executable, "-c", PREPARE, small, large, *kinds]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    used = [line.split() for line in done.stdout.splitlines()]
    assert [kind for kind, _ in used] == [kind for kind in kinds for _ in range(2)]
    return [int(b) - int(a) for (_, a), (_, b) in zip(used[::2], used[1::2], strict=True)]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_does_not_grow_with_the_text(texts: list[str], tmp_path: Path) -> None:
    small, _, large = texts
    growth = measure_growth(small, large, ["words", "characters"], tmp_path / "cache")
    assert max(growth) < 16, "MB more for a text of 32 MB than for one of 4 MB"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_of_byte_pairs_does_not_grow_with_the_text(texts: list[str], tmp_path: Path) -> None:
    """They take four times as long."""
    small, medium, _ = texts
    (growth,) = measure_growth(small, medium, ["bpe"], tmp_path / "cache")
    assert growth < 6, "MB more for a text of 16 MB than for one of 4 MB"
