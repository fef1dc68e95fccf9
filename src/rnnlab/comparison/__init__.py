"""Comparisons of finished runs: which configuration is better, and how certain that is."""
