"""Speed as ratios: this project against the plain way of doing it, side by side in one process."""
