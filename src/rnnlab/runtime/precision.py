"""Precision of float32 matrix products: a faster kernel where a test shows that it is exact.

On some processors torch's default back end runs float32 products at half speed, and "medium"
selects another back end with full accuracy. On others "medium" rounds to bfloat16. One product
decides.
"""

import torch

MAX_RELATIVE_ERROR = 1e-5  # bfloat16 has about 3e-3, TF32 about 3e-4, float32 about 3e-7
MIN_WIDTH = 192  # below this width the other back end is slower


def choose_matmul_precision(setting: str, width: int, device: str) -> str:
    """Set torch's float32 matrix precision and return it; the same in every run on a machine.

    Args:
        setting: auto | highest | high | medium; all but auto are set as they are.
        width: rows of the narrowest large product, the hidden size.
        device: cpu or cuda; on cuda auto stays at highest.
    """
    precision = setting
    if setting == "auto":
        exact = (
            device == "cpu" and width >= MIN_WIDTH and relative_error("medium") < MAX_RELATIVE_ERROR
        )
        precision = "medium" if exact else "highest"
    torch.set_float32_matmul_precision(precision)
    return precision


def relative_error(precision: str, size: int = 256) -> float:
    """Return the relative error (rms) of a float32 product at this precision."""
    before = torch.get_float32_matmul_precision()
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(size, size, generator=generator) for _ in range(2))
    exact = left.double() @ right.double()
    try:
        torch.set_float32_matmul_precision(precision)
        difference = (left @ right).double() - exact
    finally:
        torch.set_float32_matmul_precision(before)
    return float(difference.square().mean().sqrt() / exact.square().mean().sqrt())
