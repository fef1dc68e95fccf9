"""States, gates, attention and gradients that are drawn of a trained network."""

import numpy as np
import pytest
import torch

from rnnlab.analysis import internals
from rnnlab.config.schema import parse
from rnnlab.experiment.build import build_model, build_task
from rnnlab.experiment.run import run
from rnnlab.plots import internals as inside_plots
from rnnlab.spec import Batch, DataSpec
from tests.helpers.configs import compose, small

B, T, D, H = 3, 6, 2, 4
LENGTHS = torch.tensor([T, 4, 1])
TOKENS = 9


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def model_of(*words, data="adding"):
    """In evaluation, of double precision."""
    config = parse(compose(f"data={data}", f"model.hidden_size={H}", *words))
    tokens = {"num_tokens": TOKENS} if data == "imdb" else {"input_size": D}
    spec = DataSpec(output_size=1 if data == "adding" else 2, **tokens)
    return build_model(config, build_task(config, spec)).double().eval()


def numbers(steps=T, lengths=LENGTHS):
    inputs = torch.randn(len(lengths), steps, D, dtype=torch.float64)
    targets = torch.rand(len(lengths), 1, 1, dtype=torch.float64)
    return Batch(inputs, lengths, targets, torch.arange(len(lengths)))


def words():
    inputs = torch.randint(2, TOKENS, (B, T))
    return Batch(inputs, LENGTHS, torch.tensor([0, 1, 0]), torch.arange(B))


# Gates.


@pytest.mark.parametrize("options", [[], ["model.learned_state=true", "model.num_layers=2"]])
def test_the_gates_of_an_lstm_make_its_hidden_state(options):
    model, batch = model_of("model=lstm", *options), numbers()
    inside = {
        name.removeprefix("gate: "): values for name, values in model.internals(batch).items()
    }
    layer = model.body.forwards[-1]
    c = layer.start.parts[1] if layer.start else torch.zeros(H)
    for step in range(T):
        i, f, g, o = (inside[k][:, step] for k in ("input", "forget", "candidate", "output"))
        c = f * c + i * g
        torch.testing.assert_close(inside["hidden state"][:, step], o * torch.tanh(c))


@pytest.mark.parametrize("options", [[], ["model.learned_state=true", "model.num_layers=2"]])
def test_the_gates_of_a_gru_make_its_hidden_state(options):
    model, batch = model_of("model=gru", *options), numbers()
    inside = {
        name.removeprefix("gate: "): values for name, values in model.internals(batch).items()
    }
    layer = model.body.forwards[-1]
    h = layer.start.parts[0] if layer.start else torch.zeros(H)
    for step in range(T):
        z, n = inside["update"][:, step], inside["candidate"][:, step]
        h = (1 - z) * n + z * h
        torch.testing.assert_close(inside["hidden state"][:, step], h)
    assert (inside["reset"] >= 0).all()
    assert (inside["reset"] <= 1).all()


def test_a_simple_network_has_a_state_and_no_gates():
    assert list(model_of("model=rnn").internals(numbers())) == ["hidden state"]


def test_a_hook_of_the_state_is_taken_away():
    model, batch = model_of("model=lstm"), numbers()
    model.internals(batch)
    assert not model.body.forwards[-1].cell._forward_hooks


# Gradients.


def test_the_profile_is_the_norm_of_the_gradient_counted_from_the_end():
    model, batch = model_of("model=gru"), numbers()
    profile = internals.compute_gradient_profile(model, batch)
    norms = []
    for row, length in enumerate(LENGTHS.tolist()):
        x = batch.inputs[row : row + 1, :length].clone().requires_grad_()
        alone = Batch(x, LENGTHS[row : row + 1], batch.targets[row : row + 1], batch.rows[:1])
        model.task.loss(model.predictions(alone), alone).backward()
        norms.append(x.grad[0].norm(dim=1).flip(0))
    expected = [
        float(torch.stack([one[k] for one in norms if len(one) > k]).mean()) for k in range(T)
    ]
    assert profile["loss"] == pytest.approx(expected)
    assert len(profile["last output"]) == T


def test_the_profile_of_a_shrinking_network_falls_by_its_factor():
    """h' = w h + x: a step back is a factor w."""
    model = model_of("model=rnn", "model.nonlinearity=relu")
    cell = model.body.forwards[0].cell
    with torch.no_grad():
        for weights, value in zip(cell.all_weights[0], (1.0, 0.0, 0.0, 0.0), strict=True):
            weights.fill_(value)
        cell.weight_hh_l0.copy_(0.5 * torch.eye(H))
    batch = numbers(steps=20, lengths=torch.tensor([20, 20]))
    batch = batch._replace(inputs=batch.inputs.abs())
    for norms in internals.compute_gradient_profile(model, batch).values():
        np.testing.assert_allclose(np.array(norms[1:]) / norms[:-1], 0.5, rtol=1e-6)


def test_looking_changes_nothing(tmp_path, monkeypatch):
    """No gradient, no random number, no mode."""
    monkeypatch.setattr("rnnlab.plots.figures.save_figure", lambda figure, path: path)
    model, batch = model_of("model=attention_lstm", data="imdb").train(), words()
    before, state = torch.get_rng_state(), {k: v.clone() for k, v in model.state_dict().items()}
    internals.save_internals(model, batch, [], tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(state[key], value) for key, value in model.state_dict().items())


# Pictures.


def test_attention_is_drawn_where_something_looks(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        inside_plots, "draw_attention_weights", lambda rows, path: drawn.setdefault(path.name, rows)
    )
    batch, names = words(), ["<pad>", "<unk>", "good", "bad"]
    model = model_of("model=attention_gru", "task.pooling=attention", data="imdb")
    internals.plot_attention(model, batch, names, tmp_path)
    assert set(drawn) == {"attention_layers.png", "attention_pooling.png"}
    for rows in drawn.values():
        for i, (caption, tokens, weights) in enumerate(rows):
            assert len(tokens) == len(weights) == LENGTHS[i]
            assert weights.sum() == pytest.approx(1)
            assert caption.endswith(f"labelled {batch.targets[i]}")
            shown = [names[t] if t < 4 else str(int(t)) for t in batch.inputs[i, : LENGTHS[i]]]
            assert tokens == shown
    plain = model_of("model=gru", data="imdb")
    assert internals.plot_attention(plain, batch, names, tmp_path) == []


def test_features_are_drawn_in_the_order_in_which_they_wake():
    rows = np.zeros((5, 4))
    rows[3, 0], rows[0, 1], rows[2, 2], rows[4, 3] = 1, -1, 1, 1
    assert inside_plots.select_features(rows).tolist() == [1, 2, 0, 3]
    many = np.random.default_rng(0).standard_normal((5, 100))
    many[:, :30] = 0
    chosen = inside_plots.select_features(many)
    assert len(chosen) == inside_plots.MAX_FEATURES
    assert (chosen >= 30).all(), "those that never change are left out"


@pytest.mark.filterwarnings("error")
def test_words_that_are_no_words_are_drawn_too(tmp_path):
    tokens = ["$x$", "a" * 300, "\\frac", "日本"]
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    values = {"hidden state": np.random.default_rng(0).standard_normal((4, 3))}
    file = inside_plots.draw_attention_weights([("$", tokens, weights)], tmp_path / "one.png")
    other = inside_plots.draw_state_maps(values, tokens, {}, tmp_path / "two.png")
    assert file.stat().st_size > 1_000
    assert other.stat().st_size > 1_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "model", "pictures"),
    [
        ("imdb", "attention_lstm", ["internals", "attention_layers", "gradient_profile"]),
        ("sine", "attention_gru", ["internals", "attention_layers", "gradient_profile"]),
        ("text_file", "lstm", ["internals", "gradient_profile"]),
    ],
)
def test_a_run_leaves_pictures_of_its_internals(data, model, pictures, tmp_path):
    done = run(small(data, tmp_path, f"model={model}", "trainer.max_epochs=1"))
    for name in pictures:
        assert (done.folder.path / f"{name}.png").stat().st_size > 5_000


def test_without_a_test_nothing_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr("rnnlab.plots.figures.save_figure", lambda figure, path: path)
    monkeypatch.setattr(internals, "save_internals", lambda *_: pytest.fail("was drawn"))
    done = run(small("sine", tmp_path, "test=false", "trainer.max_epochs=1"))
    assert done.report["status"] == "finished"


def test_a_sample_is_near_the_wanted_length_and_always_the_same(tmp_path):
    from rnnlab.experiment.build import build_data

    plain = small("imdb", tmp_path)
    data = build_data(parse(plain))
    data.prepare_data()
    data.setup()
    batch = data.sample("test", 4, 5)
    distance = np.abs(data.lengths("test") - 5)
    chosen = np.abs(batch.lengths.numpy() - 5)
    assert sorted(chosen) == sorted(distance)[:4]
    assert len(set(batch.rows.tolist())) == 4
    assert batch.rows.tolist() == data.sample("test", 4, 5).rows.tolist()
    everything = data.sample("test", 10_000, 5)
    assert len(everything.rows) == len(distance)
