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
class Wanted:
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


Launcher = Callable[[Wanted], AbstractContextManager[Sequence[Runner]]]


class Local:
    """Slots on this machine. Each has GPUs of its own, or its share of the processor's cores.

    Args:
        threads: of each process on the CPU; None for cores / slots.
    """

    def __init__(self, threads: PositiveInt | None = None) -> None:
        self.threads = threads

    @contextmanager
    def __call__(self, wanted: Wanted) -> Iterator[list[Runner]]:
        """The runners, whose processes end with the context.

        Raises:
            ConfigError: there are fewer GPUs than the slots need.
        """
        gpus = visible_gpus() if wanted.on_gpu else []
        shares = shared_out(gpus, wanted) if gpus else [None] * (wanted.slots or 1)
        threads = self.threads or max(1, (os.cpu_count() or 1) // len(shares))
        with ExitStack() as stack:
            runners: list[Runner] = []
            for index, share in enumerate(shares):
                environment = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads))}
                if share is not None:
                    environment["CUDA_VISIBLE_DEVICES"] = ",".join(share)
                log = wanted.logs / f"slot{index}-{os.getpid()}.log"
                runner = LocalRunner(wanted.conf, environment, log)
                stack.callback(runner.kill)
                if wanted.devices == 1:
                    runner.warm_up()
                runners.append(runner)
            yield runners


def shared_out(gpus: Sequence[str], wanted: Wanted) -> list[list[str]]:
    """The GPUs of each slot.

    >>> def want(slots, devices, each):
    ...     return Wanted(slots, devices, each, True, Path(), Path())
    >>> shared_out(["0", "1", "2", "3"], want(None, 2, 1))
    [['0', '1'], ['2', '3']]
    >>> shared_out(["4"], want(2, 1, 2))
    [['4'], ['4']]

    Raises:
        ConfigError: there are too few.
    """
    groups = [list(gpus[i : i + wanted.devices]) for i in range(0, len(gpus), wanted.devices)]
    whole = [group for group in groups if len(group) == wanted.devices]
    places = [group for group in whole for _ in range(wanted.trials_per_gpu)]
    slots = wanted.slots or len(places)
    if slots > len(places) or not places:
        raise ConfigError(
            f"slots={wanted.slots or 'auto'}: {len(gpus)} GPUs are visible, enough for "
            f"{len(places)} slots with trainer.devices={wanted.devices} and "
            f"trials_per_gpu={wanted.trials_per_gpu}; ask for fewer slots, more trials_per_gpu, or "
            "trainer=cpu"
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
