"""Text of users in Markdown pages."""

import re

from rnnlab.runtime.texts import show_hidden

_MARKUP = re.compile(r"([\\`*_\[\]<>$~|&])")
_FIRST = re.compile(r"^([#+=-]|\d+(?=[.)]))")


def escape_markdown(text: str) -> str:
    r"""Return a line that is shown as it is, without emphasis, links, formulas or HTML.

    >>> escape_markdown("# a *b* <i>")
    '\\# a \\*b\\* \\<i\\>'
    >>> escape_markdown("1. a")
    '1\\. a'
    """
    line = _MARKUP.sub(r"\\\1", show_hidden(" ".join(text.split())))
    return _FIRST.sub(lambda m: f"\\{m[0]}" if not m[0].isdigit() else f"{m[0]}\\", line)


def quote_markdown(text: str) -> str:
    r"""Return a text as a block quote that keeps its lines.

    >>> quote_markdown("a\n<b>")
    '> a\n> \\<b\\>'
    """
    return "\n".join(f"> {escape_markdown(line)}".rstrip() for line in text.split("\n"))
