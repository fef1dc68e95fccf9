"""Formats of dates: which cells they fit, and the conversion with array operations."""
