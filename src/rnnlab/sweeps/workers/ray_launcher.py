"""Launcher whose slots are on the machines of a Ray cluster; each slot is an actor."""

import logging
import math
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rnnlab.config.types import PositiveFloat
from rnnlab.errors import ConfigError
from rnnlab.sweeps.workers.launchers import ResourceRequest
from rnnlab.sweeps.workers.messages import first_line
from rnnlab.sweeps.workers.ray_runner import Actor, RayRunner

READY_POLL_SECONDS = 0.02
PLACE_SECONDS = 120.0  # for the first slot to be given its place
PORT_TIMEOUT_SECONDS = 5.0
OBJECT_STORE_BYTES = 80 * 2**20  # results are small; Ray wants 75 MiB at least
NEW_CLUSTER = "local"  # Ray's word for a new cluster on this machine


class RayLauncher:
    """Slots that request CPUs or GPUs from a Ray cluster.

    Args:
        address: of the cluster: `auto` on one of its machines, or `ray://<host>:10001`; None starts
            one on this machine, which ends with the search.
        cpus: per process of a trial, besides its GPU if it has one.
    """

    def __init__(self, address: str | None = None, cpus: PositiveFloat = 1) -> None:
        self.address = address
        self.cpus = cpus

    @contextmanager
    def __call__(self, request: ResourceRequest) -> Iterator[list[RayRunner]]:
        """Yield runners, of which at least one has its place; they end with the context.

        Raises:
            ConfigError: Ray is missing, no cluster answers, or it is too small.
        """
        with connect_ray(self.address, self._own_cpus(request)) as ray, ExitStack() as stack:
            needs = self.needs(request, ray.cluster_resources().get("GPU", 0))
            nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            count = count_slots(needs, request.slots, ray.available_resources(), nodes)
            count = min(count, request.num_jobs)
            runners = [self._make_runner(ray, needs, request, index) for index in range(count)]
            for runner in runners:
                stack.callback(runner.close)
            wait_for_one(runners)
            yield runners

    def needs(self, request: ResourceRequest, gpus: float) -> dict[str, float]:
        """Return the resources of a slot, in Ray's names; `gpus` is the number in the cluster.

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
        """Return the CPUs of a cluster that is started here: at least what the slots need."""
        if request.slots is None:
            return None
        return max(os.cpu_count() or 1, math.ceil(request.slots * request.devices * self.cpus))

    def _make_runner(
        self, ray: Any, needs: Mapping[str, float], request: ResourceRequest, index: int
    ) -> RayRunner:
        threads = os.environ.get("OMP_NUM_THREADS", str(max(1, int(self.cpus))))
        log = request.logs / f"slot{index}-{socket.gethostname()}-{os.getpid()}.log"
        resources = {"num_cpus": needs["CPU"], "num_gpus": needs.get("GPU", 0)}
        actor = ray.remote(Actor).options(**resources, max_restarts=0)
        conf, environment = request.conf.resolve(), {"OMP_NUM_THREADS": threads}
        arguments = Path.cwd(), conf, environment, log, request.devices == 1
        return RayRunner(ray, lambda: actor.remote(*arguments))


def wait_for_one(runners: list[RayRunner]) -> None:
    """Wait until one slot has its place; the others start when they have theirs.

    Raises:
        ConfigError: no slot gets a place in time, or the project is not on its machine.
    """
    end = time.monotonic() + PLACE_SECONDS
    while not any(runner.is_ready() for runner in runners):
        refusal = next((runner.refusal for runner in runners if runner.refusal), None)
        if refusal:
            raise ConfigError(f"launcher=ray: {refusal}")
        if time.monotonic() > end:
            raise ConfigError(
                f"launcher=ray: no slot found a place within {PLACE_SECONDS:.0f} s; is the cluster "
                "in use? `ray status` says by whom"
            )
        time.sleep(READY_POLL_SECONDS)


@contextmanager
def connect_ray(address: str | None, cpus: int | None) -> Iterator[Any]:
    """Yield the module `ray`, connected to a cluster while the context lasts.

    Args:
        address: see RayLauncher.
        cpus: of a cluster that is started here; None for those of the machine.

    Raises:
        ConfigError: Ray is not installed, or no cluster answers.
    """
    ray = import_ray(address)
    if ray.is_initialized():  # by our caller, who also ends it
        yield ray
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        options |= {"num_cpus": cpus, "include_dashboard": False}
        options["object_store_memory"] = OBJECT_STORE_BYTES
    try:
        check_port(address or "")
        ray.init(address or NEW_CLUSTER, **options)
    except (OSError, RuntimeError, ValueError, ImportError) as error:
        reason = first_line(str(error))
        raise ConfigError(f"launcher.address={address}: no Ray can be joined: {reason}") from error
    try:
        yield ray
    finally:
        ray.shutdown()


def import_ray(address: str | None) -> Any:
    """Import Ray with the settings that it reads once.

    Raises:
        ConfigError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None and "ray" not in sys.modules:  # its ports are open to the network
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            f"launcher=ray: Ray is missing ({error}). Install it: pip install 'rnnlab[ray]'"
        ) from error
    return ray


def check_port(address: str) -> None:
    """Check that the port of an address is open; Ray itself would try for minutes.

    Raises:
        OSError: it is not.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), PORT_TIMEOUT_SECONDS).close()


def count_slots(
    needs: Mapping[str, float],
    slots: int | None,
    free: Mapping[str, float],
    nodes: list[Mapping[str, float]],
) -> int:
    """Return how many slots to request from a cluster.

    Args:
        needs: of one slot.
        slots: setting of the user; None for as many as are free.
        free: unused resources of the whole cluster.
        nodes: total resources of each machine; a slot lies on one machine.

    >>> gpus = [{"CPU": 8, "GPU": 2}, {"CPU": 8, "GPU": 1}]
    >>> count_slots({"CPU": 1, "GPU": 1}, None, {"CPU": 14, "GPU": 2}, gpus)
    2
    >>> count_slots({"CPU": 2, "GPU": 2}, None, {"CPU": 16, "GPU": 3}, gpus)
    1

    Raises:
        ConfigError: the cluster has too few resources.
    """
    room = sum(fit_count(needs, node) for node in nodes)
    amounts = ", ".join(f"{amount:g} {name}" for name, amount in needs.items())
    if not room or (slots or 0) > room:
        raise ConfigError(
            f"slots={slots or 'auto'}: a slot asks for {amounts}, and the Ray cluster has room for "
            f"{room}; ask for fewer slots or less (launcher.cpus, trainer.devices), or add machines"
        )
    count = slots or min(room, fit_count(needs, free))
    if not count:
        raise ConfigError(
            f"slots=auto: a slot asks for {amounts}, and all of the Ray cluster is in use; wait, "
            "or set slots=<number>: they start when there is room"
        )
    return count


def fit_count(needs: Mapping[str, float], resources: Mapping[str, float]) -> int:
    """Return how often the needs fit into resources.

    >>> fit_count({"CPU": 1, "GPU": 0.5}, {"CPU": 3, "GPU": 1})
    2
    """
    return min(int(resources.get(name, 0) / amount + 1e-6) for name, amount in needs.items())
