"""The classification task: its loss in training and outside, its metrics, its weights."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk
from torch.nn.functional import cross_entropy

from rnnlab.metrics.classification import class_metrics, class_scores
from rnnlab.spec import Batch, DataSpec
from rnnlab.tasks import Classification
from rnnlab.tasks.classification import balance_classes

SPEC = DataSpec(2, num_tokens=9, class_names=("ham", "spam"), class_counts=(30, 10))


def batch_of(targets):
    targets = torch.tensor(targets)
    inputs = torch.ones(len(targets), 1, dtype=torch.long)
    return Batch(inputs, torch.ones(len(targets)).long(), targets, torch.arange(len(targets)))


def test_the_validation_loss_is_neither_weighted_nor_smoothed():
    scores, batch = torch.tensor([[2.0, -1.0], [0.5, 0.0]]), batch_of([0, 1])
    task = Classification(SPEC, label_smoothing=0.2, class_weights="balanced").eval()
    torch.testing.assert_close(task.loss(scores, batch), cross_entropy(scores, batch.targets))
    assert task.train().loss(scores, batch) != cross_entropy(scores, batch.targets)


def test_balanced_classes_weigh_alike_in_the_training_loss():
    scores, batch = torch.tensor([[2.0, -1.0], [0.5, 0.0]]), batch_of([0, 1])
    each = cross_entropy(scores, batch.targets, reduction="none")
    task = Classification(SPEC, class_weights="balanced").train()
    wanted = (each * torch.tensor([40 / 60, 40 / 20])).mean()
    torch.testing.assert_close(task.loss(scores, batch), wanted)
    plain = Classification(SPEC).train()
    torch.testing.assert_close(plain.loss(scores, batch), each.mean())


@given(st.lists(st.integers(1, 500), min_size=2, max_size=6))
def test_balanced_weights_have_the_mean_one_and_equal_sums(counts):
    weighed = balance_classes(counts) * torch.tensor(counts)
    assert float(weighed.sum()) / sum(counts) == pytest.approx(1, rel=1e-5)
    assert weighed.tolist() == pytest.approx([float(weighed[0])] * len(counts), rel=1e-4)


def test_weights_are_no_part_of_a_checkpoint():
    assert "class_weights" not in Classification(SPEC, class_weights="balanced").state_dict()


def probabilities(count, classes, seed=0):
    drawn = np.random.default_rng(seed).dirichlet(np.ones(classes), count)
    return drawn, np.random.default_rng(seed + 1).integers(classes, size=count)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_metrics_are_those_of_scikit_learn(classes):
    given, targets = probabilities(60, classes)
    predicted = given.argmax(axis=1)
    likely = given[:, 1] if classes == 2 else given
    assert class_scores(given, targets) == pytest.approx(
        {
            "loss": sk.log_loss(targets, given),
            "accuracy": sk.accuracy_score(targets, predicted),
            "f1": sk.f1_score(targets, predicted, average="macro"),
            "mcc": sk.matthews_corrcoef(targets, predicted),
            "auroc": sk.roc_auc_score(targets, likely, multi_class="ovr"),
        },
        abs=1e-6,
    )
    wanted = sk.f1_score(targets == 1, predicted == 1)
    assert class_scores(given, targets, positive=1)["f1"] == pytest.approx(wanted, abs=1e-6)


def test_metrics_of_batches_are_those_of_the_whole():
    given, targets = map(torch.tensor, probabilities(50, 3))
    metrics = class_metrics(3)
    for rows in (slice(0, 7), slice(7, 8), slice(8, 50)):
        metrics.update(given[rows], targets[rows])
    found = {name: float(value) for name, value in metrics.compute().items()}
    whole = class_scores(given, targets)
    assert found == pytest.approx({name: whole[name] for name in found}, abs=1e-6)


def test_where_all_targets_are_of_one_class_the_area_is_undefined_and_left_out():
    found = class_scores([[0.9, 0.1], [0.4, 0.6]], [0, 0])
    assert set(found) == {"loss", "accuracy", "f1", "mcc"}
    assert found["mcc"] == 0


def test_the_area_is_the_mean_over_the_classes_that_are_there():
    given, targets = probabilities(40, 2)
    wider = np.concatenate([given * 0.9, np.full((40, 1), 0.1)], axis=1)
    wanted = sk.roc_auc_score(targets, given[:, 1])
    assert class_scores(wider, targets)["auroc"] == pytest.approx(wanted, abs=1e-6)


def test_a_constant_prediction_has_no_correlation():
    found = class_scores([[0.9, 0.1]] * 4, [0, 0, 1, 0], positive=1)
    assert (found["mcc"], found["f1"], found["auroc"]) == (0, 0, 0.5)
