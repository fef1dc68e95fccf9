"""Figures, one subject per file."""
