"""The report of a search: records, figures, page, and the best trial."""
