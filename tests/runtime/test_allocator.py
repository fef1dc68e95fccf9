"""Freed memory that stays with the process."""

import ctypes
import os
import subprocess
import sys

import pytest

ROUNDS, PAGES = 20, 8_000  # of a block of 32 MB
FAULTS = """
import resource, sys
import torch
from rnnlab.runtime import allocator as memory

def faults(size=8 << 20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(size)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

done = memory.keep_freed_memory()
for _ in range(12):  # until it has what it needs
    faults()
print(int(done), sum(faults() for _ in range(20)), end=" ")
held = resident()
memory.release_freed_memory()
print(held - resident(), end=" ")
print(sum(faults(24 << 20) for _ in range(20)))
"""


def told(**environment: str) -> list[int]:
    known = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", FAULTS]
    answer = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**known, **environment}
    )
    return [int(word) for word in answer.stdout.split()]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc")
def test_a_block_that_is_asked_for_again_takes_no_new_pages() -> None:
    done, faults, given_back, faults_after = told()
    assert done
    assert faults < PAGES, "less than one of the blocks"
    assert given_back > 16 << 20
    assert faults_after > ROUNDS * PAGES, "each larger block is new after the release"


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc")
def test_what_the_environment_says_stands() -> None:
    done, faults, *_ = told(MALLOC_MMAP_THRESHOLD_="131072")
    assert not done
    assert faults > ROUNDS // 2 * PAGES, "each block is new"
