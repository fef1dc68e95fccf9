"""Show what a data set is, without training: `python -m rnnlab.data imdb`."""

import sys

from rnnlab.cli import in_words

if __name__ == "__main__":
    with in_words():
        from rnnlab.showing import main

        main(sys.argv[1:])
