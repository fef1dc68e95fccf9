"""A trained run in use: predictions, evaluations and what the network attends to."""
