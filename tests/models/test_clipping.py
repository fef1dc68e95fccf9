"""Clipping is torch's, and returns the size of the gradients before it."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from rnnlab.models.clipping import clip_gradients, read_sizes


def network(scale: float = 1.0) -> nn.Module:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    (scale * net(torch.randn(5, 3)).square().sum()).backward()
    return net


def gradients(net: nn.Module) -> list[Tensor]:
    return [p.grad.clone() for p in net.parameters() if p.grad is not None]


@pytest.mark.parametrize("threshold", [1e-3, 1e6])
def test_norms_are_clipped_as_torch_clips_them(threshold: float) -> None:
    net, other = network(), network()
    size = clip_gradients(torch.optim.SGD(net.parameters()), threshold)
    norm = clip_grad_norm_(other.parameters(), threshold)
    assert torch.equal(size.norm, norm)
    assert torch.equal(size.largest, norm)
    assert all(map(torch.equal, gradients(net), gradients(other)))


def test_values_are_clipped_as_torch_clips_them() -> None:
    net, other = network(), network()
    largest = max(g.abs().max() for g in gradients(net))
    norm = torch.cat([g.flatten() for g in gradients(net)]).norm()
    size = clip_gradients(torch.optim.SGD(net.parameters()), 0.1, "value")
    clip_grad_value_(other.parameters(), 0.1)
    assert all(map(torch.equal, gradients(net), gradients(other)))
    ((read_norm, read_largest, threshold),) = read_sizes([size])
    assert (read_norm, read_largest) == pytest.approx((norm.item(), largest.item()))
    assert threshold == 0.1


def test_without_a_threshold_gradients_stay_and_are_measured() -> None:
    net, other = network(), network()
    size = clip_gradients(torch.optim.SGD(net.parameters()), None)
    assert all(map(torch.equal, gradients(net), gradients(other)))
    assert size.threshold == math.inf
    assert size.norm > 0
