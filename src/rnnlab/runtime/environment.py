"""Facts about the environment of a run: versions, commit, device, memory."""

import platform
import resource
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    *("rnnlab", "torch", "lightning", "hydra-core", "omegaconf", "torchmetrics", "datasets"),
    *("numpy", "wandb"),
)


def versions() -> dict[str, str]:
    """Return the versions of Python and of each package that may change results."""
    packages = {package: read_version(package) for package in PACKAGES}
    return {"python": platform.python_version(), **packages}


@cache
def read_version(package: str) -> str:
    """Return the installed version of a package, read from its metadata once."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def git_state() -> dict[str, Any]:
    """Return the commit and whether files differ from it; empty outside a checkout."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        return result.stdout.strip() if result.returncode == 0 else ""

    try:
        commit = git("rev-parse", "HEAD")
        return {"commit": commit, "changed": bool(git("status", "--porcelain"))} if commit else {}
    except (OSError, subprocess.TimeoutExpired):
        return {}


def device_facts(kind: str) -> dict[str, Any]:
    """Return facts about the device of the run; `kind` is cpu or cuda."""
    import psutil
    import torch

    facts: dict[str, Any] = {
        "kind": kind,
        "processor": platform.processor() or platform.machine(),
        "cores": psutil.cpu_count(),
        "threads": torch.get_num_threads(),
        "matmul_precision": torch.get_float32_matmul_precision(),
    }
    if kind == "cuda":
        facts["gpu"] = torch.cuda.get_device_name()
    return facts


def peak_memory_mb(kind: str) -> dict[str, float]:
    """Return the peak memory of this process, and of the GPU, in MiB."""
    import torch

    unit = 2**20 if sys.platform == "darwin" else 2**10
    peak = {"process": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit}
    if kind == "cuda":
        peak["gpu"] = torch.cuda.max_memory_allocated() / 2**20
    return peak
