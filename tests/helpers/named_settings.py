"""Settings that the error texts of the package and the pages name, as `section.key=`."""

import ast
import re
from collections.abc import Iterable, Iterator

from tests.helpers.configs import ROOT


def texts_of_errors() -> Iterator[str]:
    """The string constants of the package, also within f-strings."""
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def named_settings(sections: Iterable[str]) -> set[tuple[str, str]]:
    """The settings that an error or a page names with `=`: section, and key within it."""
    named = re.compile(rf"(?<![\w.])({'|'.join(sections)})((?:\.\w+)+)=")
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    pages += (ROOT / "sweeps").rglob("*.yaml")
    texts = [*texts_of_errors(), *(page.read_text(encoding="utf-8") for page in pages)]
    return {(m[1], m[2].removeprefix(".")) for text in texts for m in named.finditer(text)}
