import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.data.loaders.splits import split_by_group, stratified_split

some_groups = st.lists(st.sampled_from("abcdefghij"), min_size=1, max_size=60)
some_sizes = st.fixed_dictionaries({"val": st.integers(0, 20), "test": st.integers(0, 20)})
seeds = st.integers(0, 5)


def plain(splits):
    return {name: rows.tolist() for name, rows in splits.items()}


@given(groups=some_groups, sizes=some_sizes, seed=seeds)
def test_every_row_is_in_one_split_and_every_group_too(groups, sizes, seed):
    splits = split_by_group(groups, sizes, seed)
    assert set(splits) == {"train", "val", "test"}
    assert sorted(np.concatenate(list(splits.values()))) == list(range(len(groups)))
    members = [{groups[row] for row in rows} for rows in splits.values()]
    assert sum(map(len, members)) == len(set(groups))
    assert all(rows.tolist() == sorted(rows.tolist()) for rows in splits.values())


@given(groups=some_groups, sizes=some_sizes, seed=seeds)
def test_a_split_is_short_only_if_no_group_that_is_left_fits(groups, sizes, seed):
    splits = split_by_group(groups, sizes, seed)
    left = {groups[row] for row in splits["train"]}
    for name, size in sizes.items():
        room = size - len(splits[name])
        assert room >= 0
        assert all(groups.count(group) > room for group in left)


@given(count=st.integers(1, 80), val=st.integers(0, 20), test=st.integers(0, 20), seed=seeds)
def test_groups_of_one_give_exact_sizes(count, val, test, seed):
    splits = split_by_group(range(count), {"val": val, "test": test}, seed)
    taken = min(val, count)
    assert len(splits["val"]) == taken
    assert len(splits["test"]) == min(test, count - taken)


def test_some_large_groups_do_not_spoil_exact_sizes():
    groups = ["large"] * 150 + ["small"] * 7 + [f"single {i}" for i in range(300)]
    for seed in range(10):
        splits = split_by_group(groups, {"val": 50, "test": 40}, seed)
        assert len(splits["val"]) == 50
        assert len(splits["test"]) == 40


def test_a_split_is_a_function_of_its_seed():
    groups, sizes = list(range(100)), {"val": 10}
    assert plain(split_by_group(groups, sizes, 3)) == plain(split_by_group(groups, sizes, 3))
    assert plain(split_by_group(groups, sizes, 3)) != plain(split_by_group(groups, sizes, 4))


def test_the_names_of_groups_do_not_matter_beyond_their_order():
    sizes = {"val": 2, "test": 1}
    numbers = split_by_group([1, 1, 2, 3, 4, 4, 5], sizes, 0)
    letters = split_by_group(list("aabcdde"), sizes, 0)
    assert plain(numbers) == plain(letters)


def test_without_sizes_all_is_training():
    assert plain(split_by_group(list("abc"), {}, 0)) == {"train": [0, 1, 2]}


def test_long_texts_as_groups_need_little_memory():
    # An array of fixed-width text would take 4 bytes x the longest x all: 8 GB here.
    groups = ["long " * 200_000, *(f"text {i}" for i in range(2000))]
    assert len(split_by_group(groups, {"val": 200}, 0)["val"]) == 200


some_rows = st.lists(st.tuples(st.integers(0, 9), st.sampled_from("ab")), min_size=1, max_size=60)


@given(some_rows, st.integers(2, 5), st.integers(0, 3))
def test_stratified_splits_hold_every_row_once_and_whole_groups(rows, count, seed):
    groups, labels = zip(*rows, strict=True)
    shares = {str(i): 1.0 for i in range(count)}
    found = stratified_split(groups, labels, shares, seed)
    assert sorted(row for part in found.values() for row in part) == list(range(len(rows)))
    owners = [{groups[row] for row in part} for part in found.values()]
    assert sum(map(len, owners)) == len(set.union(*owners))


@pytest.mark.parametrize("seed", range(3))
def test_stratified_splits_have_the_shares_of_every_label(seed):
    labels = ["ham"] * 870 + ["spam"] * 130
    found = stratified_split(range(1000), labels, {"train": 0.8, "val": 0.1, "test": 0.1}, seed)
    spam = {name: sum(labels[row] == "spam" for row in rows) for name, rows in found.items()}
    assert {name: len(rows) for name, rows in found.items()} == {
        "train": 800,
        "val": 100,
        "test": 100,
    }
    assert spam == {"train": 104, "val": 13, "test": 13}


def test_stratified_splits_hang_on_their_seed_alone():
    labels = [i % 2 for i in range(50)]
    one, same, other = (
        stratified_split(range(50), labels, {"a": 1, "b": 1}, seed)["a"].tolist()
        for seed in (0, 0, 1)
    )
    assert one == same != other


some_labels = st.lists(st.integers(0, 12), min_size=4, max_size=200)


@given(labels=some_labels, seed=seeds, val=st.sampled_from([0.05, 0.1, 0.25]))
def test_single_rows_give_sizes_and_labels_rounded_up_or_down(labels, seed, val):
    shares = {"train": 0.9 - val, "val": val, "test": 0.1}
    splits = stratified_split(range(len(labels)), labels, shares, seed)
    labels = np.array(labels)
    for name, share in shares.items():
        assert abs(len(splits[name]) - share * len(labels)) < 1
        for label in np.unique(labels):
            wanted = share * (labels == label).sum()
            assert abs((labels[splits[name]] == label).sum() - wanted) < 1 + 1e-6


def test_ties_go_to_no_split_in_particular():
    labels = [i // 3 for i in range(9)]  # 3 rows for 2 splits: which one gets 5?
    larger = [len(stratified_split(range(9), labels, {"a": 1, "b": 1}, s)["a"]) for s in range(40)]
    assert set(larger) == {4, 5}
    assert 10 < larger.count(5) < 30


@pytest.mark.parametrize(("size", "spread"), [(2, 0), (3, 3)])
def test_groups_of_small_classes_do_not_all_go_to_training(size, spread):
    groups, labels = np.arange(600) // size, np.arange(600) // 6
    found = stratified_split(groups, labels, {"train": 0.8, "val": 0.1, "test": 0.1}, 0)
    assert abs(len(found["val"]) - len(found["test"])) <= spread
    assert 50 <= len(found["val"]) <= 70
    folds = stratified_split(groups, labels, {str(i): 1.0 for i in range(5)}, 0)
    assert max(map(len, folds.values())) - min(map(len, folds.values())) <= size


def test_single_rows_restore_the_sizes_that_large_groups_change():
    groups = ["large"] * 30 + [f"single {i}" for i in range(170)]
    labels = [i % 2 for i in range(200)]
    found = stratified_split(groups, labels, {str(i): 1.0 for i in range(10)}, 0)
    assert sorted(map(len, found.values())) == [18, *[19] * 8, 30]
