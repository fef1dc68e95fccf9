import math

import numpy as np
import pytest
import torch

from rnnlab.data.datasets.synthetic.adding import (
    CONSTANT,
    CONSTANT_MAE,
    CONSTANT_MSE,
    AddingDataModule,
    make_adding,
)
from rnnlab.data.datasets.synthetic.copying import (
    CopyingDataModule,
    make_copying,
)
from rnnlab.data.datasets.synthetic.echo import EchoDataModule, make_echo
from rnnlab.data.symbols import BLANK_ID, FIRST_ID, GO_ID
from rnnlab.errors import ConfigError
from rnnlab.experiment.run import run
from rnnlab.spec import Batch, DataSpec
from rnnlab.tasks import StepClassification
from rnnlab.tasks.base import Encoding
from rnnlab.tasks.step_classification import last_steps
from tests.helpers.configs import small

SPLITS = ("train", "val", "test")
B, T, H = 3, 6, 4


def adding(**settings):
    data = AddingDataModule(**{"num_train": 30, "num_eval": 10, "steps": 9} | settings)
    data.setup()
    return data


def copying(**settings):
    data = CopyingDataModule(
        **{"num_train": 30, "num_eval": 10, "length": 3, "delay": 4} | settings
    )
    data.setup()
    return data


def echo(**settings):
    data = EchoDataModule(**{"num_train": 30, "num_eval": 10, "steps": 7, "delay": 2} | settings)
    data.setup()
    return data


# Adding.


@pytest.mark.parametrize("steps", [2, 3, 50])
def test_the_target_is_the_sum_of_the_two_marked_numbers(steps):
    inputs, targets = make_adding(200, steps, np.random.default_rng(0))
    numbers, markers = inputs[..., 0], inputs[..., 1]
    assert inputs.shape == (200, steps, 2)
    assert targets.shape == (200, 1, 1)
    assert inputs.dtype == targets.dtype == np.float32
    assert set(np.unique(markers)) <= {0, 1}
    assert (markers[:, : steps // 2].sum(axis=1) == 1).all(), "one in the first half"
    assert (markers[:, steps // 2 :].sum(axis=1) == 1).all(), "and one in the second"
    np.testing.assert_allclose((numbers * markers).sum(axis=1), targets[:, 0, 0], rtol=1e-6)
    assert 0 <= numbers.min() < 0.1
    assert 0.9 < numbers.max() <= 1


def test_every_step_is_marked_some_time():
    inputs, _ = make_adding(500, 8, np.random.default_rng(0))
    assert (inputs[..., 1].mean(axis=0) > 0.15).all()


def test_to_say_one_has_an_error_of_a_sixth():
    """The variance of two uniform numbers, not the 0.1767 that papers quote."""
    _, targets = make_adding(400_000, 4, np.random.default_rng(0))
    assert targets.mean() == pytest.approx(CONSTANT, abs=2e-3)
    assert np.square(targets - CONSTANT).mean() == pytest.approx(CONSTANT_MSE, abs=1e-3)
    assert np.abs(targets - CONSTANT).mean() == pytest.approx(CONSTANT_MAE, abs=1e-3)
    assert pytest.approx(0.1667, abs=1e-4) == CONSTANT_MSE


def test_the_constant_baseline_is_scored_on_the_split_itself():
    data = adding(num_eval=4000)
    for split in ("val", "test"):
        scores = data.baselines(split)["constant"]
        assert scores["mse"] == pytest.approx(np.square(data.targets[split] - 1).mean())
        assert scores["mse"] == pytest.approx(CONSTANT_MSE, abs=0.01)
    assert data.baselines("val") != data.baselines("test")


# Copying.


def test_what_stood_at_the_start_is_asked_for_at_the_end():
    inputs, targets = make_copying(50, 3, 4, 8, np.random.default_rng(0))
    assert inputs.shape == (50, 3 + 4 + 3)
    assert targets.shape == (50, 3)
    assert (inputs[:, :3] - FIRST_ID == targets).all()
    assert (inputs[:, 3:6] == BLANK_ID).all()
    assert (inputs[:, 6] == GO_ID).all()
    assert (inputs[:, 7:] == BLANK_ID).all()
    assert set(np.unique(targets)) == set(range(8))


def test_the_go_marker_may_follow_at_once():
    inputs, targets = make_copying(1, 2, 1, 2, np.random.default_rng(0))
    assert inputs[0].tolist() == [*(targets[0] + FIRST_ID), GO_ID, BLANK_ID, BLANK_ID]


def test_a_guess_costs_the_logarithm_of_the_symbols():
    data = copying(symbols=5, num_eval=2000)
    baselines = data.baselines("test")
    assert baselines["guess"] == {"loss": math.log(5), "accuracy": 0.2, "exact_match": 5**-3}
    assert baselines["constant"]["accuracy"] == pytest.approx(0.2, abs=0.03)


def test_a_sequence_is_shown_in_words():
    data = copying(symbols=2, length=2, delay=2)
    one, two = (str(k + 1) for k in data.targets["val"][0])
    assert data.example("val", 0)["text"] == f"{one} {two} _ <go> _ _"
    assert len(data.input_names()) == data.spec.num_tokens


# Echo.


def test_the_answer_is_the_bit_of_some_steps_ago():
    inputs, targets = make_echo(50, 8, 3, np.random.default_rng(0))
    assert inputs.shape == (50, 8)
    assert targets.shape == (50, 5)
    for answer, step in enumerate(range(3, 8)):
        assert (targets[:, answer] == inputs[:, step - 3] - FIRST_ID).all()
    assert (inputs - FIRST_ID).mean() == pytest.approx(0.5, abs=0.1)


def test_the_task_reads_the_step_that_a_bit_is_asked_at():
    """Outputs that are the tokens of `delay` steps ago, which only the right steps hold."""
    data = echo()
    batch = data.gather("val", np.arange(10))
    shifted_tokens = torch.roll(batch.inputs, 2, dims=1)
    read = last_steps(shifted_tokens.unsqueeze(2), batch.lengths, data.spec.horizon)
    assert torch.equal(read.squeeze(2) - FIRST_ID, batch.targets)


def test_a_guess_of_bits_is_right_half_of_the_time():
    guess = echo().baselines("test")["guess"]
    assert guess == {"loss": math.log(2), "accuracy": 0.5, "exact_match": 2.0**-5}


def test_bits_are_shown_as_bits():
    data = echo()
    bits = data.example("val", 0)["text"].split()
    assert len(bits) == 7
    assert bits[:5] == [str(bit) for bit in data.targets["val"][0]]


# All.


@pytest.mark.parametrize("make", [adding, copying, echo])
def test_the_data_seed_alone_says_what_is_drawn(make):
    one, same, other = make(), make(seed=5, batch_size=3), make(data_seed=1)
    for split in SPLITS:
        assert (one.inputs[split] == same.inputs[split]).all()
        assert (one.inputs[split] != other.inputs[split]).any()
    assert one.provenance.sha256 == same.provenance.sha256 != other.provenance.sha256
    assert (one.inputs["val"] != one.inputs["test"]).any()


@pytest.mark.parametrize("make", [adding, copying, echo])
def test_more_training_leaves_the_evaluation_alone(make):
    assert (make(num_train=50).targets["test"] == make().targets["test"]).all()


def test_sizes_that_make_no_problem_are_refused():
    with pytest.raises(ConfigError, match=r"data\.steps=1: two numbers are marked"):
        AddingDataModule(steps=1)
    with pytest.raises(ConfigError, match=r"data\.symbols=1: .* at least 2"):
        CopyingDataModule(symbols=1)
    with pytest.raises(ConfigError, match=r"data\.delay=50 leaves no target in data\.steps=50"):
        EchoDataModule(steps=50, delay=50)


# The task.


def task(**settings):
    torch.manual_seed(0)
    made = StepClassification(DataSpec(output_size=5, num_tokens=7, horizon=2), **settings)
    made.build(H, bidirectional=False)
    return made


def batch(targets):
    tokens, lengths = torch.ones(B, T, dtype=torch.long), torch.tensor([6, 4, 2])
    return Batch(tokens, lengths, targets, torch.arange(B))


def test_the_last_valid_steps_are_read_and_no_padding():
    outputs = torch.randn(B, T, H)
    read = last_steps(outputs, torch.tensor([6, 4, 2]), 2)
    for i, length in enumerate((6, 4, 2)):
        assert (read[i] == outputs[i, length - 2 : length]).all()


def test_a_network_that_knows_nothing_has_the_loss_of_a_guess():
    made, given = task(), batch(torch.tensor([[0, 1], [2, 3], [4, 0]]))
    flat = torch.zeros(B, 2, 5)
    assert made.loss(flat, given).item() == pytest.approx(math.log(5))
    assert made.head(torch.randn(B, T, H), given.lengths).shape == flat.shape


def test_exact_match_counts_sequences_and_accuracy_counts_steps():
    made, given = task(), batch(torch.tensor([[0, 1], [2, 3], [4, 0]]))
    said = torch.tensor([[0, 1], [2, 0], [0, 0]])  # right, half, half
    raw = torch.nn.functional.one_hot(said, 5).float() * 9
    metrics = made.metrics()
    metrics.update(*made.metric_inputs(raw, given))
    scores = metrics.compute()
    assert scores["accuracy"].item() == pytest.approx(4 / 6)
    assert scores["exact_match"].item() == pytest.approx(1 / 3)
    encoding = Encoding(torch.randn(B, T, H), given.lengths)
    assert (made.decode(raw, encoding, given).argmax(dim=2) == said).all()


@pytest.mark.slow
def test_a_run_lists_inputs_targets_and_predictions(tmp_path):
    done = run(small("copying", tmp_path, "trainer.max_epochs=1"))
    folder = done.folder.path
    page = (folder / "examples.md").read_text()
    assert page.count("- target     `") == 20
    assert "<go>" in page
    for name in ("step_accuracy.png", "confusion_matrix.png", "learning_curves.png"):
        assert (folder / name).stat().st_size > 5_000
    scores, baselines = done.report["scores"], done.report["baselines"]
    assert {"test/loss", "test/accuracy", "test/exact_match"} <= scores.keys()
    assert baselines["guess"]["test/loss"] == pytest.approx(math.log(4))
