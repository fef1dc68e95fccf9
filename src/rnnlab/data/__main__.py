"""Show what a data set is, without training: `python -m rnnlab.data imdb`."""

import sys

from rnnlab.config.messages import readable_errors

if __name__ == "__main__":
    with readable_errors():
        from rnnlab.commands.describe import main

        main(sys.argv[1:])
