"""Train one recurrent network on one data set.

    python train.py model=gru data=imdb
    python train.py experiment=imdb_official trainer.max_epochs=3

The choices are the folders of conf/. The whole run, in order, is rnnlab.experiment.run.run.
Hydra's shell completion asks for a program with the words @hydra.main in it: see docs/commands.md.
"""

import sys

from rnnlab.commands.train import main
from rnnlab.config.messages import readable_errors

if __name__ == "__main__":
    with readable_errors():
        main(sys.argv[1:])
