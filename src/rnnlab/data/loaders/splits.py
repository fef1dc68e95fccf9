"""Seeded random splits that keep groups together."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.spec import Ints


def split_by_group(
    groups: Sequence[Any] | NDArray[Any], sizes: Mapping[str, int], seed: int
) -> dict[str, Ints]:
    """Draw splits of exact sizes such that no group is in two of them.

    Groups are shuffled and assigned to the splits in the order of `sizes`. A group that does not
    fit into a split is assigned to a later one. The remaining rows are "train".

    Args:
        groups: group of each row, such as the movie of a review; rows of a group stay together.
        sizes: rows of each split besides "train".
        seed: of the shuffle, independent of the seed of the run.

    Returns:
        Sorted rows of each split. A split is smaller than its size only if no remaining group fits.
    """
    codes = number_groups(groups)
    members = np.argsort(codes, kind="stable")
    counts = np.bincount(codes)
    owner = np.full(len(counts), -1)
    room = np.array(list(sizes.values()))
    for group in np.random.default_rng(seed).permutation(len(counts)):
        if not room.any():
            break
        fits = np.flatnonzero(room >= counts[group])
        if len(fits):
            owner[group] = fits[0]
            room[fits[0]] -= counts[group]
    rows = np.repeat(owner, counts)
    rows_of = {name: np.sort(members[rows == i]) for i, name in enumerate(sizes)}
    return {"train": np.sort(members[rows == -1]), **rows_of}


def number_groups(groups: Sequence[Any] | NDArray[Any]) -> Ints:
    """Return the number of the group of each row; groups are numbered in sorted order."""
    if isinstance(groups, np.ndarray):
        return np.unique(groups, return_inverse=True)[1]
    order = {group: code for code, group in enumerate(sorted(set(groups)))}
    return np.array([order[group] for group in groups], dtype=np.int64)


def stratified_split(
    groups: Sequence[Any] | NDArray[Any],
    labels: Sequence[Any],
    shares: Mapping[str, float],
    seed: int,
) -> dict[str, Ints]:
    """Draw splits with the same mix of labels such that no group is in two of them.

    Groups are shuffled and sorted by size, large ones first. Each is assigned to the split that
    lacks most rows with the label of its first row (as in scikit-learn's StratifiedGroupKFold).
    The shares are positive and relative to their sum; see split_by_group for the others.
    """
    codes = number_groups(groups)
    kinds = np.unique(np.asarray(labels, dtype=str), return_inverse=True)[1]
    first = np.unique(codes, return_index=True)[1]  # row of each group
    counts = np.bincount(codes)
    parts = np.array(list(shares.values())) / sum(shares.values())
    missing = np.bincount(kinds)[:, None] * parts  # (labels, splits), rows to assign
    shuffled_groups = np.random.default_rng(seed).permutation(len(counts))
    owner = np.empty(len(counts), dtype=np.int64)
    for group in shuffled_groups[np.argsort(-counts[shuffled_groups], kind="stable")]:
        rows = missing[kinds[first[group]]]
        owner[group] = rows.argmax()
        rows[owner[group]] -= counts[group]
    return {name: np.flatnonzero(owner[codes] == i) for i, name in enumerate(shares)}
