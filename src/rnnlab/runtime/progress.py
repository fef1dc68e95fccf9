"""What a command is doing, on stderr, so that its output stays clean."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rnnlab.runtime.distributed import is_first_process

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

SLOW_SECONDS = 5.0  # of a step that is shown


def announce_imports(subject: str) -> None:
    """Print the first line of a command whose imports take seconds; none if they are done.

    Args:
        subject: what the command works on, such as the name of a run.
    """
    if "lightning" not in sys.modules:
        print_progress(f"{subject}: importing PyTorch and Lightning")


def print_progress(text: str) -> None:
    """Print a line at once, in the first process of a run."""
    from rnnlab.runtime.texts import show_hidden

    if is_first_process():
        print(show_hidden(text), file=sys.stderr, flush=True)


@contextmanager
def show_slow_step(text: str, seconds: float = SLOW_SECONDS) -> Iterator[None]:
    """Print what a step does if it takes longer than some seconds."""
    timer = threading.Timer(seconds, print_progress, [text])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def progress_bar(*columns: "str | ProgressColumn") -> "Progress":
    """Return a progress bar that disappears at its end, and is invisible without a terminal.

    `columns` are those of rich.progress.Progress; none for its usual ones.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    hidden = not console.is_terminal
    return Progress(*columns, console=console, transient=True, disable=hidden)
