"""Show what a data set is, without training: `python -m rnnlab.data imdb`."""

import sys

from rnnlab.config.messages import in_words

if __name__ == "__main__":
    with in_words():
        from rnnlab.commands.describe import main

        main(sys.argv[1:])
