"""Named parallel corpora for translation."""
