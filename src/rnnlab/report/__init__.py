"""The run folder, the report, and console tables."""
