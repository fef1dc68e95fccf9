"""A linear model on word n-grams: what a recurrent network on texts must beat to be worth it.

NB-SVM (Wang & Manning, 2012, https://aclanthology.org/P12-2018) with the logistic loss, so that it
has probabilities: whether a word or a pair of words stands in a text, weighted by its log-count
ratio between the class and the rest.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.text.tokens import SPECIAL, Ragged, index_tokens, tokenize

LINEAR_VERSION = 1  # raise it when the predictions change
MAX_LINEAR_CLASSES = 50  # a fit each
INVERSE_PENALTY = 1.0  # C; fixed, so that no split but training has a say
Floats = NDArray[np.float64]


def linear_is_installed() -> bool:
    """Whether scikit-learn is there."""
    return importlib.util.find_spec("sklearn") is not None


def linear_probabilities(
    texts: Mapping[str, Sequence[str]],
    labels: NDArray[Any],
    classes: int,
    cut: Callable[[str], list[str]] = tokenize,
) -> dict[str, Floats]:
    """Fit on the training split alone, and say the probability of each class, (N, classes).

    Args:
        texts: split -> its texts; "train" is among them.
        labels: of the training split, (N,).
        classes: how many there are.
        cut: makes words of a text.

    Returns:
        Of every split but training.
    """
    ragged, words = index_tokens(texts, cut=cut)
    codes = {split: ngrams(part, len(words) + SPECIAL) for split, part in ragged.items()}
    known = np.unique(codes["train"][1])
    inputs = {
        split: indicators(rows, found, known, len(texts[split]))
        for split, (rows, found) in codes.items()
    }
    members = range(classes) if classes > 2 else [1]  # of two, one is the rest of the other
    held_out = [split for split in texts if split != "train"]
    chances: dict[str, list[Floats]] = {split: [] for split in held_out}
    for member in members:
        found = one_against_rest(inputs, labels == member, held_out)
        for split in held_out:
            chances[split].append(found[split])
    return {split: normalised(columns) for split, columns in chances.items()}


def ngrams(texts: Ragged, size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and code of every known word and every pair of known neighbours.

    Args:
        texts: ids of words; those below SPECIAL are not known.
        size: of the vocabulary. A word's code is its id, that of a pair is above all of those.
    """
    ids, rows = (
        texts.values.astype(np.int64),
        np.repeat(np.arange(len(texts.lengths)), texts.lengths),
    )
    single = ids >= SPECIAL
    pairs = single[:-1] & single[1:] & (rows[:-1] == rows[1:])
    codes = (ids[:-1] * size + ids[1:])[pairs]
    return np.concatenate([rows[single], rows[:-1][pairs]]), np.concatenate([ids[single], codes])


def indicators(
    rows: NDArray[np.int64], codes: NDArray[np.int64], known: NDArray[np.int64], count: int
) -> Any:
    """A sparse matrix (count, known) that is one where the text has the n-gram."""
    from scipy.sparse import csr_matrix

    positions = np.searchsorted(known, codes).clip(max=max(len(known) - 1, 0))
    there = known[positions] == codes
    shape = (count, len(known))
    matrix = csr_matrix((np.ones(there.sum()), (rows[there], positions[there])), shape=shape)
    matrix.data[:] = 1.0
    return matrix


def one_against_rest(
    inputs: Mapping[str, Any], belongs: NDArray[np.bool_], held_out: Sequence[str]
) -> dict[str, Floats]:
    """The chance that each text of the held-out splits is of one class, (N,)."""
    from sklearn.linear_model import LogisticRegression

    if belongs.all() or not belongs.any():
        return {split: np.full(inputs[split].shape[0], belongs.mean()) for split in held_out}
    train = inputs["train"]
    inside, outside = (1 + train[rows].sum(axis=0).A1 for rows in (belongs, ~belongs))
    ratio = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    model = LogisticRegression(C=INVERSE_PENALTY, solver="liblinear", random_state=0)
    model.fit(train.multiply(ratio).tocsr(), belongs)
    return {
        split: model.predict_proba(inputs[split].multiply(ratio).tocsr())[:, 1]
        for split in held_out
    }


def normalised(columns: Sequence[Floats]) -> Floats:
    """The chances of the classes, each against the rest, as probabilities (N, classes)."""
    if len(columns) == 1:  # of two classes the second one
        return np.stack([1 - columns[0], columns[0]], axis=1)
    chances = np.stack(columns, axis=1).clip(min=1e-12)
    shares: Floats = chances / chances.sum(axis=1, keepdims=True)
    return shares
