"""Searches for hyper-parameters: `python sweep.py sweep=<name>`.

The order in which a search goes through these files is that of search.py. A trial is an ordinary
run (rnnlab.experiment.run), done by a process that search.py only watches.
"""
