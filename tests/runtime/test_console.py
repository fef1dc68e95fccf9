"""Consoles that show the text of users as it is."""

import io

import pytest

from rnnlab.runtime.console import PlainConsole

HOSTILE_TEXTS = [
    *("$ and $$", "[/b]", "[red]a", "<script>", ":warning:", "\U0001f642", "x" * 300, "(a)[b](c)"),
]


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_a_line_is_printed_as_it_is(text: str) -> None:
    console = PlainConsole(file=io.StringIO(), width=60, force_terminal=True)
    console.print(text, soft_wrap=True)
    assert console.file.getvalue() == f"{text}\n"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u202eabc", "\\u202eabc"),
        ("a\u200f", "a\\u200f"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\ud800", "\\ud800"),
        ("two\nlines\there", "two\nlines\there"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
    ],
)
def test_what_would_change_the_line_is_shown_escaped(text: str, shown: str) -> None:
    console = PlainConsole(file=io.StringIO(), width=60)
    console.print(text, soft_wrap=True)
    assert console.file.getvalue().expandtabs(8) == f"{shown}\n".expandtabs(8)  # type: ignore[attr-defined]
