"""Every test that docs/reliability.md names exists."""

import ast
import re

import pytest

from tests.helpers.configs import ROOT

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMES = sorted(set(re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?)`", PAGE)))


def test_the_page_names_tests() -> None:
    assert len(NAMES) > 10
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    guarantees = [line for line in rows if line != "| guarantee | test |"]
    assert guarantees
    assert not [line for line in guarantees if "`tests/" not in line]


@pytest.mark.parametrize("name", NAMES)
def test_a_test_of_the_page_exists(name: str) -> None:
    path, _, function = name.partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert function in names if function else any(name.startswith("test_") for name in names)
