"""One experiment: building it from a config, running it, and loading it from its folder."""
