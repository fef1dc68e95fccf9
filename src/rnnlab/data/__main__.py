"""Show what a data set is, without training: `python -m rnnlab.data imdb`."""

from rnnlab.commands import run_program
from rnnlab.commands.describe import main

if __name__ == "__main__":
    run_program(main)
