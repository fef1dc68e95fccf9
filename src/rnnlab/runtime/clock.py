"""Wall time of a run, by stage."""

import time

# Monotonic clock, in seconds. Tests that need exact times replace it.
read_seconds = time.perf_counter


class StageClock:
    """Wall time by stage. Stages follow each other without gaps, so they add up to the whole time.

    Args:
        start: when the user began to wait, in seconds since 1970; None for now.

    Attributes:
        seconds: duration of each stage so far, in seconds.
    """

    def __init__(self, start: float | None = None) -> None:
        self.seconds: dict[str, float] = {}
        seconds_before = 0.0 if start is None else max(0.0, time.time() - start)
        self._stage_start = read_seconds() - seconds_before

    def end_stage(self, stage: str) -> None:
        """Add the time since the end of the last stage to this one."""
        now = read_seconds()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._stage_start
        self._stage_start = now

    def elapsed(self) -> float:
        """Return the time of all stages, and since the end of the last one."""
        return sum(self.seconds.values()) + read_seconds() - self._stage_start

    def add_earlier(self, seconds: float) -> None:
        """Add the time of earlier sessions, before the stages of this one."""
        if seconds:
            self.seconds = {"earlier sessions": seconds, **self.seconds}


def process_start() -> float:
    """Return when this process started, in seconds since 1970."""
    import psutil

    return float(psutil.Process().create_time())
