"""What a page asks for: it must need no network and no other file."""

from html.parser import HTMLParser
from typing import Any

MAX_PAGE = 2_000_000  # bytes
EMPTY = ("meta", "img", "br", "hr", "input", "line", "circle", "path")


class PageElements(HTMLParser):
    """The tags of a page; those that are open at the end."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.styles: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] == ["style"]:
            self.styles.append(data)

    def count(self, tag: str) -> int:
        """Return how many elements have a tag."""
        return sum(name == tag for name, _ in self.elements)


def check_offline(page: str) -> PageElements:
    """Check that a page asks for nothing and is small enough to be sent; return its elements."""
    elements = PageElements(page)
    assert not elements.open
    assert elements.count("script") <= 1
    assert not {"link", "iframe", "object", "embed", "base"} & {tag for tag, _ in elements.elements}
    for _, attributes in elements.elements:
        assert not [name for name in attributes if name.startswith("on")], attributes
        assert (attributes.get("src") or "data:").startswith("data:"), attributes
        assert ":" not in (attributes.get("href") or "").partition("/")[0], attributes
        elements.styles.append(attributes.get("style") or "")
    assert not any(word in style for style in elements.styles for word in ("@import", "url("))
    assert len(page.encode()) <= MAX_PAGE
    return elements


def example_report(**changes: Any) -> dict[str, Any]:
    """A report as a run writes it."""
    report = {
        "name": "sine-gru",
        "variant": "seed 0",
        "seed": 0,
        "monitor": "val/mse",
        "task": "forecasting",
        "model": {"class": "GRU", "parameters": 1234},
        "data": {
            **{"source": "local", "name": "a.csv", "version": "", "sha256": "0" * 64},
            **{"notes": ["3 rows were empty"], "sizes": {"train": 5, "val": 2, "test": 2}},
        },
        "device": {"kind": "cpu"},
        "versions": {"rnnlab": "0.1"},
        "git": {"commit": "abc", "changed": True},
        "scores": {"val/mse": 0.2, "test/mse": 0.25},
        "baselines": {
            "persistence": {"test/mse": 0.75},
            "naive": {"test/mse": 0.5},
            "noise floor": {"test/mse": 0.1},
        },
        "findings": ["It works."],
        "evaluated_targets": {"val": 2, "test": 2},
        "best": {"step": 5, "epoch": 0},
        "epochs": 1,
        "speed": {},
        "seconds": {"fit": 1.0},
        "peak_memory": {"process": 100.0},
    }
    return {**report, **changes}
