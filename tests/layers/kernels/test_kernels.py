"""The native kernels compute what the reference cells compute, and hand on what they cannot."""

import copy
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rnnlab.layers.cells import gru_cell, lstm_cell, rnn_cell
from rnnlab.layers.kernels import (
    GRULayer,
    LSTMLayer,
    RNNLayer,
    bfloat16_problem,
    count_native_layers,
    set_kernel,
)
from rnnlab.layers.kernels import layers as layers_module

CELLS = ("rnn_tanh", "rnn_relu", "lstm", "gru")
TOLERANCE = 1e-5

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no compiler")
needs_bfloat16 = pytest.mark.skipif(
    bfloat16_problem() is not None, reason="no products of bfloat16 here"
)
pytestmark = needs_compiler


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def make_layer(cell: str, *sizes: int, kernel: str = "native") -> nn.RNNBase:
    D, H = sizes
    layers: dict[str, Any] = {
        "rnn_tanh": lambda: RNNLayer(D, H),
        "rnn_relu": lambda: RNNLayer(D, H, "relu"),
        "lstm": lambda: LSTMLayer(D, H),
        "gru": lambda: GRULayer(D, H),
    }
    layer = layers[cell]()
    set_kernel(layer, kernel)
    return layer


def make_state(cell: str, *sizes: int) -> Any:
    h = torch.randn(1, *sizes)
    return (h, torch.randn(1, *sizes)) if cell == "lstm" else h


def reference(cell: str, x: Tensor, state: Any, weights: list[Tensor]) -> tuple[Tensor, ...]:
    """Outputs (B, T, H) and the parts of the last state, step by step."""
    parts = [part[0] for part in (state if cell == "lstm" else (state,))]
    outputs = []
    for step in x.unbind(1):
        if cell == "lstm":
            parts = list(lstm_cell(step, (parts[0], parts[1]), weights))
        elif cell == "gru":
            parts = [gru_cell(step, parts[0], weights)]
        else:
            activation = torch.tanh if cell == "rnn_tanh" else torch.relu
            parts = [rnn_cell(step, parts[0], weights, activation)]
        outputs.append(parts[0])
    return (torch.stack(outputs, 1), *(part[None] for part in parts))


def results(run: Any, tensors: list[Tensor], seeds: list[Tensor]) -> list[Tensor]:
    """Outputs, and gradients of all tensors for a weighted sum of all outputs."""
    outputs = run(*tensors)
    loss = sum((o * seed).sum() for o, seed in zip(outputs, seeds, strict=True))
    return [*outputs, *torch.autograd.grad(loss, tensors)]


def leaves(*tensors: Tensor, dtype: torch.dtype) -> list[Tensor]:
    return [tensor.detach().to(dtype).requires_grad_() for tensor in tensors]


def flat_state(cell: str, state: Any) -> list[Tensor]:
    return list(state) if cell == "lstm" else [state]


def check_against_references(cell: str, shape: tuple[int, ...], threads: int) -> None:
    B, T, D, H = shape
    torch.set_num_threads(threads)
    layer, state = make_layer(cell, D, H), make_state(cell, B, H)
    names = [name for name, _ in layer.named_parameters()]
    inputs = (torch.randn(B, T, D), *flat_state(cell, state), *layer.parameters())
    seeds = [torch.randn(B, T, H), *(torch.randn(1, B, H) for _ in flat_state(cell, state))]
    count = len(flat_state(cell, state))

    def run(kernel: str) -> Any:
        set_kernel(layer, kernel)

        def call(x: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
            hx = others[:count] if cell == "lstm" else others[0]
            weights = dict(zip(names, others[count:], strict=True))
            outputs, after = torch.func.functional_call(layer, weights, (x, hx))
            return (outputs, *flat_state(cell, after))

        return call

    def cells(x: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        hx = others[:count] if cell == "lstm" else others[0]
        return reference(cell, x, hx, list(others[count:]))

    double = [seed.double() for seed in seeds]
    exact = results(cells, leaves(*inputs, dtype=torch.float64), double)
    ours = results(run("native"), leaves(*inputs, dtype=torch.float32), seeds)
    torchs = results(run("torch"), leaves(*inputs, dtype=torch.float32), seeds)
    for value, other, expected in zip(ours, torchs, exact, strict=True):
        scale = expected.abs().max().clamp_min(0.5)  # sums of such terms cancel
        assert (value.double() - expected).abs().max() <= TOLERANCE * scale
        assert (value - other).abs().max() <= TOLERANCE * scale


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("hidden", [3, 8, 20])
@pytest.mark.parametrize("batch", [2, 4, 7, 20])
def test_a_row_of_a_batch_is_what_it_is_alone(cell: str, hidden: int, batch: int) -> None:
    torch.manual_seed(0)
    layer = make_layer(cell, hidden, hidden)
    x = torch.randn(batch, 4, hidden, requires_grad=True)
    seeds = torch.randn(batch, 4, hidden)
    together = [layer(x)[0], *torch.autograd.grad((layer(x)[0] * seeds).sum(), x)]
    for row in range(batch):
        one = x[row : row + 1].detach().requires_grad_()
        alone = [layer(one)[0], *torch.autograd.grad((layer(one)[0] * seeds[row]).sum(), one)]
        for many, single in zip(together, alone, strict=True):
            assert torch.equal(many[row], single[0])


@pytest.mark.parametrize("cell", CELLS)
@settings(max_examples=12)
@given(
    st.tuples(st.integers(1, 35), st.integers(1, 9), st.integers(1, 40), st.integers(1, 70)),
    st.integers(0, 9),
)
def test_any_shape_equals_the_reference_cells(cell: str, shape: tuple[int, ...], seed: int) -> None:
    torch.manual_seed(seed)
    check_against_references(cell, shape, threads=1)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (64, 3, 33, 128), (20, 30, 7, 100), (20, 30, 3, 100)]
)
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_and_large_shapes_equal_the_reference_cells(
    cell: str, shape: tuple[int, ...], threads: int
) -> None:
    torch.manual_seed(0)
    check_against_references(cell, shape, threads)


def train_step(layer: nn.RNNBase, x: Tensor) -> list[Tensor]:
    layer.zero_grad()
    outputs, _ = layer(x)
    outputs.square().sum().backward()
    return [outputs.detach(), *(p.grad.clone() for p in layer.parameters())]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("threads", [1, 2])
def test_results_are_reproducible_for_a_number_of_threads(cell: str, threads: int) -> None:
    torch.set_num_threads(threads)
    layer, x = make_layer(cell, 40, 64), torch.randn(30, 40, 40)
    first, second = train_step(layer, x), train_step(layer, x)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("cell", CELLS)
def test_a_sequence_does_not_depend_on_its_batch_or_the_threads(cell: str) -> None:
    layer, x = make_layer(cell, 24, 64), torch.randn(37, 60, 24)
    whole, _ = layer(x)
    torch.set_num_threads(2)
    split, _ = layer(x)
    assert torch.equal(whole, split)
    for rows in (slice(0, 1), slice(5, 16), slice(30, 37)):
        assert torch.equal(layer(x[rows])[0], whole[rows])


@pytest.mark.parametrize("cell", CELLS)
def test_results_without_gradients_are_the_same(cell: str) -> None:
    layer, x = make_layer(cell, 5, 9), torch.randn(7, 50, 5)
    outputs, after = layer(x)
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            plain, last = layer(x)
        assert torch.equal(plain, outputs)
        pairs = zip(flat_state(cell, last), flat_state(cell, after), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("cell", CELLS)
def test_two_halves_with_the_carried_state_equal_the_whole(cell: str) -> None:
    layer, x = make_layer(cell, 4, 6), torch.randn(3, 10, 4)
    whole, last = layer(x)
    first, state = layer(x[:, :4])
    second, after = layer(x[:, 4:], state)
    assert torch.equal(torch.cat([first, second], 1), whole)
    pairs = zip(flat_state(cell, after), flat_state(cell, last), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("place", ["inputs", "weights", "gradients"])
def test_nan_and_infinity_reach_results_and_gradients(cell: str, value: float, place: str) -> None:
    torch.manual_seed(0)
    x, gradient = torch.randn(3, 5, 4), torch.randn(3, 5, 6)
    layer = make_layer(cell, 4, 6)
    if place == "inputs":
        x[1, 2, 3] = value
    if place == "weights":
        layer.weight_hh_l0.data[2, 3] = value
    if place == "gradients":
        gradient[1, 4, 2] = value
    found = []
    for kernel in ("native", "torch"):
        set_kernel(layer, kernel)
        layer.zero_grad()
        leaf = x.clone().requires_grad_()
        outputs, _ = layer(leaf)
        outputs.backward(gradient)
        found.append([outputs.detach(), leaf.grad, *(p.grad.clone() for p in layer.parameters())])
    for ours, torchs in zip(*found, strict=True):
        finite = torch.isfinite(torchs)
        assert torch.equal(torch.isfinite(ours), finite)  # inf or NaN where torch has one of them
        torch.testing.assert_close(ours[finite], torchs[finite], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_inputs_that_are_views_give_the_same(cell: str) -> None:
    layer, x = make_layer(cell, 4, 6), torch.randn(5, 8, 8)
    strided = x[:, ::2, 1::2]
    expanded = torch.randn(1, 8, 4).expand(5, 8, 4)
    time_first = torch.randn(8, 5, 4).transpose(0, 1)
    for view in (strided, x[::2, ::3, 2:6], expanded, x[:, :1, :4].expand(5, 8, 4), time_first):
        layer.zero_grad()
        first = train_step(layer, leaf := view.detach().requires_grad_())
        layer.zero_grad()
        second = train_step(
            layer,
            other := view.detach().clone(memory_format=torch.contiguous_format).requires_grad_(),
        )
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        if view is time_first:  # another product, whose sums some processors add in another order
            torch.testing.assert_close(leaf.grad, other.grad, rtol=1e-6, atol=1e-6)
        else:
            assert torch.equal(leaf.grad, other.grad)


@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_outputs_that_are_views_give_the_same(cell: str) -> None:
    layer, x = make_layer(cell, 4, 6), torch.randn(5, 8, 4, requires_grad=True)
    gradient = torch.randn(5, 16, 12)
    for view in (gradient[:, ::2, ::2], gradient[:, 8:, 3:9], gradient[:1, :1, :1].expand(5, 8, 6)):
        found = [
            torch.autograd.grad(layer(x)[0], [x, *layer.parameters()], g)
            for g in (view, view.contiguous(), view.transpose(0, 1).contiguous().transpose(0, 1))
        ]
        for others in found[1:]:
            assert all(torch.equal(a, b) for a, b in zip(found[0], others, strict=True))


@pytest.mark.parametrize("cell", CELLS)
def test_second_derivatives_equal_those_of_the_cells(cell: str) -> None:
    torch.manual_seed(0)
    layer, x = make_layer(cell, 3, 4), torch.randn(2, 3, 3, requires_grad=True)
    state = make_state(cell, 2, 4)
    weights = list(layer.parameters())

    def penalty(outputs: Tensor) -> list[Tensor]:
        (slope,) = torch.autograd.grad(outputs.pow(3).sum(), x, create_graph=True)
        return list(torch.autograd.grad(slope.square().sum(), [x, *weights], allow_unused=True))

    ours = penalty(layer(x, state)[0])
    expected = penalty(reference(cell, x, state, weights)[0])
    for a, b in zip(ours, expected, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_only_the_last_state_is_used() -> None:
    layer, x = make_layer("lstm", 3, 4), torch.randn(2, 5, 3)
    found = []
    for kernel in ("native", "torch"):
        set_kernel(layer, kernel)
        layer.zero_grad()
        layer(x)[1][1].square().sum().backward()
        found.append([p.grad.clone() for p in layer.parameters()])
    torch.testing.assert_close(found[0], found[1])


def test_gradients_can_be_asked_twice_and_for_some_inputs_only() -> None:
    layer, x = make_layer("gru", 3, 4), torch.randn(2, 5, 3, requires_grad=True)
    for parameter in layer.parameters():
        parameter.requires_grad_(False)
    outputs, _ = layer(x)
    first = torch.autograd.grad(outputs.sum(), x, retain_graph=True)
    assert torch.equal(first[0], torch.autograd.grad(outputs.sum(), x)[0])


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("cell", CELLS)
def test_what_the_kernels_do_not_serve_is_computed_by_torch(
    cell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer, x = make_layer(cell, 3, 4), torch.randn(2, 5, 3)
    expected, _ = layer(x)

    def forbid(*arguments: Any) -> None:
        raise AssertionError("the native kernels were called")

    monkeypatch.setattr(layers_module, "run_recurrence", forbid)
    with pytest.raises(AssertionError):
        layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        layer(x)
    assert layer(x[:0])[0].shape == (0, 5, 4)
    assert layer(x[0])[0].shape == (5, 4)
    torch.testing.assert_close(torch.jit.trace(layer, x, check_trace=False)(x)[0], expected)
    slope = torch.func.grad(lambda inputs: layer(inputs)[0].sum())(x)
    assert slope.shape == x.shape
    double = copy.deepcopy(layer).double()
    torch.testing.assert_close(double(x.double())[0].float(), expected)
    meta = copy.deepcopy(layer).to("meta")
    assert meta(x.to("meta"))[0].device.type == "meta"
    with pytest.raises(RuntimeError, match="size"):
        layer(x[:, :, :2])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_an_lstm_computes_under_autocast_on_every_processor(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers_module, "has_lstm", lambda dtype: False)
    layer, x = make_layer("lstm", 3, 4), torch.randn(2, 5, 3, requires_grad=True)
    expected, (h, c) = layer(x)
    with torch.autocast("cpu", dtype=dtype):
        found, state = layer(x.to(dtype).float(), (h.to(dtype), c.to(dtype)))
        assert [part.dtype for part in (found, *state)] == [torch.float32] * 3
        torch.testing.assert_close(layer(x)[0], expected)
        found.sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_checkpoints_do_not_depend_on_the_kernel() -> None:
    native, plain = make_layer("gru", 3, 4), nn.GRU(3, 4, batch_first=True)
    plain.load_state_dict(native.state_dict())
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(plain(x)[0], native(x)[0])
    assert list(plain.state_dict()) == list(native.state_dict())


def test_layers_of_a_model_are_counted() -> None:
    model = nn.Sequential(GRULayer(2, 3), nn.Linear(3, 3), LSTMLayer(3, 4), nn.GRU(3, 4))
    assert count_native_layers(model) == 2


def rounded_and_exact(
    layer: nn.RNNBase, x: Tensor, gradient: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """Outputs and the gradients of inputs, weights and biases, rounded and not."""
    found = []
    for precision in ("bfloat16", "same"):
        set_kernel(layer, "native", precision)
        leaf = x.detach().requires_grad_()
        outputs, _ = layer(leaf)
        found.append(
            [outputs, *torch.autograd.grad(outputs, [leaf, *layer.parameters()], gradient)]
        )
    return found[0], found[1]


@needs_bfloat16
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(1, 1, 3, 2), (3, 5, 3, 7), (20, 35, 33, 70), (64, 40, 1, 32)])
def test_rounded_products_differ_by_the_rounding_of_their_factors(
    cell: str, threads: int, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    B, T, D, H = shape
    torch.set_num_threads(threads)
    layer, x, gradient = make_layer(cell, D, H), torch.randn(B, T, D), torch.randn(B, T, H)
    rounded, exact = rounded_and_exact(layer, x, gradient)
    state = torch.zeros(1, B, H, dtype=torch.float64)
    weights = leaves(*layer.parameters(), dtype=torch.float64)
    (leaf,) = leaves(x, dtype=torch.float64)
    outputs = reference(cell, leaf, (state, state) if cell == "lstm" else state, weights)[0]
    double = torch.autograd.grad(outputs, [leaf, *weights], gradient.double())
    _, *approximate, _, _ = rounded  # gradients of x, weight_ih, weight_hh
    for ours, expected in zip(approximate, double[:3], strict=True):
        error = (ours.double() - expected).norm()
        assert error <= 4e-3 * expected.norm()
        if expected.norm() and B > 1:
            assert error > 1e-4 * expected.norm()  # they are really rounded
    for ours, expected in zip((rounded[0], *rounded[4:]), (exact[0], *exact[4:]), strict=True):
        assert torch.equal(ours, expected)  # outputs and biases


@needs_bfloat16
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 3.4e38])
@pytest.mark.parametrize("place", ["inputs", "gradients", "weights"])
def test_nan_and_infinity_reach_rounded_gradients(cell: str, value: float, place: str) -> None:
    torch.manual_seed(0)
    layer, x, gradient = make_layer(cell, 4, 6), torch.randn(3, 5, 4), torch.randn(3, 5, 6)
    arrays = {"inputs": x[1, 2], "gradients": gradient[1, 4], "weights": layer.weight_ih_l0.data[2]}
    arrays[place][2] = value
    rounded, exact = rounded_and_exact(layer, x, gradient)
    for ours, expected in zip(rounded, exact, strict=True):
        assert not torch.isfinite(ours[~torch.isfinite(expected)]).any()
    if value != 3.4e38:  # its bfloat16 is infinite
        for ours, expected in zip(rounded, exact, strict=True):
            assert torch.equal(torch.isfinite(ours), torch.isfinite(expected))


@needs_bfloat16
@pytest.mark.parametrize("threads", [1, 2])
def test_rounded_gradients_are_reproducible_and_for_training_alone(threads: int) -> None:
    torch.set_num_threads(threads)
    layer, x = make_layer("lstm", 40, 64), torch.randn(30, 40, 40)
    exact = train_step(layer, x)
    set_kernel(layer, "native", "bfloat16")
    first, second = train_step(layer, x), train_step(layer, x)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[1], exact[1])
    layer.eval()
    assert all(torch.equal(a, b) for a, b in zip(train_step(layer, x), exact, strict=True))


def test_the_kernel_of_torch_has_no_rounded_products() -> None:
    with pytest.raises(RuntimeError, match="no products of bfloat16"):
        set_kernel(GRULayer(2, 3), "torch", "bfloat16")
