"""Settings that a user may mean by an unknown name."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from rnnlab.config.keys import flat

NEAR = 0.75  # similarity of the names


def setting_names(cfg: Any) -> list[str]:
    """Return the dotted keys of a composed configuration, which may have interpolations."""
    from omegaconf import OmegaConf

    plain: Any = OmegaConf.to_container(cfg, resolve=False)
    return [key for key in flat(plain) if not key.startswith("hydra.")]


def suggest_settings(name: str, keys: Sequence[str]) -> list[str]:
    """Return the settings that a user may mean by a name without its section, the nearest ones.

    >>> keys = ["model.hidden_size", "optimizer.lr", "logger.csv._target_", "trainer.max_epochs"]
    >>> [suggest_settings(name, keys)[0] for name in ("lr", "learning_rate", "epochs", "hidden")]
    ['optimizer.lr', 'optimizer.lr', 'trainer.max_epochs', 'model.hidden_size']
    """
    leaves = {key: key.rpartition(".")[2] for key in keys if "._" not in key}
    initials = "".join(part[:1] for part in name.split("_"))
    for matches in (
        {name},
        set(get_close_matches(name, leaves.values(), n=2, cutoff=NEAR)),
        {initials} if "_" in name else set(),
        {leaf for leaf in leaves.values() if len(name) > 2 and name in leaf.split("_")},
    ):
        if near := [key for key, leaf in leaves.items() if leaf in matches]:
            return near[:3]
    return []
