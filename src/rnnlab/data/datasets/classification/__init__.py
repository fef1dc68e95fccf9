"""Named data sets for text classification."""
