"""The cross entropy of the native kernels, compared with torch in double precision."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, linear

from rnnlab.errors import ConfigError
from rnnlab.layers import LinearCrossEntropy, linear_cross_entropy
from rnnlab.layers.kernels import GRULayer, choose_kernel, native_problem, set_kernel

needs_kernels = pytest.mark.skipif(
    native_problem("cross_entropy") is not None, reason="there is no compiler"
)
pytestmark = needs_kernels


class Inputs(NamedTuple):
    """Features (N, H), weight (V, H), bias (V,) or None, targets (N,)."""

    features: Tensor
    weight: Tensor
    bias: Tensor | None
    targets: Tensor

    def leaves(self) -> list[Tensor]:
        return [part for part in self[:3] if part is not None]


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    previous = torch.get_num_threads()
    yield
    torch.set_num_threads(previous)


def make_inputs(rows: int, features: int, classes: int, seed: int = 0) -> Inputs:
    generator = torch.Generator().manual_seed(seed)
    shapes = [(rows, features), (classes, features), (classes,)]
    leaves = [torch.randn(shape, generator=generator).requires_grad_() for shape in shapes]
    return Inputs(*leaves, torch.randint(0, classes, (rows,), generator=generator))


def run(inputs: Inputs, loss_weights: Tensor, chunk_size: int | None = None) -> list[Tensor]:
    """Return the losses and gradients of the native kernels."""
    losses = linear_cross_entropy(*inputs, chunk_size=chunk_size, is_native=True)
    return [losses.detach(), *torch.autograd.grad(losses, inputs.leaves(), loss_weights)]


def check_against_double(
    inputs: Inputs, loss_weights: Tensor, chunk_size: int | None = None
) -> None:
    results = run(inputs, loss_weights, chunk_size)
    leaves = [part.detach().double().requires_grad_() for part in inputs.leaves()]
    losses = cross_entropy(linear(*leaves), inputs.targets, reduction="none")
    references = [losses.detach(), *torch.autograd.grad(losses, leaves, loss_weights.double())]
    for result, reference in zip(results, references, strict=True):
        largest = float(reference.abs().max())
        error = float((result - reference).abs().max())
        assert error <= 1e-5 * max(largest, 0.1 * float(loss_weights.abs().max())), inputs


@settings(max_examples=40)
@given(
    *(st.integers(1, 70), st.integers(1, 40), st.integers(1, 300), st.integers(1, 70)),
    *(st.booleans(), st.booleans(), st.integers(0, 99)),
)
def test_any_shape_equals_double_precision(
    rows: int, features: int, classes: int, chunk: int, has_bias: bool, is_mean: bool, seed: int
) -> None:
    inputs = make_inputs(rows, features, classes, seed)
    inputs = inputs if has_bias else inputs._replace(bias=None)
    inputs.targets[seed % rows] = -100  # ignored
    weights = torch.full((rows,), 1 / rows) if is_mean else torch.randn(rows)
    check_against_double(inputs, weights, chunk)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_and_many_classes_equal_double_precision(threads: int) -> None:
    torch.set_num_threads(threads)
    inputs, weights = make_inputs(50, 33, 5_000), torch.full((50,), -0.25)
    check_against_double(inputs, weights, 32)
    first, second = run(inputs, weights, 32), run(inputs, weights, 32)
    assert all(map(torch.equal, first, second)), "results are reproducible"


def test_the_loss_of_a_row_does_not_depend_on_the_others() -> None:
    inputs = make_inputs(40, 10, 300)
    together = run(inputs, torch.ones(40))[0]
    alone = Inputs(inputs.features[7:8], *inputs[1:3], inputs.targets[7:8])
    assert torch.equal(linear_cross_entropy(*alone, is_native=True), together[7:8])
    with torch.no_grad():
        assert torch.equal(linear_cross_entropy(*inputs, is_native=True), together)


def test_very_unlikely_and_impossible_classes_have_exact_losses() -> None:
    features, weight = torch.ones(3, 1), torch.tensor([[300.0], [0.0], [-300.0]])
    bias = torch.tensor([0.0, -torch.inf, 0.0])  # a class that is switched off
    leaves = [part.requires_grad_() for part in (features, weight, bias)]
    losses = linear_cross_entropy(*leaves, torch.tensor([0, 2, 1]), is_native=True)
    assert losses.tolist() == [0.0, 600.0, torch.inf]
    losses[:2].sum().backward()
    assert weight.grad is not None
    assert weight.grad.squeeze().tolist() == [1.0, 0.0, -1.0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_nan_and_infinity_reach_losses_and_gradients(value: float, place: int) -> None:
    inputs = make_inputs(5, 3, 200)
    with torch.no_grad():
        inputs.leaves()[place].view(-1)[3] = value
    losses, *gradients = run(inputs, torch.ones(5))
    expected = cross_entropy(linear(*inputs[:3]), inputs.targets, reduction="none")
    assert torch.equal(losses.isfinite(), expected.isfinite())
    if not expected.isfinite().all():
        assert not all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("place", [0, 1])
def test_a_layer_of_a_diverged_network_has_no_finite_mean(place: int) -> None:
    inputs = make_inputs(5, 3, 200)
    with torch.no_grad():
        inputs.leaves()[place].fill_(float("nan"))
    assert run(inputs, torch.ones(5))[0].isnan().all()


@pytest.mark.parametrize("target", [20, -1])
def test_a_target_that_is_no_class_is_an_error(target: int) -> None:
    inputs = make_inputs(5, 3, 20)
    inputs.targets[2] = target
    with pytest.raises(IndexError, match=r"not in 0\.\.19"):
        linear_cross_entropy(*inputs, is_native=True)


@pytest.mark.parametrize("ignored", [-100, -1, 2])
def test_a_target_that_is_ignored_may_be_a_class(ignored: int) -> None:
    inputs, weights = make_inputs(40, 3, 5), torch.rand(40)
    inputs.targets[::3] = ignored
    results = []
    for is_native in (True, False):
        losses = linear_cross_entropy(*inputs, ignore_index=ignored, is_native=is_native)
        results.append([losses, *torch.autograd.grad(losses, inputs.leaves(), weights)])
    assert not results[0][0][::3].any()
    for native, expected in zip(*results, strict=True):
        torch.testing.assert_close(native, expected)


def test_views_and_a_second_backward_pass_give_the_same() -> None:
    inputs, weights = make_inputs(6, 4, 50), torch.rand(6)
    expected = run(inputs, weights)
    views = inputs._replace(features=inputs.features.detach().T.contiguous().T.requires_grad_())
    losses = linear_cross_entropy(*views, is_native=True)
    for _ in range(2):
        gradients = torch.autograd.grad(losses, views.leaves(), weights, retain_graph=True)
        assert all(map(torch.equal, gradients, expected[1:]))


def test_what_the_kernels_do_not_serve_is_computed_by_torch() -> None:
    module = LinearCrossEntropy()
    set_kernel(module, "native")
    inputs = make_inputs(6, 4, 50)
    assert module(*inputs).grad_fn.setting.is_native
    doubles = Inputs(*(part.double() for part in inputs.leaves()), inputs.targets)
    assert not module(*doubles).grad_fn.setting.is_native
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not module(*inputs).grad_fn.setting.is_native
    rounded = LinearCrossEntropy(torch.bfloat16)
    set_kernel(rounded, "native")
    assert not rounded(*inputs).grad_fn.setting.is_native
    empty = inputs._replace(features=inputs.features[:0], targets=inputs.targets[:0])
    assert module(*empty).shape == (0,)
    set_kernel(module, "torch")
    assert not module(*inputs).grad_fn.setting.is_native


def test_a_run_names_the_library_that_it_cannot_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "rnnlab.layers.kernels.choice.native_problem",
        lambda name: "no cross entropy" if name == "cross_entropy" else None,
    )
    model = nn.Sequential(GRULayer(2, 3), LinearCrossEntropy())
    assert choose_kernel("auto", model, "cpu", "32-true") == ("torch", "no cross entropy", "same")
    with pytest.raises(ConfigError, match="kernel=native: no cross entropy; choose kernel=auto"):
        choose_kernel("native", model, "cpu", "32-true")
    assert choose_kernel("native", model[0], "cpu", "32-true").name == "native"
