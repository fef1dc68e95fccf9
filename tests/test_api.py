"""The package in a notebook: the same composition, checks and messages as on the command line."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

import rnnlab
from rnnlab.errors import ConfigError
from rnnlab.sweeps.report.report import write_report
from rnnlab.sweeps.result import SearchResult
from tests.helpers.configs import compose
from tests.helpers.example_sweep import a_search

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


@pytest.mark.slow
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


def test_invalid_searches_are_errors_with_the_same_words() -> None:
    with pytest.raises(ConfigError, match="sweep=<name> must be given once"):
        rnnlab.sweep(*SMALL)
    with pytest.raises(ConfigError, match="did you mean gru"):
        rnnlab.sweep(*SMALL, "model=gruu,lstm")


def test_a_search_is_displayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = a_search(8)
    monkeypatch.setattr("rnnlab.sweeps.report.report.draw_figures", lambda *search: [])
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "history.png").write_bytes(b"picture")
    write_report(study, tmp_path)
    result = SearchResult(tmp_path)
    assert result.best is not None
    assert result.best["params"] == study.best_trial.params
    assert len(result.trials) == 10
    page = Page(result._repr_html_())
    assert page.texts.count(f"trial {study.best_trial.number}") == 1
    assert f"{study.best_value:.4g}" in page.texts
    assert str(study.best_trial.params["data.seq_len"]) in page.texts
    assert "optimizer.lr" in page.texts
    assert page.sources == ["data:image/png;base64,cGljdHVyZQ=="]


@pytest.mark.slow
def test_a_search_of_python_is_that_of_the_command_line(tmp_path: Path) -> None:
    words = (*SMALL[:3], "model.hidden_size=3,5", "trainer.max_epochs=1", "slots=1")
    result = rnnlab.sweep(*words, "launcher=local", f"output_dir={tmp_path}", "name=tried")
    assert result.folder == tmp_path / "tried"
    assert sorted(result.trials["model.hidden_size"]) == [3, 5]
    assert result.best is not None
    score = result.trials["val/mse"].min()
    assert result.best["values"]["val/mse"] == pytest.approx(score)
    run = rnnlab.load(result.best_run)
    assert run.report["scores"]["val/mse"] == pytest.approx(score)
    assert "test/mse" in run.report["scores"]
