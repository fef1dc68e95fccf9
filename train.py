"""Train one recurrent network on one data set.

    python train.py model=gru data=imdb
    python train.py experiment=imdb_official trainer.max_epochs=3

The choices are the folders of conf/. The whole run, in order, is rnnlab.experiment.run.run.
Hydra's shell completion asks for a program with the words @hydra.main in it: see docs/commands.md.
"""

from rnnlab.commands import run_program
from rnnlab.commands.train import main

if __name__ == "__main__":
    run_program(main)
