"""Which scores are better, and which ones no network can beat."""

import math
from collections.abc import Mapping

HIGHER_IS_BETTER = frozenset(  # names of metrics; of all others, lower values are better
    {"accuracy", "auroc", "bleu", "chrf", "coverage", "exact_match", "f1", "mcc"}
)
# Among the baselines of a report: no forecast can be better.
SCORE_LIMITS = frozenset({"noise floor"})


def best_baseline(
    baselines: Mapping[str, Mapping[str, float]], metric: str, mode: str | None = None
) -> tuple[str, float] | None:
    """Return name and score of the best baseline; a limit of scores is none.

    Args:
        baselines: name -> metric -> score.
        metric: such as test/mse.
        mode: max | min; None for the usual direction of the metric.
    """
    values = {
        name: scores[metric]
        for name, scores in baselines.items()
        if name not in SCORE_LIMITS and math.isfinite(scores.get(metric, math.nan))
    }
    if not values:
        return None
    is_max = metric.partition("/")[2] in HIGHER_IS_BETTER if mode is None else mode == "max"
    return (max if is_max else min)(values.items(), key=lambda item: item[1])
