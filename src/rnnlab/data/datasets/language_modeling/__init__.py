"""Named corpora for language modelling."""
