"""Train one recurrent network on one data set.

    python train.py model=gru data=imdb
    python train.py experiment=imdb_official trainer.max_epochs=3

The choices are the folders of conf/. The whole run, in order, is rnnlab.experiment.run.run.
"""

import sys

import hydra
from omegaconf import DictConfig, OmegaConf

from rnnlab.config.messages import check_resume, readable_errors


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg: DictConfig) -> float:
    """Return the monitored metric of the best checkpoint."""
    with readable_errors():
        from rnnlab.experiment.run import run

        plain = OmegaConf.to_container(cfg, resolve=True)
        return run(plain).score  # type: ignore[arg-type]


if __name__ == "__main__":
    with readable_errors():
        check_resume(sys.argv[1:])
        main()
