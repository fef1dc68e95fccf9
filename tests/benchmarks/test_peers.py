"""The job of a comparison of libraries, and the networks of PyTorch."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from benchmarks.libraries import PEERS, REVIEWS, check_parameters, write_job
from benchmarks.peers.job import Job, Sizes, read_job, validation_folder
from benchmarks.peers.pace import spread_lengths
from benchmarks.peers.torch_reviews import Classifier, batches_of
from benchmarks.runs import Settings

from rnnlab.data.loaders.buckets import ShuffledOrder
from tests.helpers.configs import small_imdb

SIZES = {
    "num_tokens": 20,
    "embedding_size": 3,
    "hidden_size": 4,
    "output_size": 2,
    "batch_size": 2,
    "steps": 5,
    "lr": 1e-3,
    "threads": 1,
}


@pytest.fixture
def job(tmp_path):
    """Six reviews of one to six tokens, of which two have one label."""

    offsets = np.cumsum([0, 1, 2, 3, 4, 5, 2])
    tokens = np.arange(1, 18, dtype=np.int32)
    Job(Sizes(**SIZES), tokens, offsets, np.array([0, 1, 0, 1, 0, 1])).write(tmp_path)
    return read_job(tmp_path)


def test_a_review_is_padded_at_its_beginning(job):
    assert job.padded(np.array([1, 4])).tolist() == [[0, 0, 0, 2, 3], [11, 12, 13, 14, 15]]


def test_blocks_are_whole_batches_of_all_reviews(job):
    blocks = job.blocks(1)
    epoch = np.concatenate([next(blocks) for _ in range(3)])
    assert sorted(epoch.tolist()) == [0, 1, 2, 3, 4, 5]
    assert len(next(job.blocks(2))) == 4


def test_windows_continue_each_stream_and_predict_the_next_token(job):
    text = replace(job, sizes=replace(job.sizes, steps=3))
    windows = text.windows()
    (first, targets), (second, _), (again, _) = next(windows), next(windows), next(windows)
    assert first.tolist() == [[1, 2, 3], [9, 10, 11]]
    assert targets.tolist() == [[2, 3, 4], [10, 11, 12]]
    assert second.tolist() == [[4, 5, 6], [12, 13, 14]]
    assert (again == first).all()


def test_packed_and_padded_networks_agree_and_have_the_parameters_of_the_job(job):
    packed, padded = Classifier(job.sizes, packed=True), Classifier(job.sizes, packed=False)
    padded.load_state_dict(packed.state_dict())
    assert sum(p.numel() for p in packed.parameters()) == job.sizes.parameters
    (tokens, lengths, labels), *others = batches_of(job, np.arange(6))
    assert len(others) == 2
    assert labels.tolist() == [0, 1]
    assert torch.allclose(packed(tokens, lengths), padded(tokens, lengths), atol=1e-6)


def test_our_reviews_are_those_of_the_other_programs(tmp_path):
    reviews = small_imdb(tmp_path)
    words = [f"data.{name}={value}" for name, value in reviews.items()]
    sizes = write_job("reviews", (*REVIEWS, *words), Settings(), tmp_path)
    written = read_job(tmp_path)
    assert sizes.steps == reviews["seq_len"]
    assert len(written.labels) == len(written.offsets) - 1 == 80
    longest = max(len(written.review(row)) for row in range(80))
    assert longest == reviews["seq_len"]
    assert written.tokens.max() < sizes.num_tokens
    assert len(read_job(validation_folder(tmp_path)).labels) == 10


def test_networks_of_different_sizes_are_not_compared(job):
    right, wrong = (SimpleNamespace(parameters=job.sizes.parameters + i) for i in (0, 1))
    check_parameters(PEERS[0], job.sizes, right, right)
    with pytest.raises(ValueError, match="parameters instead of"):
        check_parameters(PEERS[0], job.sizes, right, wrong)


def test_blocks_of_a_run_have_short_and_long_sequences():
    lengths = np.random.default_rng(0).integers(10, 400, 640)
    order = ShuffledOrder(lengths, 8, seed=0)
    before = sorted(map(tuple, order.batches()))
    spread_lengths(SimpleNamespace(order=order), 8)
    batches = order.batches()
    assert sorted(map(tuple, batches)) == before
    longest = [lengths[rows].max() for rows in batches]
    means = [np.mean(longest[start : start + 8]) for start in range(0, 80, 8)]
    assert max(means) / min(means) < 1.25
