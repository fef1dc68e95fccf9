"""Seeded random splits that keep groups together."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.spec import Ints

Floats = NDArray[np.float64]
ROUNDING_ERROR = 1e-6  # of sums of shares
TIE_BREAK = 1e-3  # remainders that differ by less are equal
MARGIN_STEPS = 50
SMALLEST_SUM = 0.01  # of a column, which keeps a row whose numbers are all in full columns


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

    Groups of several rows are shuffled and sorted by size, large ones first. Each is assigned to
    the split that lacks most rows, of its labels and in total. The other rows fill the splits:
    every split has the size and the rows of every label that its share asks for, rounded up or
    down, unless groups prevent it. Ties are broken by the seed.
    The shares are positive and relative to their sum; see split_by_group for the others.
    """
    random = np.random.default_rng(seed)
    codes = number_groups(groups)
    kinds = number_groups(labels)
    counts, parts = np.bincount(kinds), np.array(list(shares.values())) / sum(shares.values())
    missing = counts[:, None] * parts  # (labels, splits), rows to assign
    owner = np.full(len(codes), -1)
    for members in _shuffle_large_groups(codes, random):
        labels_of, sizes = np.unique(kinds[members], return_counts=True)
        need = sizes @ missing[labels_of] + len(members) * missing.sum(axis=0)
        best = random.choice(np.flatnonzero(np.isclose(need, need.max())))
        owner[members] = best
        missing[labels_of, best] -= sizes
    singles = random.permutation(np.flatnonzero(owner == -1))
    singles = singles[np.argsort(kinds[singles], kind="stable")]
    rows = np.bincount(kinds[singles], minlength=len(counts))
    table = round_table(fit_margins(missing, rows), random)
    owner[singles] = np.repeat(np.tile(np.arange(len(parts)), len(counts)), table.ravel())
    return {name: np.flatnonzero(owner == i) for i, name in enumerate(shares)}


def _shuffle_large_groups(codes: Ints, random: np.random.Generator) -> list[Ints]:
    """Return the rows of each group of two and more, in random order but the largest first."""
    sizes = np.bincount(codes)
    rows, starts = np.argsort(codes, kind="stable"), np.cumsum(sizes) - sizes
    shuffled = random.permutation(len(sizes))
    large = shuffled[sizes[shuffled] > 1]
    order = large[np.argsort(-sizes[large], kind="stable")]
    return [rows[starts[group] : starts[group] + sizes[group]] for group in order]


def fit_margins(table: Floats, rows: Ints) -> Floats:
    """Return a table (R, C) without negative numbers whose rows have these sums, (R,).

    The sums of its columns are those of `table` if possible, and it is `table` itself if that has
    these sums (iterative proportional fitting).
    """
    columns = table.sum(axis=0).clip(min=SMALLEST_SUM)
    product = table.clip(min=0)
    for _ in range(MARGIN_STEPS):
        sums = product.sum(axis=0)
        product = product * np.divide(columns, sums, out=np.ones_like(sums), where=sums > 0)
        sums = product.sum(axis=1)
        product = product * np.divide(rows, sums, out=np.zeros_like(sums), where=sums > 0)[:, None]
    return product


def round_table(table: Floats, random: np.random.Generator) -> Ints:
    """Round a table (R, C) whose rows have whole sums, which stay as they are.

    Each number and the sum of each column is rounded up or down. Those with the largest remainders
    are rounded up, columns first. Equal remainders are chosen by `random`.
    """
    from scipy.optimize import linprog
    from scipy.sparse import eye_array, hstack, kron, vstack

    whole = np.floor(table + ROUNDING_ERROR).astype(np.int64)
    rest = (table - whole).clip(min=0)
    height, width = table.shape
    sums = rest.sum(axis=0)
    by_row = kron(eye_array(height), np.ones((1, width)))
    by_column = kron(np.ones((1, height)), eye_array(width))
    # Variables: whether each number is rounded up, then whether the sum of each column is.
    ones = vstack(
        [hstack([by_row, np.zeros((height, width))]), hstack([by_column, -eye_array(width)])]
    )
    whole_sums = np.floor(sums + ROUNDING_ERROR)
    gain = np.concatenate([rest.ravel(), 2 * height * (sums - whole_sums)])
    noise = TIE_BREAK * random.random(len(gain))
    targets = [np.rint(rest.sum(axis=1)), whole_sums]
    up = linprog(-gain - noise, A_eq=ones, b_eq=np.concatenate(targets), bounds=(0, 1)).x
    result: Ints = whole + np.rint(up[: height * width]).astype(np.int64).reshape(table.shape)
    return result
