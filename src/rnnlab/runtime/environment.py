"""Where a run took place: versions, commit, device, memory."""

import platform
import resource
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    "rnnlab",
    "torch",
    "lightning",
    "hydra-core",
    "omegaconf",
    "torchmetrics",
    "datasets",
    "numpy",
    "wandb",
)


def versions() -> dict[str, str]:
    """Version of Python and of each package that has a say in the numbers."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def git_state() -> dict[str, Any]:
    """Commit of the code, and whether files differ from it; empty outside a checkout."""
    here = Path(__file__).parent

    def ask(*words: str) -> str:
        command = ["git", "-C", str(here), *words]
        asked = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        return asked.stdout.strip() if asked.returncode == 0 else ""

    try:
        commit = ask("rev-parse", "HEAD")
        return {"commit": commit, "changed": bool(ask("status", "--porcelain"))} if commit else {}
    except (OSError, subprocess.TimeoutExpired):
        return {}


def device_facts(kind: str) -> dict[str, Any]:
    """What the run computed on.

    Args:
        kind: type of torch's device, cpu or cuda.
    """
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
    """The most memory that this process has held, in MiB; on a GPU the device's too."""
    import torch

    unit = 2**20 if sys.platform == "darwin" else 2**10
    peak = {"process": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)}
    if kind == "cuda":
        peak["gpu"] = round(torch.cuda.max_memory_allocated() / 2**20, 1)
    return peak
