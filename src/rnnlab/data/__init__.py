"""Data sets: LightningDataModules, one data set (or family) a file; a YAML file names its class."""
