"""Interface of a slot's runner, which runs trials in processes on some machine."""

from typing import Protocol

from rnnlab.sweeps.workers.messages import Job, TrialResult


class WorkerDied(Exception):  # noqa: N818, it is an answer
    """Raised if the process of a job ended without a result."""


class Runner(Protocol):
    """Runner of one slot, which runs one job at a time."""

    def is_ready(self) -> bool:
        """Return whether a job could start now; a lost machine may have to be replaced first."""

    def start(self, job: Job) -> None:
        """Start a job."""

    def has_started(self) -> bool:
        """Return whether the process of the job has imported its packages and starts."""

    def poll(self) -> TrialResult | None:
        """Return the result of the job; None while it runs.

        Raises:
            WorkerDied: there will be no result.
        """

    def stop(self) -> None:
        """Ask the job to save and stop."""

    def kill(self) -> None:
        """Kill the processes of the job."""

    def close(self) -> None:
        """Release what the slot holds."""
