"""Runner whose processes are on a machine of a Ray cluster, held by an actor.

The actor uses a LocalRunner on its machine. An actor that dies closes the standard input of its
processes, which ends them.
"""

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnlab.sweeps.workers.local_runner import LocalRunner
from rnnlab.sweeps.workers.messages import Job, TrialResult, first_line
from rnnlab.sweeps.workers.runner import Runner, WorkerDied

ACTOR_POLL_SECONDS = 0.02
ANSWER_SECONDS = 0.2  # that an actor waits for a result before it answers that there is none yet
KILL_SECONDS = 5.0  # for an actor to end its processes itself
RETRY_SECONDS = 5.0  # between two requests for an actor
PENDING = object()  # answer of an actor that has not answered


class Actor:
    """Ray actor with the runner of one slot.

    Its methods are called one after another, so each must return soon.

    Args:
        folder: working directory of the search, the same on every machine.
        conf, environment, log: see LocalRunner.
        start_worker: start the process of the trials now.
    """

    def __init__(
        self,
        folder: Path,
        conf: Path,
        environment: Mapping[str, str],
        log: Path,
        start_worker: bool,
    ) -> None:
        missing = [path for path in (folder, conf) if not path.exists()]
        self.refusal: str | None = None
        if missing:
            self.refusal = (
                f"{socket.gethostname()} has no {missing[0]}: the project must be in the same "
                "place on every machine"
            )
        else:
            os.chdir(folder)
            self.runner = LocalRunner(conf, environment, log)
            if start_worker:
                self.runner.start_worker()

    def ready(self) -> str | None:
        """Return why the actor cannot work; None if it can. Answered once it is placed."""
        return self.refusal

    def start(self, job: Job) -> None:
        self.runner.start(job)

    def poll(self, seconds: float) -> TrialResult | str | bool:
        """Return the result, or how the process died; if neither happens in time, if it started."""
        end = time.monotonic() + seconds
        try:
            while (result := self.runner.poll()) is None and time.monotonic() < end:
                time.sleep(ACTOR_POLL_SECONDS)
        except WorkerDied as error:
            return str(error)
        return self.runner.has_started() if result is None else result

    def stop(self) -> None:
        self.runner.stop()

    def kill(self) -> None:
        self.runner.kill()


class RayRunner(Runner):
    """Runner of an actor. If its actor dies, it requests a new one with `new_actor`."""

    def __init__(self, ray: Any, new_actor: Callable[[], Any]) -> None:
        self.refusal: str | None = None
        self._ray = ray
        self._new_actor = new_actor
        self._is_placed = self._has_started = False
        self._retry_time = 0.0
        self._request_actor()

    def _request_actor(self) -> None:
        self._actor: Any = self._new_actor()
        self._call: Any = self._actor.ready.remote()  # the one call whose answer we wait for

    def is_ready(self) -> bool:
        """See Runner. A lost actor is requested again, and may wait for its place."""
        if self._actor is None and time.monotonic() > self._retry_time:
            self._request_actor()
        if self._actor is not None and not self._is_placed:
            with suppress(WorkerDied):
                self._accept_actor(self._answer())
        return self._is_placed

    def _accept_actor(self, answer: Any) -> None:
        """Handle the answer of an actor that has its place, or that cannot work there."""
        if isinstance(answer, str):
            self.refusal = answer
            self._end_actor()
            self._retry_time = time.monotonic() + RETRY_SECONDS
        else:
            self._is_placed = answer is not PENDING

    def has_started(self) -> bool:
        return self._has_started

    def start(self, job: Job) -> None:
        self._has_started = False
        assert self._is_placed, "only a slot that is ready is given a trial"
        self._call = self._actor.start.remote(job)

    def poll(self) -> TrialResult | None:
        answer = self._answer()
        if answer is PENDING:
            return None
        if isinstance(answer, str):
            raise WorkerDied(answer)
        if isinstance(answer, TrialResult):
            return answer
        self._has_started = answer is True
        self._call = self._actor.poll.remote(ANSWER_SECONDS)
        return None

    def _answer(self) -> Any:
        """Return the answer of the actor; PENDING if it has not answered yet.

        Raises:
            WorkerDied: it will not answer.
        """
        try:
            answers, _ = self._ray.wait([self._call], timeout=0)
            return self._ray.get(self._call) if answers else PENDING
        except self._ray.exceptions.RayError as error:
            self._retry_time = 0.0 if self._is_placed else time.monotonic() + RETRY_SECONDS
            self._end_actor()
            raise WorkerDied(f"Ray: {first_line(str(error))}") from None

    def stop(self) -> None:
        if self._actor is not None:
            self._actor.stop.remote()

    def kill(self) -> None:
        """See Runner. The actor ends its processes; if it does not answer, they end with it."""
        if self._actor is None:
            return
        if self._is_placed:
            with suppress(self._ray.exceptions.RayError):
                self._ray.get(self._actor.kill.remote(), timeout=KILL_SECONDS)
        self._end_actor()

    def close(self) -> None:
        self.kill()

    def _end_actor(self) -> None:
        with suppress(self._ray.exceptions.RayError):
            self._ray.kill(self._actor)
        self._actor, self._is_placed = None, False
