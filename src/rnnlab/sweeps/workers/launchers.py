"""Launchers, which provide the slots of a search; the one of this machine (see ray_launcher)."""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rnnlab.config.types import PositiveInt
from rnnlab.errors import ConfigError
from rnnlab.sweeps.workers.local_runner import LocalRunner
from rnnlab.sweeps.workers.runner import Runner


@dataclass(frozen=True)
class ResourceRequest:
    """Resources that a search requests from a launcher.

    Attributes:
        slots: number of slots; None for as many as there are GPUs for, or one.
        num_jobs: number of trials, and the largest number of slots that are of use.
        devices: per trial.
        trials_per_gpu: number of trials that share a GPU.
        on_gpu: whether trials may use GPUs.
        logs: folder for the output of the processes.
    """

    slots: int | None
    num_jobs: int
    devices: int
    trials_per_gpu: int
    on_gpu: bool
    conf: Path
    logs: Path


Launcher = Callable[[ResourceRequest], AbstractContextManager[Sequence[Runner]]]


class LocalLauncher:
    """Slots on this machine; each has its own GPUs, or a share of the CPU cores.

    Args:
        threads: per process on the CPU; None for cores / slots.
    """

    def __init__(self, threads: PositiveInt | None = None) -> None:
        self.threads = threads

    @contextmanager
    def __call__(self, request: ResourceRequest) -> Iterator[list[Runner]]:
        """Yield the runners; their processes end with the context.

        Raises:
            ConfigError: the slots need more GPUs than there are.
        """
        gpus = visible_gpus() if request.on_gpu else []
        shares = assign_gpus(gpus, request) if gpus else [None] * (request.slots or 1)
        # As if all slots were used: another number of threads rounds sums differently.
        threads = self.threads or max(1, (os.cpu_count() or 1) // len(shares))
        with ExitStack() as stack:
            runners: list[Runner] = []
            for index, share in enumerate(shares[: request.num_jobs]):
                environment = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads))}
                if share is not None:
                    environment["CUDA_VISIBLE_DEVICES"] = ",".join(share)
                log = request.logs / f"slot{index}-{os.getpid()}.log"
                runner = LocalRunner(request.conf, environment, log)
                stack.callback(runner.kill)
                if request.devices == 1:
                    runner.start_worker()
                runners.append(runner)
            yield runners


def assign_gpus(gpus: Sequence[str], request: ResourceRequest) -> list[list[str]]:
    """Return the GPUs of each slot.

    >>> def request(slots, devices, trials_per_gpu):
    ...     return ResourceRequest(slots, 9, devices, trials_per_gpu, True, Path(), Path())
    >>> assign_gpus(["0", "1", "2", "3"], request(None, 2, 1))
    [['0', '1'], ['2', '3']]
    >>> assign_gpus(["4"], request(2, 1, 2))
    [['4'], ['4']]

    Raises:
        ConfigError: there are too few GPUs.
    """
    count = request.devices
    groups = [list(gpus[end - count : end]) for end in range(count, len(gpus) + 1, count)]
    places = [group for group in groups for _ in range(request.trials_per_gpu)]
    slots = request.slots or len(places)
    if slots > len(places) or not places:
        raise ConfigError(
            f"slots={request.slots or 'auto'}: {len(gpus)} GPUs are visible, enough for "
            f"{len(places)} slots with trainer.devices={request.devices} and "
            f"trials_per_gpu={request.trials_per_gpu}; ask for fewer slots, more trials_per_gpu, "
            "or trainer=cpu"
        )
    return places[:slots]


def visible_gpus() -> list[str]:
    """Return the names of the GPUs that this process may use, without initialising CUDA."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    with suppress(OSError, subprocess.SubprocessError):
        output = subprocess.run(query, capture_output=True, text=True, timeout=30, check=True)
        return output.stdout.split()
    return []
