"""The commands of docs/data.md: each is composed and checked; what is shown of a file is read."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from rnnlab.commands import describe as showing
from rnnlab.experiment.run import check
from tests.helpers.configs import CONF, ROOT, choices, compose

PAGE = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.strip()]
TRAIN, SHOW = "python train.py ", "python -m rnnlab.data "


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the page names."""
    words = ["good", "bad", "long", "short", "old", "new", "loud", "quiet"]
    rows = [f"{a} film with {b} scenes" for a in words for b in words]
    rows = [f"{text},{1 + i % 5},author {i % 16}" for i, text in enumerate(rows)]
    (tmp_path / "reviews.csv").write_text("\n".join(["review,stars,author", *rows]) + "\n")
    for name, start, stop in (
        ("sales", "2023-01-01", "2024-05-01"),
        ("sales_2024", "2024-05-01", "2024-09-01"),
    ):
        days = np.arange(start, stop, dtype="datetime64[D]")
        rows_of_days = [f"{day},north,a,{10 + i % 7},{2 + i % 3}" for i, day in enumerate(days)]
        header = "day,shop,region,sales,price"
        (tmp_path / f"{name}.csv").write_text("\n".join([header, *rows_of_days]) + "\n")
    (tmp_path / "book.txt").write_text("In the beginning was the word.\n" * 200)
    for name, word in {"pairs.en": "house", "pairs.de": "haus"}.items():
        lines = [f"{word} {chr(97 + i % 26)} {i}" for i in range(200)]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words_of(command: str, start: str) -> list[str]:
    return shlex.split(command.removeprefix(start), comments=True)


def test_a_block_holds_commands_alone() -> None:
    assert COMMANDS
    assert all(command.startswith((TRAIN, SHOW)) for command in COMMANDS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(TRAIN)])
def test_every_training_command_passes_the_check(command: str, here: Path) -> None:
    words = words_of(command, TRAIN)
    if words[0] == "-m":  # of a list of values the first
        words = [word.split(",")[0] for word in words[1:]]
    check(compose(*words))


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith(SHOW)])
def test_every_showing_command_shows(command: str, here: Path, capsys) -> None:
    words = words_of(command, SHOW)
    if not any(word.startswith("data.path=") for word in words):
        showing.build_data_set(showing.read_settings(CONF, words)[1])
        return
    showing.main(words)
    assert f"data     {words[0]}: " in capsys.readouterr().out
    assert list((here / "outputs" / "data" / words[0]).glob("*.png"))


@pytest.mark.parametrize("name", choices("data"))
def test_every_data_set_has_its_section(name: str) -> None:
    section = re.search(rf"^### {name}\n(.*?)(?=^##|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert section, f"docs/data.md has no section ### {name}"
    assert f"data={name}" in section[1], "and in it a command to copy"


def test_the_reviews_without_their_column_are_refused(here: Path) -> None:
    """What the page says of the files is what is read."""
    (here / "reviews.csv").write_text("text,label\ngood,1\nbad,0\n")
    from rnnlab.errors import DataError

    with pytest.raises(DataError, match="review"):
        showing.main(["imdb", "data.path=reviews.csv", "data.text_column=review"])
