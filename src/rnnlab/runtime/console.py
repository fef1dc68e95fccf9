"""Consoles show the text of users as it is: it is never markup, and hides nothing."""

from typing import Any

from rich.console import Console
from rich.text import Text

from rnnlab.runtime.texts import show_hidden


class PlainConsole(Console):
    """Console that prints texts literally: no markup, no emoji codes, no highlighting."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False, "highlight": False, **settings})

    def render_str(self, text: str, **style: Any) -> Text:
        """Return a text without characters that would change the line around it."""
        return super().render_str(show_hidden(text), **style)
