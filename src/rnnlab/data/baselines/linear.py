"""Linear text classifier on word n-grams, the baseline of recurrent text classifiers.

NB-SVM (Wang & Manning, 2012, https://aclanthology.org/P12-2018) with logistic loss, which gives
probabilities. The features are binary: a word or a pair of neighbouring words occurs in the text or
not. Each feature is weighted by its log-count ratio between the class and the other classes.
"""

import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.data.text.tokenizers import NO_TOKEN, tokenize_words
from rnnlab.spec import Array

LINEAR_VERSION = 2  # increase it when the predictions change
MAX_LINEAR_CLASSES = 50  # one fit per class
MAX_LINEAR_BYTES = 80_000_000  # of all texts; the features need about 25 times as much memory
INVERSE_PENALTY = 1.0  # C; fixed, so that only the training split influences the model


def linear_is_installed() -> bool:
    """Return whether scikit-learn is installed."""
    return importlib.util.find_spec("sklearn") is not None


def linear_probabilities(
    texts: Mapping[str, Sequence[str]],
    labels: NDArray[Any],
    num_classes: int,
    tokenizer: Callable[[str], list[str]] = tokenize_words,
) -> dict[str, Array]:
    """Fit on the training split and predict class probabilities for the other splits.

    `texts` contains the texts of each split. `labels` are the classes of the training texts, (N,).

    Returns:
        split -> probabilities (N, num_classes), for every split except "train".
    """
    inputs = ngram_indicators(texts, tokenizer)
    train = inputs.pop("train")
    classes = range(num_classes) if num_classes > 2 else [1]  # class 0 is the complement
    models = [fit_one_vs_rest(train, labels == number) for number in classes]
    return {
        split: normalize_scores([model(matrix) for model in models])
        for split, matrix in inputs.items()
    }


def ngram_indicators(
    texts: Mapping[str, Sequence[str]], tokenizer: Callable[[str], list[str]]
) -> dict[str, Any]:
    """Return a sparse matrix (texts, n-grams of "train") per split: 1 where an n-gram occurs."""
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(
        tokenizer=lambda text: tokenizer(text) or [NO_TOKEN],
        token_pattern=None,
        lowercase=False,
        ngram_range=(1, 2),
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
