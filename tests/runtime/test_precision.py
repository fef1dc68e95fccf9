from collections.abc import Iterator

import pytest
import torch

from rnnlab.runtime import precision
from rnnlab.runtime.precision import choose_matmul_precision, relative_error


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


def test_the_error_of_a_float32_product_is_that_of_float32():
    assert 1e-9 < relative_error("highest") < precision.MAX_RELATIVE_ERROR


def test_to_measure_leaves_the_setting_alone():
    torch.set_float32_matmul_precision("high")
    relative_error("medium")
    assert torch.get_float32_matmul_precision() == "high"


@pytest.mark.parametrize(
    ("width", "device", "error", "chosen"),
    [
        (256, "cpu", 1e-7, "medium"),
        (256, "cpu", 3e-3, "highest"),  # it really rounds to bfloat16
        (8, "cpu", 1e-7, "highest"),  # too small to gain by it
        (256, "cuda", 1e-7, "highest"),
    ],
)
def test_auto_takes_the_fast_kernel_only_where_it_is_exact(
    width, device, error, chosen, monkeypatch
):
    monkeypatch.setattr(precision, "relative_error", lambda name: error)
    assert choose_matmul_precision("auto", width, device) == chosen
    assert torch.get_float32_matmul_precision() == chosen


@pytest.mark.parametrize("wanted", ["highest", "high", "medium"])
def test_what_is_asked_for_is_taken(wanted):
    assert choose_matmul_precision(wanted, 8, "cpu") == wanted
    assert torch.get_float32_matmul_precision() == wanted


def test_auto_is_as_exact_as_float32_on_this_machine():
    assert relative_error(choose_matmul_precision("auto", 256, "cpu")) < 1e-5
