"""Clipping is torch's, and returns the size of the gradients before it."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from rnnlab.config.schema import parse
from rnnlab.errors import ConfigError
from rnnlab.experiment.build import build_model, build_preview, build_task
from rnnlab.layers.clipping import AutoClip, clip_gradients, read_sizes
from rnnlab.spec import DataSpec
from tests.helpers.configs import compose


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


@pytest.mark.parametrize("share", [1 - 1e-6, 1, 1 + 1e-7, 1 + 1e-6, 1 + 1e-5, math.nan])
@pytest.mark.parametrize("scale", [1e-5, 1.0])
def test_norms_at_the_threshold_are_clipped_as_torch_clips_them(share: float, scale: float) -> None:
    """Gradients that torch multiplies by 1 are left out of the pass, others never."""
    net, other = network(scale), network(scale)
    threshold = clip_gradients(torch.optim.SGD(net.parameters()), None).norm.item() * share
    if math.isnan(share):
        for model in (net, other):
            parameter = next(model.parameters())
            parameter.grad = torch.full_like(parameter, math.nan)
        threshold = 1.0
    clip_gradients(torch.optim.SGD(net.parameters()), threshold)
    clip_grad_norm_(other.parameters(), threshold)
    for ours, theirs in zip(gradients(net), gradients(other), strict=True):
        assert np.array_equal(ours.numpy(), theirs.numpy(), equal_nan=True)


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


# AutoClip.


def test_the_threshold_is_the_tenth_percentile_of_the_norms_so_far() -> None:
    norms = np.random.default_rng(0).lognormal(size=50).tolist()
    auto = AutoClip()
    for i, norm in enumerate(norms, start=1):
        assert auto.update(norm) == pytest.approx(np.percentile(norms[:i], 10))


def test_norms_that_say_nothing_are_left_out() -> None:
    auto = AutoClip()
    assert auto.update(math.nan) == math.inf
    assert auto.update(0.0) == math.inf
    assert auto.update(2.0) == 2.0
    assert auto.update(math.inf) == 2.0


def test_gradients_are_clipped_at_the_threshold_of_their_step() -> None:
    auto, net = AutoClip(), network()
    small = clip_gradients(torch.optim.SGD(net.parameters()), auto)
    assert small.threshold == small.norm.item()  # the first step keeps its length
    net = network(scale=10.0)
    large = clip_gradients(torch.optim.SGD(net.parameters()), auto)
    assert large.threshold == pytest.approx(1.9 * small.threshold)
    clipped = torch.cat([g.flatten() for g in gradients(net)]).norm()
    assert clipped.item() == pytest.approx(large.threshold, rel=1e-4)


def test_a_checkpoint_has_the_norms_and_a_model_without_auto_has_none() -> None:
    checkpoints = []
    for value in ("auto", "1.0"):
        config = parse(compose("data=sine", f"trainer.gradient_clip_val={value}"))
        model = build_model(config, build_task(config, DataSpec(1, input_size=1)))
        if model.auto_clip is not None:
            for norm in (0.3, 0.1 + 0.2, 1e-7):
                model.auto_clip.update(norm)
        checkpoint: dict[str, Any] = {}
        model.on_save_checkpoint(checkpoint)
        checkpoints.append(checkpoint)
        model.auto_clip = AutoClip()
        model.on_load_checkpoint(checkpoint)
        assert model.auto_clip.norms == ([1e-7, 0.3, 0.1 + 0.2] if value == "auto" else [])
    assert ["auto_clip" in checkpoint for checkpoint in checkpoints] == [True, False]


@pytest.mark.parametrize(
    ("words", "solution"),
    [
        (["trainer.gradient_clip_algorithm=value"], ["trainer.gradient_clip_algorithm=norm"]),
        (["trainer.gradient_clip_algorithm=value"], ["trainer.gradient_clip_val=0.5"]),
        (["trainer.strategy=fsdp"], ["trainer.strategy=ddp"]),
    ],
)
def test_auto_is_refused_where_no_norm_is_clipped(words: list[str], solution: list[str]) -> None:
    settings = ["data=sine", "trainer.gradient_clip_val=auto", *words]
    with pytest.raises(ConfigError, match="auto") as refusal:
        build_preview(parse(compose(*settings)))
    assert solution[0] in str(refusal.value)
    build_preview(parse(compose(*settings, *solution)))


def test_another_word_is_refused_with_the_valid_one() -> None:
    with pytest.raises(ConfigError, match=r"trainer.gradient_clip_val=atuo: .*'auto'"):
        parse(compose("data=sine", "trainer.gradient_clip_val=atuo"))
