"""What gives a search its slots; here those of this machine (for Ray see ray_launcher)."""

import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rnnlab.config.types import PositiveInt
from rnnlab.errors import ConfigError
from rnnlab.sweeps.workers.runner import LocalRunner, Runner


@dataclass(frozen=True)
class ResourceRequest:
    """What the slots are for.

    Attributes:
        slots: how many; None for as many as there are GPUs for, or one.
        devices: of each trial.
        trials_per_gpu: that share a GPU.
        on_gpu: whether trials may use GPUs.
        conf: the folder conf/.
        logs: folder for what the processes print.
    """

    slots: int | None
    devices: int
    trials_per_gpu: int
    on_gpu: bool
    conf: Path
    logs: Path


Launcher = Callable[[ResourceRequest], AbstractContextManager[Sequence[Runner]]]


class Local:
    """Slots on this machine. Each has GPUs of its own, or its share of the processor's cores.

    Args:
        threads: of each process on the CPU; None for cores / slots.
    """

    def __init__(self, threads: PositiveInt | None = None) -> None:
        self.threads = threads

    @contextmanager
    def __call__(self, request: ResourceRequest) -> Iterator[list[Runner]]:
        """The runners, whose processes end with the context.

        Raises:
            ConfigError: there are fewer GPUs than the slots need.
        """
        gpus = visible_gpus() if request.on_gpu else []
        shares = shared_out(gpus, request) if gpus else [None] * (request.slots or 1)
        threads = self.threads or max(1, (os.cpu_count() or 1) // len(shares))
        with ExitStack() as stack:
            runners: list[Runner] = []
            for index, share in enumerate(shares):
                environment = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads))}
                if share is not None:
                    environment["CUDA_VISIBLE_DEVICES"] = ",".join(share)
                log = request.logs / f"slot{index}-{os.getpid()}.log"
                runner = LocalRunner(request.conf, environment, log)
                stack.callback(runner.kill)
                if request.devices == 1:
                    runner.warm_up()
                runners.append(runner)
            yield runners


def shared_out(gpus: Sequence[str], request: ResourceRequest) -> list[list[str]]:
    """The GPUs of each slot.

    >>> def want(slots, devices, each):
    ...     return ResourceRequest(slots, devices, each, True, Path(), Path())
    >>> shared_out(["0", "1", "2", "3"], want(None, 2, 1))
    [['0', '1'], ['2', '3']]
    >>> shared_out(["4"], want(2, 1, 2))
    [['4'], ['4']]

    Raises:
        ConfigError: there are too few.
    """
    groups = [list(gpus[i : i + request.devices]) for i in range(0, len(gpus), request.devices)]
    whole = [group for group in groups if len(group) == request.devices]
    places = [group for group in whole for _ in range(request.trials_per_gpu)]
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
    """Names of the GPUs that this process may use; found without starting CUDA."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name.strip() for name in visible.split(",") if name.strip() not in ("", "-1")]
    with suppress(OSError, subprocess.TimeoutExpired):
        query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        asked = subprocess.run(query, capture_output=True, text=True, timeout=30, check=False)
        if asked.returncode == 0:
            return asked.stdout.split()
    return []
