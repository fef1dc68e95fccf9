"""Search for the hyper-parameters of a recurrent network.

    python sweep.py sweep=imdb_gru
    python sweep.py sweep=imdb_gru n_trials=100 slots=2 data.path=reviews.csv

The searches are the files of sweeps/. The whole search, in order, is rnnlab.sweeps.main.
"""

import sys

from rnnlab.commands.sweep import main
from rnnlab.config.messages import readable_errors

if __name__ == "__main__":
    with readable_errors():
        main(sys.argv[1:])
