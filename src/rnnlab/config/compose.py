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
        HydraException, OmegaConfBaseException: a word names what is not there; see cli.explain.
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf, open_dict, read_write

    with hydra.initialize_config_dir(str(conf.resolve()), version_base="1.3"):
        cfg = hydra.compose("config", list(words), return_hydra_config=True)
        HydraConfig.instance().set_config(cfg)  # a run's name is made of the choices
        with read_write(cfg), open_dict(cfg):
            del cfg["hydra"]
        plain: Any = OmegaConf.to_container(cfg, resolve=True)
    return dict(plain)


def compose_checked(conf: Path, words: Sequence[str]) -> dict[str, Any]:
    """The same, where words are one command line of many.

    Raises:
        ConfigError: a word names what is not there; with all words.
    """
    from rnnlab.config.messages import explain, is_composition_error

    try:
        return compose(conf, words)
    except Exception as error:
        if is_composition_error(error):
            raise ConfigError(f"{explain(error)} (in: {' '.join(words)})") from error
        raise
