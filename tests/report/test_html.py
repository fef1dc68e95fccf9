"""HTML pages show the text of users as it is."""

from pathlib import Path

import pytest

from rnnlab.report.html import render_html


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("<script>", "&lt;script&gt;"),
        ("\u202eabc", "\\u202eabc"),
        ("a & $b$ [/b]", "a &amp; $b$ [/b]"),
        ("\U0001f642", "\U0001f642"),
        ("x" * 300, "x" * 300),
    ],
)
def test_a_value_is_text(text: str, page: str, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<b>{{ name }}</b>{{ '&middot;'|safe }}")
    assert render_html("a.html", tmp_path, name=text) == f"<b>{page}</b>&middot;"
