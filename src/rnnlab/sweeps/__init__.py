"""Searches for hyper-parameters: `python sweep.py sweep=<name>`.

The steps of a search are the lines of `main.main`. A trial is an ordinary run
(rnnlab.experiment.run) in a worker process that the scheduler watches.
"""
