"""End a process when its parent ends.

Its standard input is a pipe that the parent holds open. However the parent ends, also by kill -9,
the system closes the pipe, and a thread that reads it notices.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TextIO


def die_with_parent(on_line: Callable[[str], None] = lambda line: None) -> None:
    """Start a thread that watches standard input and calls `on_line` with each line."""
    # A copy of the descriptor, so that other readers of standard input take no lines from us.
    pipe = os.fdopen(os.dup(sys.stdin.fileno()), encoding="utf-8")
    threading.Thread(target=_watch, args=(pipe, on_line), daemon=True).start()


def _watch(pipe: TextIO, on_line: Callable[[str], None]) -> None:
    """Wait for the end of the pipe; then kill this process, and the group that it may lead."""
    for line in pipe:
        on_line(line)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
