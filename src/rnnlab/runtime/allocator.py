"""Settings of the C library's allocator: keep freed memory for the next batch.

glibc returns each large block to the system when it is freed, and the system provides zeroed pages
when a similar block is allocated a moment later. Training on a CPU allocates the same blocks at
each step; `python -m benchmarks memory` measures the cost for an LSTM.
"""

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
KEPT_BLOCK_BYTES = 1 << 30  # larger blocks are returned to the system
RETURNED_BLOCK_BYTES = 1 << 20  # the same, while freed memory is not kept


def keep_freed_memory() -> bool:
    """Make the allocator keep freed memory; results do not change.

    Does nothing where the C library is not glibc, or where the environment configures it
    (MALLOC_..._ or GLIBC_TUNABLES; see `man mallopt`). Returns whether the setting was changed.
    """
    return set_thresholds(KEPT_BLOCK_BYTES)


def release_freed_memory() -> None:
    """Return unused memory to the system, and from now on each new large block when it is freed.

    What follows a training allocates blocks of other sizes, which do not fit into the free ones.
    """
    set_thresholds(RETURNED_BLOCK_BYTES)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def set_thresholds(num_bytes: int) -> bool:
    """Set the size from which freed blocks are returned; return whether that was possible."""
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(option, num_bytes) for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD))
