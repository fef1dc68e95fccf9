"""Figures of gradient health."""

import pytest

from rnnlab.plots.figures import create_figure
from rnnlab.plots.gradients import draw_norms


@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_norms_of_any_number_of_epochs_are_seen_at_whole_epochs(count: int) -> None:
    norms = {"p10": 0.1, "median": 0.2, "p90": 0.5, "max": 3.0}
    epoch = {f"grad_norm/{name}": norm for name, norm in norms.items()} | {"clip_threshold": 1.0}
    _, axes = create_figure(1, 1, 5, 4)
    axis = axes[0, 0]
    draw_norms(axis, [{**epoch, "epoch": number} for number in range(count)])
    low, high = axis.get_xlim()
    ticks = [tick for tick in axis.get_xticks() if low <= tick <= high]
    assert ticks
    assert all(tick == round(tick) for tick in ticks)
    assert all(line.get_marker() not in ("None", "") for line in axis.lines), "one epoch is a point"
