"""Samplers of Optuna that need something said or done first."""

from importlib.util import find_spec
from typing import Any

import optuna

from rnnlab.errors import ConfigError


class CmaEsSampler(optuna.samplers.CmaEsSampler):
    """Optuna's, which says at once that the package `cmaes` is missing.

    Args:
        seed: of the draws.
        settings: of optuna.samplers.CmaEsSampler.

    Raises:
        ConfigError: the package is not installed.
    """

    def __init__(self, seed: int | None = None, **settings: Any) -> None:
        if find_spec("cmaes") is None:
            raise ConfigError(
                "sampler=cmaes needs the package cmaes, which is not installed: pip install "
                "'rnnlab[cmaes]', or choose another sampler"
            )
        super().__init__(seed=seed, **settings)
