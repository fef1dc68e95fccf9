"""Analysis of classification: comparison with the baselines, confusion matrix, errors."""

import pytest
import torch

from rnnlab.analysis import ClassificationAnalysis, TestPredictions
from rnnlab.analysis.classification import compare_classifiers
from rnnlab.models import GRU
from rnnlab.spec import DataSpec
from rnnlab.tasks import Classification

SPEC = DataSpec(2, num_tokens=9, class_names=("ham", "spam"), class_counts=(30, 10))


def certain(classes):
    return torch.eye(2)[torch.tensor(classes)] * 0.98 + 0.01


TRUTH = [0, 1] * 30


@pytest.mark.parametrize(
    ("ours", "theirs", "claim"),
    [
        (TRUTH, [1, 0] * 10 + [0, 1] * 20, "The network is better than the linear model: "),
        (
            TRUTH,
            [1, 1] + [0, 1] * 29,
            "The network is not shown to be better or worse than the linear",
        ),
        (TRUTH, TRUTH, "The network is not shown to be better or worse than the linear model"),
        ([1, 0] * 10 + [0, 1] * 20, TRUTH, "The network is worse than the linear model"),
    ],
)
def test_the_statement_says_whether_the_network_is_better(ours, theirs, claim):
    statement = compare_classifiers("linear", certain(ours), certain(theirs), torch.tensor(TRUTH))
    assert statement.startswith(claim)


def analyze(predicted, evaluation_context):
    test = TestPredictions(
        certain(predicted), torch.tensor([0, 1]), lambda i: {"text": "a"}, evaluation_context
    )
    return ClassificationAnalysis().analyze(GRU(Classification(SPEC), hidden_size=2), test)


def test_the_network_is_compared_with_the_baselines_of_the_data():
    baselines = {"baselines": {"linear": certain([0, 0]).numpy()}}
    (sentence,) = analyze([0, 1], baselines).statements
    assert "accuracy 1.0000 against 0.5000" in sentence
    assert analyze([0, 1], {}).statements == []


def test_figures_and_texts_are_made_when_they_are_saved(tmp_path):
    result = analyze([1, 1], {})
    assert list(tmp_path.iterdir()) == []
    files = {file.name: file for file in result.save(tmp_path)}
    assert set(files) == {"confusion_matrix.png", "most_confidently_wrong.md"}
    page = files["most_confidently_wrong.md"].read_text()
    assert "1 of 2 test targets were predicted wrongly" in page
    assert "predicted spam (99.0%), labelled ham" in page
