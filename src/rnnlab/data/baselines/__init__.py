"""Baselines: predictions that need no neural network."""
