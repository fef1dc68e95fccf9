"""A process that ends when the one that started it does.

Its standard input is a pipe that the other one holds open. However that one ends, by kill -9 too,
the system closes the pipe, and a thread here that reads it notices.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable


def hold(heard: Callable[[str], None] = lambda line: None) -> None:
    """Begin to listen; returns at once.

    Args:
        heard: is called, in the listening thread, with each line that comes.
    """
    # A copy of its own, so that whoever reads standard input does not take our lines.
    pipe = os.fdopen(os.dup(sys.stdin.fileno()), encoding="utf-8")
    threading.Thread(target=_listen, args=(pipe, heard), daemon=True).start()


def _listen(pipe: "object", heard: Callable[[str], None]) -> None:
    for line in pipe:  # type: ignore[attr-defined]
        heard(line)
    end()


def end() -> None:
    """End this process and what it has started, at once."""
    if os.getpgrp() == os.getpid():  # a session of our own
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
