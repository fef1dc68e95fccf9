"""Linear text classifier on n-grams, the baseline of recurrent text classifiers.

NB-SVM (Wang & Manning, 2012, https://aclanthology.org/P12-2018) with logistic loss, which gives
probabilities. The features are binary: a word or a pair of neighbouring words occurs in the text or
not; up to four neighbouring characters, if the network reads characters. Each feature is weighted
by its log-count ratio between the class and the other classes.
"""

import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.text.tokenizers import CLASSIFICATION_TOKENIZERS, NO_TOKEN, TextTokens
from rnnlab.spec import Array

LINEAR_VERSION = 3  # increase it when the predictions change
MAX_LINEAR_BYTES = 80_000_000  # of all texts; the features need about 25 times as much memory
MAX_LINEAR_FITS = 50  # of so many bytes, one for each class; about 7 minutes
NGRAM_LENGTHS: dict[TextTokens, int] = {"words": 2, "shapes": 2, "characters": 4}
CHARACTER_COST = 10  # n-grams of characters, for each n-gram of words of the same text
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


def linear_probabilities(
    texts: Mapping[str, Sequence[str]],
    labels: NDArray[Any],
    num_classes: int,
    tokens: TextTokens = "words",
    report: Callable[[float], None] = lambda share: None,
) -> dict[str, Array]:
    """Fit on the training split and predict class probabilities for the other splits.

    Args:
        texts: of each split.
        labels: classes of the training texts, (N,).
        num_classes: of `labels`.
        tokens: that the network reads.
        report: receives the share of the classes that are fitted, 0..1.

    Returns:
        split -> probabilities (N, num_classes), for every split except "train".
    """
    inputs = ngram_indicators(texts, tokens)
    train = inputs.pop("train")
    classes = range(num_classes) if num_classes > 2 else [1]  # class 0 is the complement
    scores = dict[str, list[Array]]({split: [] for split in inputs})
    for done, number in enumerate(classes, start=1):
        predict = fit_one_vs_rest(train, labels == number)
        for split, matrix in inputs.items():
            scores[split].append(predict(matrix))
        report(done / len(classes))
    return {split: normalize_scores(columns) for split, columns in scores.items()}


def ngram_indicators(texts: Mapping[str, Sequence[str]], tokens: TextTokens) -> dict[str, Any]:
    """Return a sparse matrix (texts, n-grams of "train") per split: 1 where an n-gram occurs."""
    from sklearn.feature_extraction.text import CountVectorizer

    tokenize = CLASSIFICATION_TOKENIZERS[tokens].tokenize
    vectorizer = CountVectorizer(
        tokenizer=lambda text: tokenize(text) or [NO_TOKEN],
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, NGRAM_LENGTHS[tokens]),
        binary=True,
        dtype=np.float64,
    )
    vectorizer.fit(texts["train"])
    return {split: vectorizer.transform(members) for split, members in texts.items()}


def fit_one_vs_rest(train: Any, labels: NDArray[np.bool_]) -> Callable[[Any], Array]:
    """Fit one class against all others; `labels` is whether a training text has the class, (N,).

    Returns:
        A function from indicators (M, n-grams) to the probability of the class, (M,).
    """
    from sklearn.linear_model import LogisticRegression

    if labels.all() or not labels.any():
        return lambda matrix: np.full(matrix.shape[0], labels.mean())
    inside, outside = (1 + train[rows].sum(axis=0).A1 for rows in (labels, ~labels))
    ratio = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    model = LogisticRegression(C=INVERSE_PENALTY, solver="liblinear", random_state=0)
    model.fit(train.multiply(ratio).tocsr(), labels)
    return lambda matrix: model.predict_proba(matrix.multiply(ratio).tocsr())[:, 1]


def normalize_scores(scores: Iterable[Array]) -> Array:
    """Turn one-vs-rest probabilities, (N,) each, into class probabilities (N, classes)."""
    columns = np.stack([*scores], axis=1)
    if columns.shape[1] == 1:  # of two classes the second one
        return np.concatenate([1 - columns, columns], axis=1)
    columns = columns.clip(min=1e-12)
    shares: Array = columns / columns.sum(axis=1, keepdims=True)
    return shares
