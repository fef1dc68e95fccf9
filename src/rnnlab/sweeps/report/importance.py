"""Importance of each searched setting."""

import warnings
from typing import NamedTuple

import optuna

from rnnlab.sweeps.report.ranking import feasible_trials

MIN_TRIALS = 5  # complete trials that an estimate needs
RELIABLE_TRIALS = 50  # PED-ANOVA looks at the best tenth, and needs 5 trials there


class Importance(NamedTuple):
    """Importance of each setting for being among the best trials.

    Attributes:
        shares: setting -> share, largest first; they sum to 1. Empty if unknown.
        remark: how reliable the shares are, or why they are unknown.
    """

    shares: dict[str, float]
    remark: str


def setting_importance(study: optuna.Study) -> Importance:
    """Estimate the importance of each setting with PED-ANOVA.

    Watanabe et al., PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
    Subspaces, IJCAI 2023.
    """
    from optuna.importance import get_param_importances  # imports scipy, which takes a second

    trials = feasible_trials(study)
    if len(trials) < MIN_TRIALS:
        few = f"{len(trials)} trials are complete, and at least {MIN_TRIALS} are needed"
        return Importance({}, f"Not known yet: {few}.")
    if len({trial.values[0] for trial in trials}) == 1:
        return Importance({}, "Not known: all complete trials have the same score.")
    params = dict.fromkeys(n for t in trials for n, d in t.distributions.items() if not d.single())
    if len(params) < 2:
        return Importance({}, "There is nothing to compare: fewer than two settings were varied.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the remark states what it warns of
        shares = get_param_importances(study, params=list(params))
    remark = (
        f"A first guess from {len(trials)} complete trials; it is reliable from "
        f"{RELIABLE_TRIALS} trials on."
    )
    return Importance(shares, "" if len(trials) >= RELIABLE_TRIALS else remark)
