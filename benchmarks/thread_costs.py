"""What two threads cost: CPU time of a training step with two threads, compared with one.

Threads that wait sleep, so the ratio is what a busy machine loses, and half of it is the least that
an idle one with two cores can need. Other programs hardly disturb it. The limit of threads=auto,
MIN_PRODUCT of rnnlab/runtime/threads.py, was checked with it.
"""

import os
from collections.abc import Callable
from functools import partial
from itertools import repeat

import torch

from benchmarks.pairs import Results, Row, Stopwatch, interleave
from benchmarks.runs import BareLoop, Settings, compose_config
from benchmarks.turns import milliseconds
from rnnlab.experiment.build import build_data
from rnnlab.layers.kernels import set_kernel
from rnnlab.runtime.allocator import keep_freed_memory
from rnnlab.runtime.threads import MIN_PRODUCT, count_products
from rnnlab.spec import Batch

MAX_COST = 1.25  # of the networks that get all threads
STEPS = 64_000  # steps of a block times squared hidden size
MAX_STEPS = 20


def thread_costs(settings: Settings) -> Results:
    """Compare the CPU time of two threads with one, for networks around the limit of auto."""
    if os.environ.get("OMP_WAIT_POLICY") != "passive":
        yield "thread_costs: threads spin; start it with OMP_WAIT_POLICY=passive, as a run does"
        return
    keep_freed_memory()
    for hidden_size in settings.thread_sizes:
        yield compare_costs(hidden_size, settings)


def compare_costs(hidden_size: int, settings: Settings) -> Row:
    """Return the row of a network of data=sine with the native kernel: two threads / one."""
    words = ("data=sine", "trainer=cpu", *settings.sine, f"model.hidden_size={hidden_size}")
    config = compose_config(*words)
    data = build_data(config)
    data.prepare_data()
    data.setup("fit")
    batch: Batch = next(iter(data.train_dataloader()))
    loop = BareLoop(config, data.spec, 1_000_000, torch.device("cpu"))
    set_kernel(loop.model, "native")
    product, previous = count_products(loop.model, len(batch.lengths)), torch.get_num_threads()
    step = partial(loop.step, batch)
    sides = (partial(run_steps, step, 2), partial(run_steps, step, 1))
    blocks, seconds = repeat(min(max(1, STEPS // hidden_size**2), MAX_STEPS)), settings.seconds
    pairs = interleave(*sides, blocks, Stopwatch("cpu"), seconds / len(settings.thread_sizes))
    torch.set_num_threads(previous)
    what = f"step of sine, GRU of {hidden_size}, products of {product:,}: 2 threads / 1 thread"
    bar = MAX_COST if product >= MIN_PRODUCT else None
    ratios = [pair.ours / pair.other for pair in pairs]
    return Row("thread_costs", what, *milliseconds(pairs), ratios, bar, at_least=False)


def run_steps(step: Callable[[], int], threads: int, count: int) -> int:
    """Run steps with a number of threads and return their number."""
    torch.set_num_threads(threads)
    for _ in range(count):
        step()
    return count
