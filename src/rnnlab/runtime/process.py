"""Settings of a process of this package, made before large packages are imported.

A process is that of a command or of a slot of a search. A program of a user that imports rnnlab
keeps its own settings.
"""

import atexit
import gc
import os

SPIN_VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")  # read by OpenMP


def prepare_process() -> None:
    """Prepare a process whose only purpose is a command.

    - Threads of torch sleep while they wait for each other. By default they spin, and where another
      program needs the core, each of the many short waits of a training step takes milliseconds.
      The environment takes precedence.
    - The garbage collector skips the objects of imports (see rnnlab.runtime.imports), and at the
      end of the process all objects: the system takes the memory back.
    """
    if not any(name in os.environ for name in SPIN_VARIABLES):
        os.environ["OMP_WAIT_POLICY"] = "passive"
    gc.freeze()
    atexit.register(gc.freeze)
