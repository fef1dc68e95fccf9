"""Figures of a search: one function per figure, which returns the path of its file."""
