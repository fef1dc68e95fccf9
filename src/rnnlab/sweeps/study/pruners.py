"""Optuna's pruners, built from their YAML files."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import optuna


def make_pruner(component: Mapping[str, Any] | None) -> "optuna.pruners.BasePruner":
    """Return the pruner of a component; None lets all trials finish."""
    import optuna
    from hydra.utils import instantiate

    if component is None:
        return optuna.pruners.NopPruner()
    pruner: optuna.pruners.BasePruner = instantiate(dict(component), _convert_="all")
    return pruner
