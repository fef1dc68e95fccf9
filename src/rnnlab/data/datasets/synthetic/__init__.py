"""Synthetic problems with known answers."""
