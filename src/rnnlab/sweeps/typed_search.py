"""A search without a file: its space is typed on the command line."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnlab.config.compose import compose_checked
from rnnlab.errors import ConfigError
from rnnlab.sweeps.overrides import CliOverrides
from rnnlab.sweeps.space.dimensions import Space

DEFAULT = "default"  # sweeps/default.yaml: the settings of a search without a file
MAX_COMBINATIONS = 50  # that are all tried; a larger space is sampled


def default_study(overrides: CliOverrides) -> list[str]:
    """Return settings of the search that suit its space, as overrides.

    A space of few combinations is tried as a whole, each one trained to its end. A larger or
    continuous space has the sampler, the pruner and the number of trials of sweeps/default.yaml.
    """
    search = {override.key: override.value for override in overrides.search}
    limit = search.get("n_trials", MAX_COMBINATIONS)
    count = count_combinations(overrides)
    if "sampler" in search or not isinstance(limit, int) or not 0 < count <= limit:
        return []
    settings = {"sampler": "grid", "pruner": "none", "n_trials": str(count)}
    return [f"{key}={value}" for key, value in settings.items() if key not in search]


def count_combinations(overrides: CliOverrides) -> int:
    """Return the number of points of a typed space; 0 if it is continuous or invalid."""
    try:
        grid = Space.parse(overrides.apply({"space": {}})["space"]).grid()
    except ConfigError:
        return 0  # find_setting_problems reports what is invalid
    return math.prod(len(values) for values in grid.values())


def derive_name(conf: Path, plain: Mapping[str, Any]) -> str:
    """Return <data>-<model>-<names of the settings that vary>, the same for the same command.

    Raises:
        ConfigError: the settings of the runs cannot be composed.
    """
    from hydra.core.hydra_config import HydraConfig

    compose_checked(conf, plain["base"])
    choices = HydraConfig.get().runtime.choices
    groups = [str(choices[group]) for group in ("data", "model") if group not in plain["space"]]
    keys = [re.split(r"\W", str(key))[-1] for key in plain["space"]]
    return "-".join([*groups, *keys])
