"""Networks of trained runs as files for other programs, with a check that they compute the same."""
