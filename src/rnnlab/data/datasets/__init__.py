"""Named data sets, grouped by family, one per file."""
