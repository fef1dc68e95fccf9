"""Number of threads of a run."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from rnnlab.runtime.threads import (
    MIN_PRODUCT,
    VARIABLE,
    choose_threads,
    count_products,
    restore_threads,
)


@pytest.fixture(autouse=True)
def three_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv(VARIABLE, raising=False)
    count = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(count)


def test_a_small_network_has_one_thread_and_a_large_one_all() -> None:
    assert choose_threads("auto", MIN_PRODUCT - 1).number == 1
    assert choose_threads("auto", MIN_PRODUCT).number == 3


def test_the_environment_and_the_setting_take_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "3")
    assert choose_threads("auto", 1) == (3, "OMP_NUM_THREADS=3")
    assert choose_threads(2, 1) == (2, "threads=2")


def test_a_resumed_run_keeps_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "3")
    assert choose_threads("auto", 1, previous=5).number == 5
    assert choose_threads(2, 1, previous=5).number == 5


def test_the_largest_product_of_a_step_counts() -> None:
    B, D, H = 4, 3, 8
    model = nn.ModuleDict({"gru": nn.GRU(D, H), "head": nn.Linear(H, 1), "e": nn.Embedding(999, H)})
    assert count_products(model, B) == B * 3 * H * H
    assert count_products(nn.Identity(), B) == 0


def test_the_process_has_its_threads_again_after_a_run() -> None:
    with pytest.raises(ZeroDivisionError), restore_threads():
        raise fail_with(torch.set_num_threads(1))
    assert torch.get_num_threads() == 3


def fail_with(_: None) -> Exception:
    assert torch.get_num_threads() == 1
    return ZeroDivisionError()
