"""Readers of local files."""
