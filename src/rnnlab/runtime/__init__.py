"""Runtime environment of a run: precision, memory, files, versions."""
