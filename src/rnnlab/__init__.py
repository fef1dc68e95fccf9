"""Experiments with recurrent networks: any architecture on any data set, one command."""

__version__ = "0.1.0"
