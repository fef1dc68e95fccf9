"""Slots on the machines of a Ray cluster: each is an actor, and has its processes on its machine.

An actor does there what rnnlab.sweeps.workers.runner does on this machine.
An actor that dies closes the standard input of its processes, with which they end.
"""

import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlab.config.types import PositiveFloat
from rnnlab.errors import ConfigError
from rnnlab.sweeps.workers.launchers import ResourceRequest
from rnnlab.sweeps.workers.messages import Job, TrialResult
from rnnlab.sweeps.workers.runner import LocalRunner, WorkerDied

POLL_SECONDS = 0.02
ANSWER_SECONDS = 0.2  # that an actor waits for a result before it says that there is none yet
KILL_SECONDS = 5.0  # for an actor to end its processes itself
PLACE_SECONDS = 120.0  # for the first slot to be given its place
KNOCK_SECONDS = 5.0
AGAIN_SECONDS = 5.0  # between two tries to have an actor
OBJECT_STORE_BYTES = 80 * 2**20  # results are small; Ray wants 75 MiB at least
OWN = "local"  # Ray's word for a new one of this machine


class Ray:
    """Slots that ask a Ray cluster for their CPUs or GPUs.

    Args:
        address: of the cluster: `auto` on one of its machines, or `ray://<host>:10001`; None starts
            one of this machine alone, which ends with the search.
        cpus: that each process of a trial asks for, beside its GPU if it has one.
    """

    def __init__(self, address: str | None = None, cpus: PositiveFloat = 1) -> None:
        self.address = address
        self.cpus = cpus

    @contextmanager
    def __call__(self, request: ResourceRequest) -> "Iterator[list[RayRunner]]":
        """Slots, of which one at least has its place; they end with the context.

        Raises:
            ConfigError: Ray is missing, no cluster answers, or it is too small.
        """
        with joined(self.address, self._own_cpus(request)) as ray, ExitStack() as stack:
            needs = self.needs(request, ray.cluster_resources().get("GPU", 0))
            count = slots_on(
                needs, request.slots, free=ray.available_resources(), nodes=resources(ray.nodes())
            )
            runners = [self._runner(ray, needs, request, index) for index in range(count)]
            for runner in runners:
                stack.callback(runner.close)
            wait_for_one(runners)
            yield runners

    def needs(self, request: ResourceRequest, gpus: float) -> dict[str, float]:
        """What a slot asks for, in Ray's names.

        Args:
            request: what the slots are for.
            gpus: of the cluster.

        Raises:
            ConfigError: trials of several devices were to share GPUs.
        """
        needs: dict[str, float] = {"CPU": self.cpus * request.devices}
        if not (request.on_gpu and gpus):
            return needs
        if request.devices > 1 and request.trials_per_gpu > 1:
            raise ConfigError(
                f"trials_per_gpu={request.trials_per_gpu}: Ray shares out one GPU, not the "
                f"{request.devices} of trainer.devices; set trials_per_gpu=1, or launcher=local"
            )
        return {**needs, "GPU": request.devices / request.trials_per_gpu}

    def _own_cpus(self, request: ResourceRequest) -> int | None:
        """How many CPUs a Ray of our own is to count: no fewer than the slots ask for."""
        if request.slots is None:
            return None
        asked = request.slots * request.devices * self.cpus
        return max(os.cpu_count() or 1, int(-(-asked // 1)))

    def _runner(
        self, ray: Any, needs: Mapping[str, float], request: ResourceRequest, i: int
    ) -> "RayRunner":
        threads = os.environ.get("OMP_NUM_THREADS", str(max(1, int(self.cpus))))
        log = request.logs / f"slot{i}-{socket.gethostname()}-{os.getpid()}.log"
        place = Place(Path.cwd(), request.conf.resolve(), {"OMP_NUM_THREADS": threads}, log)

        def new_actor() -> Any:
            actor = ray.remote(Actor).options(
                num_cpus=needs["CPU"], num_gpus=needs.get("GPU", 0), max_restarts=0
            )
            return actor.remote(place, request.devices == 1)

        return RayRunner(ray, new_actor)


@contextmanager
def joined(address: str | None, own_cpus: int | None) -> Iterator[Any]:
    """The module `ray`, connected to a cluster for as long as the context lasts.

    Args:
        address: see Ray.
        own_cpus: how many a cluster that is started here has; None for those of the machine.

    Raises:
        ConfigError: it is not installed, or nobody answers.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None and "ray" not in sys.modules:  # read once; its ports are open to the network
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            f"launcher=ray: Ray is missing ({error}). Install it: pip install 'rnnlab[ray]'"
        ) from error
    if ray.is_initialized():  # by whoever calls us, and theirs to end
        yield ray
        return
    own = {
        "num_cpus": own_cpus,
        "include_dashboard": False,
        "object_store_memory": OBJECT_STORE_BYTES,
    }
    try:
        knock(address or "")
        ray.init(
            address or OWN,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({} if address else own),
        )
    except (OSError, RuntimeError, ValueError, ImportError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ConfigError(f"launcher.address={address}: no Ray can be joined: {reason}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def knock(address: str) -> None:
    """See whether somebody listens at a host and port; Ray itself would try for minutes.

    Raises:
        OSError: nobody does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), KNOCK_SECONDS).close()


def resources(nodes: list[dict[str, Any]]) -> list[Mapping[str, float]]:
    """What each living machine of a cluster has in all, from `ray.nodes()`."""
    return [node["Resources"] for node in nodes if node["Alive"]]


def slots_on(
    needs: Mapping[str, float],
    slots: int | None,
    free: Mapping[str, float],
    nodes: list[Mapping[str, float]],
) -> int:
    """How many slots a cluster is asked for.

    Args:
        needs: what one asks for.
        slots: as the user has it; None for as many as are free.
        free: what the cluster has left, of all its machines.
        nodes: what each machine has in all; a slot lies on one of them.

    >>> gpus = [{"CPU": 8, "GPU": 2}, {"CPU": 8, "GPU": 1}]
    >>> slots_on({"CPU": 1, "GPU": 1}, None, {"CPU": 14, "GPU": 2}, gpus)
    2
    >>> slots_on({"CPU": 2, "GPU": 2}, None, {"CPU": 16, "GPU": 3}, gpus)
    1

    Raises:
        ConfigError: there are too few.
    """
    room = sum(places(needs, node) for node in nodes)
    asked = ", ".join(f"{amount:g} {name}" for name, amount in needs.items())
    if not room or (slots or 0) > room:
        raise ConfigError(
            f"slots={slots or 'auto'}: a slot asks for {asked}, and the Ray cluster has room for "
            f"{room}; ask for fewer slots or less (launcher.cpus, trainer.devices), or add machines"
        )
    count = slots or min(room, places(needs, free))
    if not count:
        raise ConfigError(
            f"slots=auto: a slot asks for {asked}, and all of the Ray cluster is in use; wait, or "
            f"give slots=<number>: they begin when they find room"
        )
    return count


def places(needs: Mapping[str, float], there: Mapping[str, float]) -> int:
    """How often what one asks for is there.

    >>> places({"CPU": 1, "GPU": 0.5}, {"CPU": 3, "GPU": 1})
    2
    """
    return min(int(there.get(name, 0) / amount + 1e-6) for name, amount in needs.items())


def wait_for_one(runners: "list[RayRunner]") -> None:
    """Return as soon as one slot has its place; the others begin when they have theirs.

    Raises:
        ConfigError: none has, or the project is not on the machine.
    """
    end = time.monotonic() + PLACE_SECONDS
    while not any(runner.is_ready() for runner in runners):
        refused = next((runner.refusal for runner in runners if runner.refusal), None)
        if refused:
            raise ConfigError(f"launcher=ray: {refused}")
        if time.monotonic() > end:
            raise ConfigError(
                f"launcher=ray: no slot found a place within {PLACE_SECONDS:.0f} s; is the cluster "
                "in use? `ray status` says by whom"
            )
        time.sleep(POLL_SECONDS)


@dataclass(frozen=True)
class Place:
    """Where the processes of a slot work; the same on every machine.

    Attributes:
        folder: in which the search was called; other paths may be relative to it.
        conf: the folder conf/.
        environment: variables of the processes, beside those that Ray sets.
        log: file for what they print.
    """

    folder: Path
    conf: Path
    environment: Mapping[str, str]
    log: Path


class Actor:
    """What Ray starts on a machine: the runner of one slot.

    Its methods are called in turn, so none may take long.

    Args:
        place: see Place.
        warm_up: start the process of the trials now.
    """

    def __init__(self, place: Place, warm_up: bool) -> None:
        missing = [path for path in (place.folder, place.conf) if not path.exists()]
        self.refusal: str | None = None
        if missing:
            self.refusal = (
                f"{socket.gethostname()} has no {missing[0]}: the project must stand in the same "
                "place on every machine"
            )
        else:
            os.chdir(place.folder)
            self.runner = LocalRunner(place.conf, place.environment, place.log)
            if warm_up:
                self.runner.warm_up()

    def ready(self) -> str | None:
        """Answered as soon as the actor has its place: None, or why it cannot work there."""
        return self.refusal

    def start(self, job: Job) -> None:
        """See Runner."""
        self.runner.start(job)

    def poll(self, seconds: float) -> TrialResult | str | None:
        """The result, how its process ended without one, or None: neither within these seconds."""
        end = time.monotonic() + seconds
        try:
            while (result := self.runner.poll()) is None and time.monotonic() < end:
                time.sleep(POLL_SECONDS)
        except WorkerDied as error:
            return str(error)
        return result

    def stop(self) -> None:
        """See Runner."""
        self.runner.stop()

    def kill(self) -> None:
        """See Runner."""
        self.runner.kill()


class RayRunner:
    """The slot of an actor; a Runner. Where its actor dies, it asks for a new one.

    Args:
        ray: the module.
        new_actor: asks Ray for an actor.
    """

    def __init__(self, ray: Any, new_actor: Callable[[], Any]) -> None:
        self.refusal: str | None = None
        self._ray = ray
        self._new_actor = new_actor
        self._actor: Any = new_actor()
        self._asked: Any = self._actor.ready.remote()  # the one answer that we wait for
        self._is_placed = False
        self._again_at = 0.0

    def is_ready(self) -> bool:
        """See Runner. An actor that was lost is asked for again, and may wait for its place."""
        if self._actor is None and time.monotonic() > self._again_at:
            self._actor = self._new_actor()
            self._asked = self._actor.ready.remote()
        if self._actor is not None and not self._is_placed:
            with suppress(WorkerDied):
                self._welcome(self._answer())
        return self._is_placed

    def _welcome(self, answer: Any) -> None:
        """Hear what an actor says when it has its place."""
        if isinstance(answer, str):
            self.refusal = answer
            self._end_actor()
            self._again_at = time.monotonic() + AGAIN_SECONDS
        else:
            self._is_placed = answer is not PENDING

    def start(self, job: Job) -> None:
        """See Runner."""
        assert self._is_placed, "only a slot that is ready is given a trial"
        self._asked = self._actor.start.remote(job)

    def poll(self) -> TrialResult | None:
        """See Runner."""
        answer = self._answer()
        if answer is PENDING:
            return None
        if isinstance(answer, str):
            raise WorkerDied(answer)
        if isinstance(answer, TrialResult):
            return answer
        self._asked = self._actor.poll.remote(ANSWER_SECONDS)
        return None

    def _answer(self) -> Any:
        """What the actor has answered; NOT_YET while it has not.

        Raises:
            WorkerDied: it will not.
        """
        errors = self._ray.exceptions
        try:
            done, _ = self._ray.wait([self._asked], timeout=0)
            return self._ray.get(self._asked) if done else PENDING
        except errors.RayError as error:
            self._again_at = 0.0 if self._is_placed else time.monotonic() + AGAIN_SECONDS
            self._end_actor()
            raise WorkerDied(first_error_line(error)) from None

    def stop(self) -> None:
        """See Runner."""
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
        """See Runner."""
        self.kill()

    def _end_actor(self) -> None:
        with suppress(self._ray.exceptions.RayError):
            self._ray.kill(self._actor)
        self._actor, self._is_placed = None, False


PENDING = object()


def first_error_line(error: Exception) -> str:
    """The first line of what Ray says, which can fill a page."""
    return f"Ray: {str(error).strip().partition(chr(10))[0]}"
