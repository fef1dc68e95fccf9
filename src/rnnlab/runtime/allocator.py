"""What the C library does with memory that was freed: it keeps it, for the next batch.

glibc gives each large block back to the system when it is freed, and the system hands out zeroed
pages when one like it is asked for a moment later. A network that is trained on a processor asks
for the same blocks at each step; `python -m benchmarks memory` says what that costs an LSTM.
"""

import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
LARGEST = 1 << 30  # bytes of a block that is kept


def keep_freed_memory() -> bool:
    """From now on keep what is freed; numbers are not touched.

    Nothing is done where the C library is not glibc, or where the environment sets it up
    (MALLOC_..._ or GLIBC_TUNABLES; see `man mallopt`).

    Returns:
        Whether it was done.
    """
    if any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST) and mallopt(M_TRIM_THRESHOLD, LARGEST))


def release_freed_memory() -> None:
    """Give the system what is kept and not in use."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
