"""Run train.py of a checkout with the callback `Pace`: python -m benchmarks.peers.train PATH ..."""

import runpy
import sys

if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    sys.path[0] = ""
    runpy.run_path(sys.argv[0], run_name="__main__")
