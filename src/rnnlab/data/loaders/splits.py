"""Who goes into training, validation and test: seeded, and whole groups together."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def split_by_group(
    groups: Sequence[Any] | NDArray[Any], sizes: Mapping[str, int], seed: int
) -> dict[str, Rows]:
    """Draw splits of exact sizes such that no group stands in two of them.

    Groups are shuffled and dealt to the splits in the order of `sizes`; one that would overfill a
    split is left for a later one. What no split took goes to "train".

    Args:
        groups: the group of each row, such as a review's movie; rows of a group stay together.
        sizes: rows of each split beside "train".
        seed: of the shuffle; the run's own seed has no say in what is evaluated.

    Returns:
        Sorted rows of each split. A split is short of its size only if the groups left do not fit.
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
    chosen = {name: np.sort(members[rows == i]) for i, name in enumerate(sizes)}
    return {"train": np.sort(members[rows == -1]), **chosen}


def number_groups(groups: Sequence[Any] | NDArray[Any]) -> Rows:
    """The number of each row's group, in the order of their names; of an array without a loop."""
    if isinstance(groups, np.ndarray):
        return np.unique(groups, return_inverse=True)[1]
    order = {group: code for code, group in enumerate(sorted(set(groups)))}
    return np.array([order[group] for group in groups], dtype=np.int64)


def stratified_split(
    groups: Sequence[Any], labels: Sequence[Any], shares: Mapping[str, float], seed: int
) -> dict[str, Rows]:
    """Draw splits that have the same mix of labels, and such that no group stands in two of them.

    Groups are shuffled, large ones come first, and each goes to the split that lacks most of the
    label of the group's first row (as in scikit-learn's StratifiedGroupKFold).

    Args:
        groups: the group of each row; rows of a group stay together.
        labels: of each row.
        shares: of each split, positive; they are taken relative to their sum.
        seed: of the shuffle; the run's own seed has no say in what is evaluated.

    Returns:
        Sorted rows of each split.
    """
    codes = number_groups(groups)
    kinds = np.unique(np.asarray(labels, dtype=str), return_inverse=True)[1]
    first = np.unique(codes, return_index=True)[1]  # row of each group
    counts = np.bincount(codes)
    parts = np.array(list(shares.values())) / sum(shares.values())
    lacking = np.bincount(kinds)[:, None] * parts  # (labels, splits), rows that are to come
    drawn = np.random.default_rng(seed).permutation(len(counts))
    owner = np.empty(len(counts), dtype=np.int64)
    for group in drawn[np.argsort(-counts[drawn], kind="stable")]:
        wants = lacking[kinds[first[group]]]
        owner[group] = wants.argmax()
        wants[owner[group]] -= counts[group]
    return {name: np.flatnonzero(owner[codes] == i) for i, name in enumerate(shares)}
