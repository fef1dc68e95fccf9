"""Commands, one per file: `rnnlab <command>` or `python -m rnnlab.<command>`."""
