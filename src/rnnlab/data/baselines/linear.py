"""Linear text classifier on n-grams, the baseline of recurrent text classifiers.

NB-SVM (Wang & Manning, 2012, https://aclanthology.org/P12-2018) with logistic loss, which gives
probabilities. The features are binary: a word or a pair of neighbouring words occurs in the text or
not; up to four neighbouring characters, if the network reads characters. Each feature is weighted
by its log-count ratio between the class and the other classes.

The n-grams are counted here, and not by scikit-learn's CountVectorizer, which gives the same
columns: it needs twice the time and so much memory that a small run exceeds 1 GB.
"""

import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.baselines.ngrams import unigram
from rnnlab.data.text.ragged import RaggedArray
from rnnlab.data.text.tokenizers import TextTokens
from rnnlab.data.text.vocabulary import NUM_CLASSIFICATION_SPECIALS
from rnnlab.runtime.allocator import release_freed_memory
from rnnlab.spec import Array

LINEAR_VERSION = 3  # increase it when the predictions change
MAX_LINEAR_BYTES = 80_000_000  # of all texts; the fit needs about ten times as much memory
MAX_LINEAR_FITS = 50  # of so many bytes, one for each class; about 7 minutes
NGRAM_LENGTHS: dict[TextTokens, int] = {"words": 2, "shapes": 2, "characters": 4}
CHARACTER_COST = 10  # n-grams of characters, for each n-gram of words of the same text
BLOCK_TEXTS = 1000  # whose n-grams are added to those of the training split at once
INVERSE_PENALTY = 1.0  # C; fixed, so that only the training split influences the model


def linear_is_installed() -> bool:
    """Return whether scikit-learn is installed."""
    return importlib.util.find_spec("sklearn") is not None


def explain_missing_baseline(classes: int, num_bytes: int, tokens: TextTokens) -> str:
    """Return why there is no linear baseline for texts of this size; empty if there is one."""
    if not linear_is_installed():
        return "it needs scikit-learn: pip install 'rnnlab[linear]'"
    cost = CHARACTER_COST if tokens == "characters" else 1
    size = f"{num_bytes / 1e6:,.0f} MB of text"
    if num_bytes * cost > MAX_LINEAR_BYTES:
        return f"{size} are more than {MAX_LINEAR_BYTES / cost / 1e6:,.0f} MB"
    if num_bytes * cost * classes > MAX_LINEAR_BYTES * MAX_LINEAR_FITS:
        return f"{classes:,} classes take too long with {size}"
    return ""


@dataclass(frozen=True)
class NgramSets:
    """The different n-grams of each text, as a sparse matrix (N, num_ngrams) of ones.

    Attributes:
        indices: columns of all texts, one text after the other, (total,).
        offsets: start of each text, and end of the last one, (N + 1,).
        num_ngrams: of the training split.
    """

    indices: NDArray[np.int32]
    offsets: NDArray[np.int32]
    num_ngrams: int

    def count(self, rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the number of these texts with each n-gram, (num_ngrams,)."""
        chosen = self.indices[np.repeat(rows, np.diff(self.offsets))]
        return np.bincount(chosen, minlength=self.num_ngrams)

    def weigh(self, weights: Array) -> Any:
        """Return the sparse matrix with a weight for each n-gram; it shares the indices."""
        from scipy.sparse import csr_matrix

        shape = len(self.offsets) - 1, self.num_ngrams
        return csr_matrix((weights[self.indices], self.indices, self.offsets), shape=shape)


def linear_probabilities(
    texts: Mapping[str, RaggedArray],
    vocabulary: Sequence[str],
    labels: NDArray[Any],
    num_classes: int,
    tokens: TextTokens = "words",
    report: Callable[[float], None] = lambda share: None,
) -> dict[str, Array]:
    """Fit on the training split and predict class probabilities for the other splits.

    Args:
        texts: ids of all tokens of each split, see `encode_splits`.
        vocabulary: tokens of these ids; all tokens of the training split.
        labels: classes of the training texts, (N,).
        num_classes: of `labels`.
        tokens: that the network reads.
        report: receives the share of the classes that are fitted, 0..1.

    Returns:
        split -> probabilities (N, num_classes), for every split except "train".
    """
    sets = find_ngrams(texts, vocabulary, NGRAM_LENGTHS[tokens])
    release_freed_memory()  # many small blocks, which do not hold what follows
    train = sets.pop("train")
    classes = range(num_classes) if num_classes > 2 else [1]  # class 0 is the complement
    scores = dict[str, list[Array]]({split: [] for split in sets})
    for done, number in enumerate(classes, start=1):
        predict = fit_one_vs_rest(train, labels == number)
        for split, members in sets.items():
            scores[split].append(predict(members))
        report(done / len(classes))
    return {split: normalize_scores(columns) for split, columns in scores.items()}


def find_ngrams(
    texts: Mapping[str, RaggedArray], vocabulary: Sequence[str], length: int
) -> dict[str, NgramSets]:
    """Return the n-grams of each split that are in "train", of up to `length` tokens.

    An n-gram is a number whose digits are the ranks of its tokens in the alphabet, from 1 on; zeros
    follow a shorter n-gram. So n-grams are in alphabetical order. They are one token shorter where
    such numbers would exceed 64 bits: for four characters with an alphabet of more than 55,107.
    """
    ranks = rank_tokens(vocabulary)
    while len(ranks) ** length >= 1 << 63:
        length -= 1
    list_codes = partial(list_ngrams, ranks=ranks, length=length)
    train, train_codes = texts["train"], np.zeros(0, dtype=np.int64)
    for rows in split_rows(train):
        train_codes = sort_unique(
            np.concatenate([train_codes, *(list_codes(train, row) for row in rows)])
        )
    return {
        split: index_ngrams(members, train_codes, list_codes) for split, members in texts.items()
    }


def rank_tokens(vocabulary: Sequence[str]) -> NDArray[np.int64]:
    """Return the rank of each token in alphabetical order, from 1 on; 0 for padding and unknown."""
    ranks = np.zeros(len(vocabulary), dtype=np.int64)
    tokens = np.array(vocabulary[NUM_CLASSIFICATION_SPECIALS:], dtype=object)
    ranks[np.argsort(tokens) + NUM_CLASSIFICATION_SPECIALS] = np.arange(1, len(tokens) + 1)
    return ranks


def list_ngrams(
    texts: RaggedArray, row: int, ranks: NDArray[np.int64], length: int
) -> NDArray[np.int64]:
    """Return the different n-grams of a text, sorted.

    One with an unknown token is equal to the shorter n-gram before it, or to none of the training.
    """
    ids = texts.values[texts.offsets[row] : texts.offsets[row + 1]]
    digits = np.append(ranks[ids], np.zeros(length - 1, dtype=np.int64))
    codes = np.zeros(len(ids), dtype=np.int64)
    for i in range(length):
        codes = codes * len(ranks) + digits[i : i + len(ids)]
    prefixes = [codes - codes % len(ranks) ** i for i in range(1, length)]
    return sort_unique(np.concatenate([codes, *prefixes]))


def sort_unique(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the different values, sorted; np.unique would hash them, five times slower."""
    values = np.sort(values)
    first_values: NDArray[np.int64] = values[np.append(True, values[1:] != values[:-1])]
    return first_values


def index_ngrams(
    texts: RaggedArray,
    train_codes: NDArray[np.int64],
    list_codes: Callable[[RaggedArray, int], NDArray[np.int64]],
) -> NgramSets:
    """Return the positions of the n-grams of each text in `train_codes`; others are left out."""

    def find_positions(row: int) -> NDArray[np.int32]:
        codes = list_codes(texts, row)
        positions = np.searchsorted(train_codes, codes).clip(max=len(train_codes) - 1)
        indices: NDArray[np.int32] = positions[train_codes[positions] == codes].astype(np.int32)
        return indices

    blocks, lengths = [], [0]
    for rows in split_rows(texts):
        members = [find_positions(row) for row in rows]
        lengths += map(len, members)
        blocks.append(np.concatenate(members))
    return NgramSets(np.concatenate(blocks), np.cumsum(lengths, dtype=np.int32), len(train_codes))


def split_rows(texts: RaggedArray) -> list[range]:
    """Return the rows of all texts in blocks."""
    number = len(texts.lengths)
    starts = range(0, number, BLOCK_TEXTS)
    return [range(start, min(start + BLOCK_TEXTS, number)) for start in starts]


def fit_one_vs_rest(train: NgramSets, labels: NDArray[np.bool_]) -> Callable[[NgramSets], Array]:
    """Fit one class against all others; `labels` is whether a training text has the class, (N,).

    Returns:
        A function from the n-grams of M texts to the probability of the class, (M,).
    """
    from sklearn.linear_model import LogisticRegression

    if labels.all() or not labels.any():
        return lambda sets: np.full(len(sets.offsets) - 1, labels.mean())
    ratio = unigram(train.count(labels)) - unigram(train.count(~labels))
    model = LogisticRegression(C=INVERSE_PENALTY, solver="liblinear", random_state=0)
    model.fit(train.weigh(ratio), labels)
    return lambda sets: model.predict_proba(sets.weigh(ratio))[:, 1]


def normalize_scores(scores: Iterable[Array]) -> Array:
    """Turn one-vs-rest probabilities, (N,) each, into class probabilities (N, classes)."""
    columns = np.stack([*scores], axis=1)
    if columns.shape[1] == 1:  # of two classes the second one
        return np.concatenate([1 - columns, columns], axis=1)
    columns = columns.clip(min=1e-12)
    shares: Array = columns / columns.sum(axis=1, keepdims=True)
    return shares
