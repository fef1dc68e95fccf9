"""Series data sets: columns by role, splits, batches."""
