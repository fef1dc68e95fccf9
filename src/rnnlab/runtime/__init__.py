"""The machine that a run uses: precision, memory, files, environment."""
