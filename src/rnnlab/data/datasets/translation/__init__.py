"""Named parallel corpora."""
