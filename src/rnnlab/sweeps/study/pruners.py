"""Optuna's pruners, built from their YAML files."""

from collections.abc import Mapping
from typing import Any

import optuna
from hydra.utils import instantiate


def make_pruner(component: Mapping[str, Any] | None) -> optuna.pruners.BasePruner:
    """Return the pruner of a component; None lets all trials finish."""
    if component is None:
        return optuna.pruners.NopPruner()
    pruner: optuna.pruners.BasePruner = instantiate(dict(component), _convert_="all")
    return pruner
