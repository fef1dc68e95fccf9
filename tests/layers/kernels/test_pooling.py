"""Mean and maximum of the native kernels, compared with torch's operations."""

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnnlab.layers.kernels import native_problem, set_kernel
from rnnlab.layers.pooling import (
    STATISTICS,
    NativeStatistics,
    Pooling,
    StatisticsPooling,
    is_pooling_served,
    pool_last,
)

pytestmark = pytest.mark.skipif(native_problem("pooling") is not None, reason="no compiler")


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    previous = torch.get_num_threads()
    yield
    torch.set_num_threads(previous)


def make_outputs(batch: int, steps: int, width: int, by_step: bool, seed: int = 0) -> Tensor:
    """Return outputs (B, T, H), stored by step or by sequence."""
    generator = torch.Generator().manual_seed(seed)
    if by_step:
        return torch.randn(steps, batch, width, generator=generator).transpose(0, 1)
    return torch.randn(batch, steps, width, generator=generator)


def native(name: str) -> StatisticsPooling:
    pooling = StatisticsPooling(name)
    set_kernel(pooling, "native")
    return pooling


def run(pool: object, outputs: Tensor, lengths: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pooled outputs and the gradient of their weighted sum."""
    assert callable(pool)
    leaf = outputs.detach().requires_grad_()
    pooled = pool(leaf, lengths)
    (gradient,) = torch.autograd.grad(pooled, leaf, weights.to(pooled.dtype))
    return pooled.detach(), gradient


def was_native(outputs: Tensor, lengths: Tensor) -> bool:
    pooled = native("max")(outputs.requires_grad_(), lengths)
    return type(pooled.grad_fn).__name__ == f"{NativeStatistics.__name__}Backward"


@settings(max_examples=60)
@given(
    *(st.integers(1, 9), st.integers(1, 100), st.integers(1, 70), st.booleans()),
    *(st.sampled_from(sorted(STATISTICS)), st.booleans(), st.integers(0, 99)),
)
def test_any_shape_equals_torch_in_double_precision(
    batch: int, steps: int, width: int, by_step: bool, name: str, has_ties: bool, seed: int
) -> None:
    outputs = make_outputs(batch, steps, width, by_step, seed)
    outputs = outputs.relu() if has_ties else outputs
    lengths = torch.randint(1, steps + 1, (batch,), generator=torch.Generator().manual_seed(seed))
    weights = torch.randn(batch, width * (2 if name == "mean_max" else 1))
    pooled, gradient = run(native(name), outputs, lengths, weights)
    expected = run(STATISTICS[name], outputs.double(), lengths, weights)
    torch.testing.assert_close(pooled.double(), expected[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient.double(), expected[1], rtol=1e-5, atol=1e-6)
    assert gradient.stride() == outputs.stride() or 1 in outputs.shape


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("step", [0, 40, 69, 75])
def test_nan_and_infinity_of_valid_steps_reach_the_result(value: float, step: int) -> None:
    outputs, lengths = make_outputs(3, 80, 40, by_step=True), torch.tensor([80, 70, 75])
    outputs[1, step, 3] = value
    weights = torch.rand(3, 80)
    (pooled, gradient), expected = (
        run(pool, outputs, lengths, weights)
        for pool in (native("mean_max"), STATISTICS["mean_max"])
    )
    if step < 70:
        torch.testing.assert_close(pooled, expected[0], equal_nan=True)
        torch.testing.assert_close(gradient, expected[1], equal_nan=True)
    else:  # torch multiplies padding by zero
        assert pooled.isfinite().all()
        assert gradient.isfinite().all()


def test_a_sequence_is_what_it_is_alone_and_threads_change_nothing() -> None:
    outputs, lengths = make_outputs(70, 300, 128, by_step=True), torch.arange(231, 301)
    weights = torch.randn(70, 256)
    results = []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        results.append(run(native("mean_max"), outputs, lengths, weights))
    assert all(map(torch.equal, *results))
    alone = run(native("mean_max"), outputs[7:8], lengths[7:8], weights[7:8])
    assert all(torch.equal(one, many[7:8]) for one, many in zip(alone, results[0], strict=True))


def test_rounding_does_not_grow_with_the_steps() -> None:
    outputs = torch.full((2, 20_000, 1), 0.1)
    pooled = native("mean_max")(outputs, torch.tensor([20_000, 9]))
    assert pooled[:, 0].tolist() == pytest.approx([0.1, 0.1], rel=1e-5)


def test_gradients_have_derivatives() -> None:
    outputs, lengths = make_outputs(2, 5, 3, by_step=True), torch.tensor([5, 3])
    results = []
    for pool in (native("mean_max"), STATISTICS["mean_max"]):
        leaf = outputs.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(
            pool(leaf, lengths).square().sum(), leaf, create_graph=True
        )
        results.append(torch.autograd.grad(gradient.square().sum(), leaf)[0])
    torch.testing.assert_close(*results)


def test_other_calls_are_those_of_torch() -> None:
    outputs, lengths = make_outputs(2, 5, 4, by_step=True), torch.tensor([5, 3])
    assert was_native(outputs, lengths)
    assert was_native(outputs[:, :, :3].detach(), lengths)
    assert not was_native(outputs.detach().double(), lengths)
    assert not was_native(outputs.detach(), lengths.int())
    assert not is_pooling_served(outputs[:, :, ::2], lengths)
    assert not is_pooling_served(outputs[:0], lengths[:0])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not is_pooling_served(outputs, lengths)
    strided = torch.tensor([5, 0, 3, 0])[::2]
    assert torch.equal(
        native("max")(outputs.detach(), strided), STATISTICS["max"](outputs.detach(), lengths)
    )


def test_the_kernel_of_a_pooling_is_set_with_that_of_the_layers() -> None:
    pooling = Pooling("mean_max", 3, bidirectional=False)
    set_kernel(pooling, "native")
    assert isinstance(pooling.pool, StatisticsPooling)
    assert pooling.pool.kernel == "native"
    assert not pooling.state_dict()


@pytest.mark.parametrize("by_step", [True, False])
def test_the_last_outputs_have_gradients_stored_by_step(by_step: bool) -> None:
    outputs, lengths = make_outputs(4, 6, 3, by_step), torch.tensor([6, 1, 3, 6])
    pooled, gradient = run(pool_last, outputs, lengths, torch.ones(4, 3))
    for i, length in enumerate(lengths):
        assert torch.equal(pooled[i], outputs[i, length - 1])
        assert gradient[i].sum() == gradient[i, length - 1].sum() == 3
    assert gradient.transpose(0, 1).is_contiguous()
