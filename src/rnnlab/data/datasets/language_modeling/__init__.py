"""Named text corpora for language modelling."""
