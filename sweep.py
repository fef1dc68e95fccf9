"""Search for the hyper-parameters of a recurrent network.

    python sweep.py sweep=imdb_gru
    python sweep.py sweep=imdb_gru n_trials=100 slots=2 data.path=reviews.csv

The searches are the files of sweeps/. The whole search, in order, is rnnlab.sweeps.main.
"""

import sys
from pathlib import Path

from rnnlab.config.messages import readable_errors

ROOT = Path(__file__).parent


def main(words: list[str]) -> None:
    """Search, or say how."""
    if {"-h", "--help"} & set(words):
        from rnnlab.sweeps.settings import sweep_help

        print(sweep_help(ROOT))
        return
    from rnnlab.sweeps.main import main as search

    search(ROOT, words)


if __name__ == "__main__":
    with readable_errors():
        main(sys.argv[1:])
