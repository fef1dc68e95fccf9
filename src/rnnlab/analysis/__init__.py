"""Analysis of a trained network on a whole split, one task per file."""
