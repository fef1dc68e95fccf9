"""The output layer and its loss as one operation, against the plain two."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from rnnlab.layers import cross_entropy as fused
from rnnlab.layers.cross_entropy import IGNORE_INDEX, fast_chunk_size, linear_cross_entropy


def parts(
    rows: int = 7, classes: int = 5, features: int = 3, dtype: torch.dtype = torch.float64
) -> tuple[list[Tensor], Tensor]:
    """Features, weight and bias, and targets."""
    draw = torch.Generator().manual_seed(0)
    shapes = [(rows, features), (classes, features), (classes,)]
    made = [torch.randn(shape, generator=draw, dtype=dtype).requires_grad_() for shape in shapes]
    return made, torch.randint(0, classes, (rows,), generator=draw)


def plain(made: list[Tensor], targets: Tensor, ignore_index: int = IGNORE_INDEX) -> Tensor:
    scores = linear(*made)
    return cross_entropy(scores, targets, reduction="none", ignore_index=ignore_index)


@settings(max_examples=40)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5), st.integers(1, 10), st.booleans())
def test_values_and_gradients_are_those_of_the_plain_loss(
    rows: int, classes: int, features: int, chunk_size: int, alike: bool
) -> None:
    made, targets = parts(rows, classes, features)
    weights = torch.full((rows,), -1 / rows) if alike else torch.randn(rows)
    ours = linear_cross_entropy(*made, targets, chunk_size=chunk_size)
    wanted = plain(made, targets)
    torch.testing.assert_close(ours, wanted, atol=1e-10, rtol=1e-10)
    pairs = zip(
        torch.autograd.grad(ours, made, weights.double()),
        torch.autograd.grad(wanted, made, weights.double()),
        strict=True,
    )
    for one, other in pairs:
        torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-10)


def test_single_precision_is_as_good_as_the_plain_one() -> None:
    made, targets = parts(60, 500, 20, torch.float32)
    ours, wanted = linear_cross_entropy(*made, targets, chunk_size=17), plain(made, targets)
    torch.testing.assert_close(ours, wanted, atol=1e-5, rtol=1e-5)
    for one, other in zip(
        torch.autograd.grad(ours.mean(), made),
        torch.autograd.grad(wanted.mean(), made),
        strict=True,
    ):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_a_very_unlikely_target_has_a_finite_loss() -> None:
    features, weight = torch.tensor([[1.0], [1.0]]), torch.tensor([[300.0], [0.0], [-300.0]])
    losses = linear_cross_entropy(features, weight, torch.zeros(3), torch.tensor([0, 2]))
    assert losses.tolist() == [0.0, 600.0]


def test_the_gradient_is_that_of_finite_differences() -> None:
    made, targets = parts()
    torch.autograd.gradcheck(lambda *m: linear_cross_entropy(*m, targets, chunk_size=3), made)
    made.pop()
    torch.autograd.gradcheck(lambda *m: linear_cross_entropy(*m, None, targets), made)


def test_targets_that_do_not_count_give_nothing() -> None:
    made, targets = parts()
    targets[[1, 4]] = 0
    ours = linear_cross_entropy(*made, targets, ignore_index=0, chunk_size=2)
    wanted = plain(made, targets, ignore_index=0)
    torch.testing.assert_close(ours, wanted)
    for one, other in zip(
        torch.autograd.grad(ours.sum(), made), torch.autograd.grad(wanted.sum(), made), strict=True
    ):
        torch.testing.assert_close(one, other)
    made, targets = parts()
    targets[:] = IGNORE_INDEX
    losses = linear_cross_entropy(*made, targets)
    losses.sum().backward()
    assert not any(part.grad.any() for part in made)
    assert not losses.any()


def test_a_second_backward_gives_the_same_once_more() -> None:
    made, targets = parts()
    loss = linear_cross_entropy(*made, targets).mean()
    first = torch.autograd.grad(loss, made, retain_graph=True)
    kept = [part.clone() for part in first]
    second = torch.autograd.grad(loss, made)
    for one, other, copy in zip(first, second, kept, strict=True):
        assert torch.equal(one, copy), "the first gradient was changed by the second backward"
        torch.testing.assert_close(one, other)


def test_no_more_scores_are_held_than_those_of_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    held, made_of = [], fused._scores

    def seen(*given: Tensor) -> Tensor:
        held.append(made_of(*given))
        return held[-1]

    monkeypatch.setattr(fused, "_scores", seen)
    made, targets = parts(rows=10)
    linear_cross_entropy(*made, targets, chunk_size=4).mean().backward()
    assert [len(scores) for scores in held] == [4, 4, 2], "and they are made once"
    with torch.no_grad():
        linear_cross_entropy(*made, targets, chunk_size=4)
    assert len(held) == 6


def test_only_what_is_asked_for_is_kept_for_the_backward() -> None:
    made, targets = parts()
    with torch.no_grad():
        quiet = linear_cross_entropy(*made, targets)
    assert quiet.grad_fn is None
    torch.testing.assert_close(quiet, plain(made, targets))
    made[1].requires_grad_(False)
    linear_cross_entropy(*made, targets).mean().backward()
    assert made[1].grad is None
    assert made[0].grad.any()


def test_half_precision_multiplies_coarsely_and_adds_exactly() -> None:
    made, targets = parts(64, 40, 8, torch.float32)
    exact = plain(made, targets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours = linear_cross_entropy(*made, targets, chunk_size=4)
        coarse = plain(made, targets)
    assert ours.dtype == torch.float32
    torch.testing.assert_close(ours, coarse, atol=1e-5, rtol=1e-5)
    gradients = torch.autograd.grad(ours.mean(), made)
    for one, other in zip(gradients, torch.autograd.grad(exact.mean(), made), strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, atol=1e-3, rtol=3e-2)
    halves = [part.detach().bfloat16().requires_grad_() for part in made]
    linear_cross_entropy(*halves, targets).mean().backward()
    assert halves[1].grad.dtype == torch.bfloat16


@pytest.mark.parametrize("chunk_size", [7, 64])
def test_coarse_gradients_leave_the_loss_exact(chunk_size: int) -> None:
    made, targets = parts(64, 400, 20, torch.float32)
    exact = linear_cross_entropy(*made, targets, chunk_size=chunk_size)
    ours = linear_cross_entropy(
        *made, targets, chunk_size=chunk_size, gradient_dtype=torch.bfloat16
    )
    assert torch.equal(ours, exact)
    for one, other in zip(
        torch.autograd.grad(ours.mean(), made),
        torch.autograd.grad(exact.mean(), made),
        strict=True,
    ):
        assert one.dtype == torch.float32
        apart = (one - other).norm() / other.norm()
        assert apart < 0.01, "8 bits of each product"
    assert apart == 0, "the bias is added up, not multiplied"


@given(st.integers(0, 3000), st.integers(1, 100_000))
def test_chunks_are_alike_and_small_enough(rows: int, classes: int) -> None:
    size = fast_chunk_size(rows, classes, "cpu")
    assert size == 1 or size * classes <= fused.CHUNK_SCORES["cpu"]
    if rows:
        assert size * -(-rows // size) - rows < size
