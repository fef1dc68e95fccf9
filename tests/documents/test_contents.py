"""The result of each command with --json."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rnnlab import commands
from tests.helpers.run_folders import write_run

TINY = ("data=sine", "data.num_series=8", "debug=fast", "trainer=cpu")


@pytest.fixture
def result(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run a command that succeeds, and return its result."""

    def run(*words: str) -> Any:
        capsys.readouterr()
        commands.main([*words, "--json"])
        content = json.loads(capsys.readouterr().out)
        assert (content["exit_status"], content["error"]) == (0, None)
        return content["result"]

    return run


def test_predictions_are_rows_or_a_file(tmp_path: Path, result: Callable[..., Any]) -> None:
    run = write_run("imdb", tmp_path, "model=gru").folder
    texts = tmp_path / "texts.txt"
    texts.write_text("worda wordb\nwordc\n")
    content = result("predict", str(run), str(texts))
    assert content["rows"] == len(content["predictions"]) == 2
    assert {"prediction"} <= set(content["predictions"][0])
    output = tmp_path / "out.csv"
    content = result("predict", str(run), str(texts), "--output", str(output))
    assert content == {"output": str(output), "rows": 2, "predictions": None}
    assert output.is_file()


def test_texts_are_a_list(tmp_path: Path, result: Callable[..., Any]) -> None:
    run = write_run("kjv", tmp_path, "model=gru").folder
    content = result("generate", str(run), "--tokens", "5", "--samples", "2")
    assert [type(text) for text in content["texts"]] == [str, str]


def test_translations_have_sentence_rank_and_score(
    tmp_path: Path, result: Callable[..., Any]
) -> None:
    run = write_run("parallel_text", tmp_path).folder
    content = result("translate", str(run), "aa bb", "bb", "--n-best", "2", "--beam-size", "2")
    rows = content["translations"]
    assert [(row["sentence"], row["rank"]) for row in rows] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert all(isinstance(row["score"], float) for row in rows)
    assert content["scores"] is None


def test_an_export_has_its_folder_and_its_check(tmp_path: Path, result: Callable[..., Any]) -> None:
    run = write_run("sine", tmp_path, "model=gru", "model.hidden_size=4").folder
    content = result("export", str(run))
    assert content["format"] == "onnx"
    assert content["difference"] < 1e-4
    assert Path(content["folder"]).is_dir()


@pytest.mark.slow
@pytest.mark.usefixtures("no_plots")
def test_a_run_from_training_to_repetition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    content = result("train", "-m", *TINY, "model=gru,rnn", "logger=null")
    runs, comparison = content["runs"], content["comparison"]
    assert len(runs) == len(comparison["configurations"]) == 2
    assert {row["spread"] for row in comparison["configurations"]} == {None}
    for run in runs:
        report = json.loads((Path(run["folder"]) / "report.json").read_text())
        assert run["scores"] == report["scores"]
        assert run["score"] == report["scores"]["val/mse"]
        assert run["baselines"]["persistence"] == report["baselines"]["persistence"]
        assert (run["monitor"], run["mode"]) == ("val/mse", "min")
        assert run["best_baseline"]["test"]["name"] == "persistence"
    assert [run["test_reads"] for run in runs] == [
        {"run": 1, "total": 1, "runs": 1},
        {"run": 1, "total": 2, "runs": 2},
    ]
    folder = runs[0]["folder"]
    scores = result("evaluate", folder)
    assert scores["differing"] == []
    assert scores["scores"].keys() == {name for name in runs[0]["scores"] if "test/" in name}
    assert result("compare", *(run["folder"] for run in runs))["configurations"]
    repetition = result("repeat", folder)
    assert "4 times" in (tmp_path / "outputs" / "index.html").read_text()
    assert repetition["is_equal"]
    assert repetition["scores"]["val/mse"]["old"] == runs[0]["score"]
    assert Path(repetition["folder"]) != Path(folder)


@pytest.mark.slow
@pytest.mark.usefixtures("no_plots", "forked_workers")
def test_a_search_has_its_best_settings_and_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    content = result("sweep", *TINY, "model.hidden_size=2,4", "slots=1", "repeats=0")
    assert content["search"]["best"]["params"]["model.hidden_size"] in (2, 4)
    assert content["best_run"]["folder"] == str(Path(content["folder"]) / "best")
    assert "test/mse" in content["best_run"]["scores"]
