import pytest
import torch
from torch import nn

from rnnlab import schedules
from rnnlab.models import GRU, ScheduleContext
from rnnlab.models.base import parameter_groups
from rnnlab.spec import DataSpec
from rnnlab.tasks import Forecasting

PEAK, STEPS = 0.5, 100


def rates(name: str, steps: int = STEPS, metric: list[float] | None = None, **settings) -> list:
    """The rate before the first step, and after each."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=PEAK)
    made = getattr(schedules, name)(optimizer, ScheduleContext(STEPS, "val/mse", "min"), **settings)
    found = [optimizer.param_groups[0]["lr"]]
    for i in range(steps):
        optimizer.step()
        if made is not None:
            made["scheduler"].step(*([metric[i]] if metric else []))
        found.append(optimizer.param_groups[0]["lr"])
    return found


def test_constant_stays():
    assert set(rates("constant")) == {PEAK}


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_one_cycle_rises_to_the_rate_and_falls_to_almost_nothing(share):
    found = rates("one_cycle", warmup_fraction=share)
    peak = round(share * STEPS)
    assert found[0] == pytest.approx(PEAK / 25)
    assert max(found) == pytest.approx(PEAK, rel=1e-3)  # it lies between two steps
    assert abs(found.index(max(found)) - peak) <= 1
    assert found[:peak] == sorted(found[:peak])
    assert found[peak:] == sorted(found[peak:], reverse=True)
    assert found[-1] == pytest.approx(PEAK / 25 / 1e4)


@pytest.mark.parametrize("steps", range(1, 12))
def test_one_cycle_takes_a_run_of_any_length(steps):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=PEAK)
    made = schedules.one_cycle(
        optimizer, ScheduleContext(steps, "val/mse", "min"), warmup_fraction=0.2
    )
    for _ in range(steps):
        optimizer.step()
        made["scheduler"].step()
    assert 0 < optimizer.param_groups[0]["lr"] < PEAK / 1000


@pytest.mark.parametrize("name", ["cosine", "one_cycle"])
@pytest.mark.parametrize("none", [0, 0.0])
def test_there_need_not_be_a_warm_up(name, none):
    found = rates(name, warmup_fraction=none)
    assert found[0] == pytest.approx(PEAK, rel=0.01)
    assert found == sorted(found, reverse=True)


def test_cosine_warms_up_and_ends_at_zero():
    found = rates("cosine", warmup_fraction=0.1)
    assert found[:10] == pytest.approx([PEAK * (i + 1) / 11 for i in range(10)])
    assert found[10] == pytest.approx(PEAK)
    assert found[55] == pytest.approx(PEAK / 2)  # half way through the cosine
    assert found[-1] == pytest.approx(0, abs=1e-12)
    assert rates("cosine", steps=STEPS + 5)[-1] == pytest.approx(0, abs=1e-12), "and stays there"


def test_exponential_is_a_power_of_gamma():
    assert rates("exponential", 3, gamma=0.5) == [PEAK, PEAK / 2, PEAK / 4, PEAK / 8]


def test_plateau_waits_for_its_patience():
    metric = [3.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0]
    found = rates("plateau", len(metric), metric, factor=0.1, patience=1)
    assert found == pytest.approx([PEAK] * 4 + [PEAK / 10] * 3 + [PEAK / 100])


def test_vectors_are_not_decayed_and_nothing_is_forgotten():
    model = GRU(Forecasting(DataSpec(output_size=1, input_size=1)), hidden_size=4, num_layers=2)
    matrices, vectors = parameter_groups(model)
    assert "weight_decay" not in matrices
    assert vectors["weight_decay"] == 0.0
    assert {id(p) for p in vectors["params"]} == {
        id(p) for name, p in model.named_parameters() if "bias" in name
    }
    assert len(matrices["params"]) + len(vectors["params"]) == len(list(model.parameters()))


def test_a_decayed_step_without_a_gradient_moves_the_matrices_alone():
    model = GRU(Forecasting(DataSpec(output_size=1, input_size=1)), hidden_size=4)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for parameter in model.parameters():
        nn.init.ones_(parameter) if parameter.ndim == 1 else None
        parameter.grad = torch.zeros_like(parameter)
    torch.optim.AdamW(parameter_groups(model), lr=0.1, weight_decay=0.5).step()
    for name, parameter in model.named_parameters():
        wanted = torch.ones_like(parameter) if "bias" in name else 0.95 * before[name]
        torch.testing.assert_close(parameter.detach(), wanted)
