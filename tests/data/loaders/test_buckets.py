import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.data.loaders.buckets import BatchLoader, ShuffledOrder, SortedOrder
from rnnlab.spec import Batch

some_lengths = st.lists(st.integers(1, 30), min_size=1, max_size=60)
batch_sizes = st.integers(1, 12)
worlds = st.integers(1, 4)


def gather(rows):
    rows = torch.from_numpy(rows)
    return Batch(rows, torch.ones_like(rows), rows, rows)


def shuffled(lengths=range(1, 41), batch_size=3, seed=0, shuffle=True, epoch=0):
    order = ShuffledOrder(np.array(lengths), batch_size, seed, shuffle)
    order.set_epoch(epoch)
    return order


def training(epoch=0, **settings):
    return BatchLoader(shuffled(epoch=epoch, **settings), gather, training=True)


def evaluation(lengths=range(1, 41), batch_size=3):
    return BatchLoader(SortedOrder(np.array(lengths), batch_size), gather, training=False)


def on_rank(loader, rank, world):
    loader.rank, loader.world = rank, world
    return loader


def rows_of(batches):
    return [batch.rows.tolist() for batch in batches]


def flat(batches):
    return [row for batch in batches for row in batch]


@given(lengths=some_lengths, batch_size=batch_sizes, epoch=st.integers(0, 3))
def test_training_reads_every_row_once_an_epoch(lengths, batch_size, epoch):
    loader = training(epoch, lengths=lengths, batch_size=batch_size)
    batches = rows_of(loader)
    assert sorted(flat(batches)) == list(range(len(lengths)))
    assert len(batches) == len(loader) == len(loader.sampler)
    assert sorted(map(len, batches))[1:] == [batch_size] * (len(batches) - 1)


@given(lengths=some_lengths, batch_size=batch_sizes)
def test_evaluation_reads_every_row_once_the_short_ones_first(lengths, batch_size):
    loader = evaluation(lengths, batch_size)
    batches = rows_of(loader)
    rows = flat(batches)
    assert sorted(rows) == list(range(len(lengths)))
    assert [lengths[row] for row in rows] == sorted(lengths)
    assert len(batches) == len(loader)
    assert [len(batch) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)


def test_the_order_is_a_function_of_seed_and_epoch():
    def order(**given):
        return rows_of(training(**given))

    assert order(seed=1, epoch=2) == order(seed=1, epoch=2)
    assert order(seed=1, epoch=2) != order(seed=1, epoch=3)
    assert order(seed=1, epoch=2) != order(seed=2, epoch=2)
    assert order(seed=1, epoch=2) != order(seed=2, epoch=1)


def test_another_epoch_makes_other_batches_not_only_another_order_of_them():
    one, two = (
        {frozenset(b) for b in rows_of(training(epoch, lengths=[5] * 40))} for epoch in (0, 1)
    )
    assert one != two


def test_the_order_draws_nothing_from_the_global_state():
    np.random.seed(0)
    torch.manual_seed(0)
    one = rows_of(training())
    np.random.seed(1)
    torch.manual_seed(1)
    assert rows_of(training()) == one


def test_without_shuffling_all_epochs_are_the_same():
    one, two = (rows_of(training(epoch, shuffle=False)) for epoch in (0, 1))
    assert one == two


def test_one_loader_goes_through_its_epochs():
    loader = training()
    epochs = []
    for epoch in range(3):
        loader.sampler.set_epoch(epoch)
        epochs.append(rows_of(loader))
    assert epochs == [rows_of(training(epoch)) for epoch in range(3)]


# Resuming.


@pytest.mark.parametrize("read", [0, 1, 7, 13])
def test_a_state_gives_exactly_the_remaining_batches(read):
    loader = training(epoch=2)
    batches = iter(loader)
    for _ in range(read):
        next(batches)
    state = loader.state_dict()

    other = training(epoch=2)
    other.load_state_dict(state)
    assert rows_of(other) == rows_of(training(epoch=2))[read:]
    other.sampler.set_epoch(3)
    assert rows_of(other) == rows_of(training(epoch=3))


def test_a_resumed_loader_knows_where_it_stands_before_its_first_batch():
    loader = training()
    loader.load_state_dict({"epoch": 0, "batch": 5})
    assert loader.state_dict() == {"epoch": 0, "batch": 5}
    next(iter(loader))
    assert loader.state_dict() == {"epoch": 0, "batch": 6}


def test_a_state_is_a_copy():
    loader = training()
    state = loader.state_dict()
    next(iter(loader))
    assert state == {"epoch": 0, "batch": 0}


def test_the_state_of_a_finished_epoch_starts_from_the_beginning():
    loader = training(epoch=2)
    list(loader)
    finished = loader.state_dict()
    for epoch in (2, 3):
        other = training(epoch)
        other.load_state_dict(finished)
        assert rows_of(other) == rows_of(training(epoch))


def test_the_state_after_the_last_batch_starts_from_the_beginning():
    loader = training(epoch=2)
    batches = iter(loader)
    for _ in range(len(loader)):  # Lightning knows the length and never asks for one more
        next(batches)
    other = training(epoch=2)
    other.load_state_dict(loader.state_dict())
    assert len(list(other)) == len(loader)


def test_the_state_of_another_epoch_starts_from_the_beginning():
    loader = training(epoch=3)
    loader.load_state_dict({"epoch": 2, "batch": 5})
    assert rows_of(loader) == rows_of(training(epoch=3))


@pytest.mark.parametrize("make", [training, evaluation])
def test_an_epoch_that_was_left_early_does_not_shorten_the_next(make):
    loader = make()
    batches = iter(loader)
    next(batches)
    next(batches)  # as Lightning's sanity check does
    assert rows_of(loader) == rows_of(make())


# Ranks.


@given(lengths=some_lengths, batch_size=batch_sizes, world=worlds)
def test_training_ranks_take_equally_many_batches_and_cover_everything(lengths, batch_size, world):
    ranks = [
        on_rank(training(lengths=lengths, batch_size=batch_size), rank, world)
        for rank in range(world)
    ]
    batches = [rows_of(rank) for rank in ranks]
    assert len({len(rank) for rank in batches}) == 1
    assert [len(rank) for rank in ranks] == [len(rank) for rank in batches]
    in_turn = [batch for round_ in zip(*batches, strict=True) for batch in round_]
    alone = rows_of(training(lengths=lengths, batch_size=batch_size))
    assert in_turn[: len(alone)] == alone
    assert len(in_turn) - len(alone) < world  # no more than the last round is filled


@given(lengths=some_lengths, batch_size=batch_sizes, world=worlds)
def test_evaluation_ranks_read_every_row_exactly_once(lengths, batch_size, world):
    ranks = [on_rank(evaluation(lengths, batch_size), rank, world) for rank in range(world)]
    batches = [rows_of(rank) for rank in ranks]
    assert [len(rank) for rank in ranks] == [len(rank) for rank in batches]
    assert sorted(row for rank in batches for row in flat(rank)) == list(range(len(lengths)))


def test_a_state_holds_on_every_rank():
    loaders = [on_rank(training(), rank, 2) for rank in range(2)]
    whole = [rows_of(loader) for loader in loaders]
    for loader, batches in zip(loaders, whole, strict=True):
        loader.load_state_dict({"epoch": 0, "batch": 4})
        assert rows_of(loader) == batches[4:]


# Buckets.


def padding_share(lengths, batches):
    read = sum(len(batch) * max(lengths[batch]) for batch in batches)
    return 1 - sum(lengths) / read


def test_buckets_need_far_less_padding_than_random_batches():
    random = np.random.default_rng(0)
    lengths = random.lognormal(5, 0.7, 4000).astype(int) + 1
    unsorted = np.split(random.permutation(4000), range(32, 4000, 32))
    bucketed = shuffled(lengths, batch_size=32).batches()
    assert padding_share(lengths, unsorted) > 0.5
    assert padding_share(lengths, bucketed) < 0.1
    assert padding_share(lengths, SortedOrder(lengths, 32).batches()) < 0.05


def test_batches_of_one_length_are_shuffled_too():
    lengths = np.sort(np.random.default_rng(0).integers(1, 100, 4000))
    longest = [max(lengths[batch]) for batch in shuffled(lengths, batch_size=32).batches()]
    assert abs(np.corrcoef(longest, range(len(longest)))[0, 1]) < 0.3
