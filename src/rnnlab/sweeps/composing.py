"""From words of the command line of train.py to a run's plain config."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnlab.errors import ConfigError


def compose(conf: Path, words: Sequence[str]) -> dict[str, Any]:
    """The config that `python train.py <words>` would have.

    Args:
        conf: the folder conf/.
        words: `key=value`, as Hydra reads them.

    Raises:
        ConfigError: a word names what is not there.
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf, open_dict, read_write

    from rnnlab.cli import explain, is_composition_error

    try:
        with hydra.initialize_config_dir(str(conf.resolve()), version_base="1.3"):
            cfg = hydra.compose("config", list(words), return_hydra_config=True)
            HydraConfig.instance().set_config(cfg)  # a run's name is made of the choices
            with read_write(cfg), open_dict(cfg):
                del cfg["hydra"]
            plain: Any = OmegaConf.to_container(cfg, resolve=True)
    except Exception as error:
        if is_composition_error(error):
            raise ConfigError(f"{explain(error)} (in: {' '.join(words)})") from error
        raise
    return dict(plain)


def assign(plain: dict[str, Any], key: str, value: Any) -> None:
    """Set a value by its dotted key.

    >>> plain = {"data": {"seq_len": 5}}
    >>> assign(plain, "data.seq_len", 7)
    >>> plain
    {'data': {'seq_len': 7}}
    """
    *path, last = key.split(".")
    for name in path:
        plain = plain.setdefault(name, {})
    plain[last] = value


def flat(plain: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one, by dotted keys.

    >>> flat({"data": {"seq_len": 5}, "seed": 0})
    {'data.seq_len': 5, 'seed': 0}
    """
    if not isinstance(plain, dict) or not plain:
        return {prefix: plain}
    members = (
        flat(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in plain.items()
    )
    return {key: value for member in members for key, value in member.items()}
