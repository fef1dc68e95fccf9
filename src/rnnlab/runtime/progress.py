"""Progress bars of long work, on stderr, so that the output of a command stays clean."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


def progress_bar(*columns: "str | ProgressColumn") -> "Progress":
    """Return a progress bar that disappears at its end, and is invisible without a terminal.

    `columns` are those of rich.progress.Progress; none for its usual ones.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    hidden = not console.is_terminal
    return Progress(*columns, console=console, transient=True, disable=hidden)
