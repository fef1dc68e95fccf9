"""Statistics of the gradients of a training, and what they mean in words."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

NORM_QUANTILES = {"p10": 0.1, "median": 0.5, "p90": 0.9, "max": 1.0}  # of the gradient norm
VANISHING = 0.01  # a gradient through time below this share of its size at the last step
EXPLODING = 10.0  # and above this multiple
FEW_CLIPPED, MANY_CLIPPED = 0.01, 0.99  # share of the steps
SATURATED_STATE = 0.95  # of |tanh|: its slope is below 0.1
SATURATED_GATE = 0.1  # distance from 0 or 1 (Karpathy et al., 2015, arxiv.org/abs/1506.02078)
MANY_SATURATED, MANY_DEAD = 0.5, 0.1  # share of the values, of the units
LARGE_UPDATE, SMALL_UPDATE = 0.1, 1e-6  # of a step, as a share of the weights

StepSize = tuple[float, float, float]  # norm, value that is compared with the threshold, threshold


def summarize_steps(sizes: Sequence[StepSize]) -> dict[str, float]:
    """Return the quantiles of the gradient norm over steps, and the clip rate: metric -> value.

    The clip rate is the share of the steps whose gradients were above the threshold; absent without
    clipping. Steps with gradients that are not finite are counted, and left out of the rest.

    >>> summarize_steps([(1.0, 1.0, 2.0), (3.0, 3.0, 2.0)])["clip_rate"]
    0.5
    """
    finite = [size for size in sizes if math.isfinite(size[0])]
    bad = {"grad_norm/nonfinite": float(len(sizes) - len(finite))}
    values = bad if len(finite) < len(sizes) else {}
    if not finite:
        return values
    norms, largest, thresholds = np.array(finite).T
    quantiles = np.quantile(norms, list(NORM_QUANTILES.values())).tolist()
    values |= {f"grad_norm/{name}": q for name, q in zip(NORM_QUANTILES, quantiles, strict=True)}
    if np.isfinite(thresholds).all():
        values["clip_rate"] = float((largest > thresholds).mean())
        values["clip_threshold"] = float(np.median(thresholds))
    return values


def summarize_training(epochs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the values of the whole training from those of its epochs.

    Args:
        epochs: metric -> value, with the number of optimizer `steps`; see summarize_steps.

    Returns:
        The clip rate over all steps, the number of steps with gradients that are not finite, the
        largest norm, and all others from the last epoch that has them.
    """
    last: dict[str, float] = {}
    for epoch in epochs:
        last |= epoch
    clipped = [epoch for epoch in epochs if "clip_rate" in epoch]
    if clipped:
        steps = [epoch["steps"] for epoch in clipped]
        rates = [epoch["clip_rate"] for epoch in clipped]
        last["clip_rate"] = float(np.average(rates, weights=steps))
    if "grad_norm/max" in last:
        last["grad_norm/max"] = max(epoch.get("grad_norm/max", 0.0) for epoch in epochs)
    if "grad_norm/nonfinite" in last:
        last["grad_norm/nonfinite"] = sum(epoch.get("grad_norm/nonfinite", 0.0) for epoch in epochs)
    last.pop("epoch", None)
    return last | {"steps": sum(epoch["steps"] for epoch in epochs)}


def describe_health(
    summary: Mapping[str, float],
    through_time: Mapping[str, Mapping[int, float]],
    clipping: str = "norm",
) -> list[str]:
    """Return the verdict in sentences; those on saturation, units and updates only if needed.

    Args:
        summary: see summarize_training.
        through_time: layer -> steps before the last one -> size of the gradient.
        clipping: auto for a threshold that follows the norms, value for one of single gradients.
    """
    parts = (
        describe_nonfinite(summary),
        describe_clipping(summary, clipping),
        describe_time(through_time),
        *describe_activity(summary),
        describe_updates(summary),
    )
    return [part for part in parts if part]


def describe_nonfinite(summary: Mapping[str, float]) -> str:
    """Return how many steps had gradients that are not finite; empty without any."""
    count = int(summary.get("grad_norm/nonfinite", 0))
    return f"{count:,} of {int(summary['steps']):,} steps had a gradient that is not finite" * (
        count > 0
    )


def describe_clipping(summary: Mapping[str, float], clipping: str = "norm") -> str:
    """Return whether the threshold has an effect, and another one where it does not help."""
    if "clip_rate" not in summary:
        return ""
    rate, threshold = summary["clip_rate"], summary["clip_threshold"]
    share = f"{rate:.1%} of the steps are clipped at {clipping} {threshold:.3g}"
    norms = f"the median norm of the last epoch is {summary['grad_norm/median']:.3g}"
    high = float(f"{summary['grad_norm/p90']:.2g}")
    advice = f"trainer.gradient_clip_val={high!r} clips about a tenth of the steps"
    if clipping == "auto":
        return f"{share.replace('auto', 'a running percentile, now')}; {norms}"
    if clipping == "value":
        return share
    if rate <= FEW_CLIPPED:
        return f"the threshold has no effect: {share}, {norms}; {advice}"
    if rate >= MANY_CLIPPED:
        return f"every step is clipped: {share}, {norms}; {advice}"
    return f"{share}; {norms}"


def describe_time(through_time: Mapping[str, Mapping[int, float]]) -> str:
    """Return within how many steps gradients vanish in all layers, or explode in one."""
    if not through_time:
        return ""
    growth = {name: largest_gradient(curve) for name, curve in through_time.items()}
    name = max(growth, key=lambda key: growth[key][1])
    k, size = growth[name]
    if not size <= EXPLODING:
        factor = f"{size:.3g} times" if math.isfinite(size) else "without bound"
        return f"gradients explode: they grow {factor} within {k} steps ({name})"
    reach, steps = gradient_reach(through_time), max(map(max, through_time.values()))
    if all(vanishing_step(curve) is not None for curve in through_time.values()):
        return f"gradients vanish within {reach} steps (of {steps}): below {VANISHING:.0%}"
    rest = max(curve[max(curve)] for curve in through_time.values())
    return f"gradients reach back over all {steps} steps: {rest:.2g} of their size is left"


def gradient_reach(through_time: Mapping[str, Mapping[int, float]]) -> int:
    """Return the steps within which gradients vanish in all layers; all steps if they do not."""
    return max(vanishing_step(curve) or max(curve) for curve in through_time.values())


def largest_gradient(curve: Mapping[int, float]) -> tuple[int, float]:
    """Return the place and value of the largest gradient; NaN counts as infinite."""
    sizes = {k: math.inf if math.isnan(size) else size for k, size in curve.items()}
    return max(sizes.items(), key=lambda item: item[1])


def vanishing_step(curve: Mapping[int, float]) -> int | None:
    """Return the first step back from which on all gradients have vanished; None if not all do.

    >>> vanishing_step({0: 1.0, 1: 0.5, 2: 0.001}), vanishing_step({0: 1.0, 1: 0.5})
    (2, None)
    """
    remaining = [k for k, value in curve.items() if value >= VANISHING]
    return min((k for k in curve if k > max(remaining, default=-1)), default=None)


def describe_activity(summary: Mapping[str, float]) -> Iterator[str]:
    """Yield sentences on saturation and dead units where there are many."""
    limits = f"below {SATURATED_GATE} or above {1 - SATURATED_GATE}"
    kinds = {"states": f"tanh beyond {SATURATED_STATE}", "gates": limits}
    for kind, limit in kinds.items():
        share = summary.get(f"saturation/{kind}", 0.0)
        if share >= MANY_SATURATED:
            yield f"{share:.0%} of the {kind} are saturated ({limit}): they learn slowly"
    dead = summary.get("dead_units", 0.0)
    if dead >= MANY_DEAD:
        yield f"{dead:.0%} of the units are dead: their output is the same at every step"


def describe_updates(summary: Mapping[str, float]) -> str:
    """Return whether a step changes the weights by too much or too little; empty if neither."""
    ratio = summary.get("update_ratio")
    if ratio is None or SMALL_UPDATE <= ratio <= LARGE_UPDATE:
        return ""
    verb = "raise" if ratio < SMALL_UPDATE else "lower"
    return f"a step changes the weights by {ratio:.2g} of their size: {verb} optimizer.lr"


def report_health(
    epochs: Sequence[Mapping[str, float]],
    probe_values: Mapping[str, float],
    through_time: Mapping[str, Mapping[int, float]],
    clipping: str,
) -> dict[str, Any]:
    """Return the part of report.json about gradients: verdict, values and gradients by step.

    A gradient that is not finite is null.
    """
    if not epochs:
        return {}
    summary = {**summarize_training(epochs), **probe_values}
    curves = {
        name: {str(k): value if math.isfinite(value) else None for k, value in curve.items()}
        for name, curve in through_time.items()
    }
    return {
        "verdict": describe_health(summary, through_time, clipping),
        "values": summary,
        "through_time": curves,
    }
