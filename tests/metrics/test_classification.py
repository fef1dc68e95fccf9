"""Metrics of class probabilities: counts of many classes, and the confusion matrix."""

from collections.abc import Iterator

import pytest
import torch
from torch.profiler import ProfilerActivity, profile
from torchmetrics.functional.classification import (
    multiclass_confusion_matrix,
    multiclass_f1_score,
    multiclass_matthews_corrcoef,
)

from rnnlab.metrics.classification import class_metrics, class_scores, count_confusions

CLASSES, TARGETS = 100, 500


@pytest.fixture
def _deterministic() -> Iterator[None]:
    """Runs are deterministic by default, and torchmetrics counts in another way then."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


def draw(classes: int, count: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(count, classes, generator=generator)
    return scores / scores.sum(1, keepdim=True), torch.randint(
        classes, (count,), generator=generator
    )


@pytest.mark.slow
@pytest.mark.usefixtures("_deterministic")
def test_the_memory_does_not_grow_with_the_pairs_of_classes() -> None:
    probabilities, targets = draw(CLASSES, TARGETS)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        class_scores(probabilities, targets)
        counts = count_confusions(probabilities.argmax(dim=1), targets, CLASSES)
    sizes = [event.self_cpu_memory_usage for event in profiler.events()]
    assert max(sizes) <= 2 * 8 * TARGETS * CLASSES, "bytes: a few numbers for each probability"
    assert counts.sum() == TARGETS


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_counts_equal_those_of_torchmetrics(classes: int) -> None:
    probabilities, targets = draw(classes, 200, seed=classes)
    metrics = class_metrics(classes)
    for rows in (slice(0, 50), slice(50, 200)):
        metrics.update(probabilities[rows], targets[rows])
    scores = metrics.compute()
    f1 = multiclass_f1_score(probabilities, targets, classes, average="macro")
    mcc = multiclass_matthews_corrcoef(probabilities, targets, classes)
    assert float(scores["f1"]) == pytest.approx(float(f1), abs=1e-6)
    assert float(scores["mcc"]) == pytest.approx(float(mcc), abs=1e-6)
    expected = multiclass_confusion_matrix(probabilities, targets, classes)
    assert count_confusions(probabilities.argmax(dim=1), targets, classes).tolist() == (
        expected.tolist()
    )
