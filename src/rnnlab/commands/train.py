"""Train a recurrent network on a data set.

    rnnlab train model=gru data=imdb
    rnnlab train --config-dir my_conf model=my_model data=sine

The same as `python train.py` in a checkout. A directory given by --config-dir has the groups of
conf/ and takes precedence over them. The run itself is rnnlab.experiment.run.run.
"""

import sys
from collections.abc import Sequence
from typing import Any

from rnnlab.config.compose import shipped_conf
from rnnlab.config.messages import check_resume, readable_errors
from rnnlab.config.paths import split_config_dir
from rnnlab.runtime.clock import process_start


def main(arguments: Sequence[str]) -> None:
    """Compose the configuration with Hydra, and train."""
    import hydra

    check_resume(arguments)
    conf, overrides = split_config_dir(arguments)
    command_line = sys.argv
    starts = iter([process_start()])  # the user waits for the imports of the first run only

    def train(config: Any) -> float:
        sys.argv = command_line  # Lightning starts the processes of DDP with it
        return train_config(config, next(starts, None))

    sys.argv = [sys.argv[0], *overrides]
    try:
        with shipped_conf(before=conf) as directory:
            hydra.main(version_base="1.3", config_path=directory, config_name="config")(train)()
    finally:
        sys.argv = command_line


def train_config(config: Any, start: float | None = None) -> float:
    """Run one composed configuration and return the monitored metric of the best checkpoint.

    Args:
        config: of Hydra.
        start: see rnnlab.experiment.run.run.
    """
    with readable_errors():
        from omegaconf import OmegaConf

        from rnnlab.experiment.run import run

        plain: Any = OmegaConf.to_container(config, resolve=True)
        return run(plain, start=start).score


if __name__ == "__main__":
    with readable_errors():
        main(sys.argv[1:])
