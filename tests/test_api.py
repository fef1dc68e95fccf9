"""The package in a notebook: the same composition, checks and messages as on the command line."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

import rnnlab
from rnnlab.errors import ConfigError
from tests.helpers.configs import compose

SMALL = ("data=sine", "data.num_series=4", "data.num_eval_series=2", "model.hidden_size=4")


def test_a_config_is_that_of_the_command_line() -> None:
    assert rnnlab.compose(*SMALL) == compose(*SMALL)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("model=gruu", "did you mean gru"),
        ("optimizer.lr=-1", "Invalid learning rate: -1"),
        ("data.seq_len=x", "data.seq_len=x"),
        ("model=gru,lstm", "several values"),
    ],
)
def test_invalid_settings_are_errors_with_the_same_words(word: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        rnnlab.run(*SMALL, word)


class Page(HTMLParser):
    """Text and sources of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts, self.sources = list[str](), list[str]()
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def test_a_run_of_python_is_displayed_and_resumed(tmp_path: Path) -> None:
    words = (*SMALL, "trainer.max_epochs=1", f"output_dir={tmp_path}", "name=<b>")
    with pytest.raises(ConfigError, match="name"):
        rnnlab.run(*words[:-1], "name=../x")
    done = rnnlab.run(*words[:-1])
    assert done.report["status"] == "finished"
    page = Page(done._repr_html_())
    assert {"mse", "test", "persistence"} <= set(page.texts)
    assert f"{done.report['scores']['test/mse']:.4f}" in page.texts
    assert len(page.sources) == 4
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    longer = rnnlab.run(f"resume={done.folder.path}", "trainer.max_epochs=1")
    assert longer.report["scores"] == done.report["scores"]
    with pytest.raises(ConfigError, match="goes on with the settings of that run"):
        rnnlab.run(f"resume={done.folder.path}", "seed=3")
