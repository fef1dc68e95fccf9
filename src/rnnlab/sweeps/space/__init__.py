"""The search space: dimensions, conditions and distributions."""
