"""Processors: new inputs to batches, and outputs of a network to readable results."""
