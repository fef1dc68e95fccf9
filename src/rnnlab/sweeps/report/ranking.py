"""Best trials of a study, and whether the best configuration really beats the next."""

import math
from collections import Counter, defaultdict
from typing import Literal

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from rnnlab.metrics.significance import Comparison, ConfigurationScores, compare_repeats


def best_trial(study: optuna.Study) -> FrozenTrial | None:
    """Return the best complete, feasible trial; None if there is none yet.

    With several objectives, the first one decides among the trials of the Pareto front. Ties go to
    the trial with the lowest number.
    """
    sign = -1 if objective_modes(study)[0] == "max" else 1
    front = pareto_front(study)
    return min(front, key=lambda trial: (sign * trial.values[0], trial.number), default=None)


def pareto_front(study: optuna.Study) -> list[FrozenTrial]:
    """Return the complete, feasible trials that no other trial dominates."""
    return study.best_trials


def feasible_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the complete trials that violate no constraint."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [t for t in trials if all(value <= 0 for value in t.constraints.values())]


def objective_modes(study: optuna.Study) -> list[Literal["min", "max"]]:
    """Return min or max for each objective."""
    return ["max" if d == StudyDirection.MAXIMIZE else "min" for d in study.directions]


def compare_configurations(repeats: optuna.Study) -> Comparison:
    """Compare the repeated configurations: mean, spread, and whether the best beats the next.

    Args:
        repeats: study whose trials have the user attributes `of`, the number of the repeated trial,
            and `seed`; their value is the score.
    """
    scores: dict[int, dict[int, float]] = defaultdict(dict)
    failures: Counter[int] = Counter()
    for trial in repeats.get_trials(deepcopy=False):
        number, seed = trial.user_attrs.get("of"), trial.user_attrs.get("seed")
        if number is None or seed is None or not trial.state.is_finished():
            continue
        seeds = scores[int(number)]
        if trial.state.name == "COMPLETE" and math.isfinite(trial.values[0]):
            seeds[int(seed)] = trial.values[0]
        else:
            failures[int(number)] += 1
    configurations = [
        ConfigurationScores(number, seeds, failures[number]) for number, seeds in scores.items()
    ]
    return compare_repeats(configurations, objective_modes(repeats)[0])
