"""The study of a search: storage, leases, samplers and repeats."""
