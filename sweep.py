"""Search for the hyper-parameters of a recurrent network.

    python sweep.py sweep=imdb_gru
    python sweep.py sweep=imdb_gru n_trials=100 slots=2 data.path=reviews.csv

The searches are the files of sweeps/. The whole search, in order, is rnnlab.sweeps.main.
"""

from rnnlab.commands import run_program
from rnnlab.commands.sweep import main

if __name__ == "__main__":
    run_program(main)
