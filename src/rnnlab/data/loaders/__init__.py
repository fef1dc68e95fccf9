"""Data loaders, sampling orders and splits."""
