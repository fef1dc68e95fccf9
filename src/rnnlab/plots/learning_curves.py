"""Learning curves of a run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnlab.plots import figures
from rnnlab.plots.figures import BLUE, GREY, ORANGE


def draw_learning_curves(
    rows: Sequence[Mapping[str, Any]],
    metric: str,
    best_step: int | None,
    baseline: tuple[str, float] | None,
    path: Path,
) -> Path:
    """Draw the training and validation loss, and the monitored metric, over steps.

    The training loss is the mean of each epoch; a thin line shows the steps between. An axis is
    logarithmic if its values are far apart, so that the network and the baseline stay visible.

    Args:
        rows: logged metrics, each with its `step`; see metrics.csv.
        metric: name of the monitored metric, such as val/accuracy.
        best_step: step of the best checkpoint.
        baseline: name and value of a baseline to compare with.
        path: of the PNG.
    """
    figure, axes = figures.create_figure(1, 2, 11, 4)
    losses, scores = axes[0]
    values = [*_points(rows, metric)[1], *([baseline[1]] if baseline else [])]
    figures.use_log_scale(scores, values)
    figures.use_log_scale(losses, [*_points(rows, "train/loss")[1], *_points(rows, "val/loss")[1]])
    losses.plot(*_points(rows, "train/loss_step"), color=GREY, linewidth=0.8, alpha=0.5)
    for name, colour in (("train/loss", GREY), ("val/loss", BLUE)):
        losses.plot(*_points(rows, name), color=colour, marker="o", label=name)
    scores.plot(*_points(rows, metric), color=BLUE, marker="o", label=metric)
    if baseline:
        scores.axhline(
            baseline[1], color=ORANGE, linestyle="--", label=f"best baseline: {baseline[0]}"
        )
    for axis, title in ((losses, "loss"), (scores, metric)):
        if best_step is not None:
            axis.axvline(best_step, color=GREY, linewidth=0.8, linestyle=":", label="best")
        axis.set(xlabel="step", title=title)
        axis.legend(frameon=False)
    return figures.save_figure(figure, path)


def _points(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[list[int], list[float]]:
    points = [(int(row["step"]), float(row[name])) for row in rows if row.get(name)]
    return [step for step, _ in points], [value for _, value in points]
