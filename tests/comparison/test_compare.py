"""Comparisons of runs whose reports are written by hand: the answer is known."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnlab
from rnnlab.commands import compare
from rnnlab.comparison.compare import compare_runs
from rnnlab.comparison.result import RunComparison, describe_verdict
from rnnlab.comparison.table import WRITERS
from rnnlab.errors import ConfigError
from rnnlab.report.folder import FORMAT_VERSION, RunFolder
from tests.helpers.pages import check_offline


def write_run(
    place: Path, score: float, seed: int, model: str = "GRU", report: Any = (), **data: Any
) -> Path:
    """Write config and report of a finished run."""
    name = f"{model}-{seed}-" + "-".join(map(str, data.values()))
    folder = RunFolder(place / name)
    folder.path.mkdir(parents=True)
    config = {
        "name": f"sine-{model.lower()}",
        "mode": "min",
        "seed": seed,
        "data": {"seq_len": 10, "seed": seed, "path": str(place), **data},
        "model": {"_target_": f"rnnlab.models.{model}", "layers": 1},
        "run_dir": str(folder.path),
    }
    folder.write_config(config)
    plain = {
        "format_version": FORMAT_VERSION,
        "status": "finished",
        "name": config["name"],
        "seed": seed,
        "monitor": "val/mse",
        "scores": {"val/mse": score * 2, "test/mse": score, "test/accuracy": -score},
        "baselines": {
            "noise floor": {"test/mse": 0.1},
            "persistence": {"test/mse": 3.0},
            "mean": {"test/mse": 4.0},
        },
        "evaluated_targets": {"val": 10, "test": 20},
        "targets_sha256": "a" * 64,
        "model": {"class": model, "parameters": 1234},
        "seconds": {"fit": 2.0, "test": 0.5},
        "speed": {"samples_per_second": 100.0 + seed},
        "peak_memory": {"process": 400.0},
    }
    folder.write_report(plain | dict(report))
    return folder.path


def write_groups(place: Path, scores: Mapping[str, Sequence[float]]) -> Path:
    """Write a run for each score: model -> scores by seed."""
    for model, values in scores.items():
        for seed, value in enumerate(values):
            write_run(place, value, seed, model)
    return place


def compare_scores(place: Path, scores: Mapping[str, Sequence[float]]) -> RunComparison:
    """Compare models with these scores by seed."""
    return compare_runs(write_groups(place, scores))


def test_seeds_are_repeats_of_one_configuration(tmp_path: Path) -> None:
    result = compare_scores(tmp_path, {"GRU": [1.0, 2.0, 3.0], "LSTM": [1.0, 1.0, 1.0]})
    assert (result.metric, result.mode) == ("test/mse", "min")
    first, second = result.rows()
    assert [first["configuration"], second["configuration"]] == ["model=LSTM", "model=GRU"]
    assert (second["n"], second["mean"], second["spread"]) == (3, 2.0, 1.0)
    assert (first["baseline"], first["baseline_score"]) == ("persistence", 3.0)
    assert (first["parameters"], first["seconds"], first["peak_memory_mib"]) == (1234, 2.5, 400)
    assert first["samples_per_second"] == 101.0
    assert [first["verdict"], second["verdict"]] == ["best", "undecided"]
    assert second["p"] == pytest.approx(0.2254, abs=1e-4)  # Welch: t = sqrt(3), 2 degrees
    assert describe_verdict(result.groups[1]) == "undecided: too few seeds"


def test_a_clear_difference_of_paired_seeds_is_found(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 1, 8)
    scores = {"GRU": list(noise + 10), "LSTM": list(noise + 10.5), "RNN": list(noise + 30)}
    result = compare_scores(tmp_path, scores)
    assert [one.verdict for one in result.groups] == ["better", "worse", "worse"]
    assert [row["verdict"][:6] for row in result.text_rows()] == ["better", "worse,", "worse,"]
    assert result.groups[1].test is not None
    assert result.groups[1].test.pairs == 8
    assert result.groups[1].p == pytest.approx(3 * 2 / 2**8)  # three pairs, each 2 / 2^8
    assert "model=GRU has the best mean test/mse" in result.sentence
    assert "is better than all others (adjusted p < 0.05)" in result.sentence


def test_one_seed_is_no_evidence(tmp_path: Path) -> None:
    result = compare_scores(tmp_path, {"GRU": [1.0], "LSTM": [100.0]})
    assert result.groups[1].verdict == "undecided"
    assert "is undecided (estimate: about 3 more seeds)" in result.sentence


def test_the_mode_is_that_of_the_metric(tmp_path: Path) -> None:
    place = str(write_groups(tmp_path, {"GRU": [1.0], "LSTM": [2.0]}))
    assert compare_runs(place, metric="test/accuracy").mode == "max"
    best = compare_runs(place, metric="test/mse", mode="max").groups[0]
    assert best.group.label == "model=LSTM"
    with pytest.raises(ConfigError, match=r"--metric test/msee: did you mean test/mse\?"):
        compare_runs(place, metric="test/msee")
    with pytest.raises(ConfigError, match="mode=higher: choices: max, min"):
        compare_runs(place, mode="higher")


def test_other_settings_are_repeats_that_are_paired(tmp_path: Path) -> None:
    """By model alone: three lengths and two seeds are six pairs; none is left out."""
    for seed in range(2):
        for length in (10, 20, 30):
            write_run(tmp_path, length + 0.01 * seed, seed, seq_len=length)
            write_run(tmp_path, length + 1 + 0.02 * seed, seed, "LSTM", seq_len=length)
    result = compare_runs(tmp_path, by="model")
    assert not result.notes
    assert result.groups[1].test is not None
    assert result.groups[1].test.pairs == 6
    assert result.groups[1].verdict == "worse"


def test_runs_are_grouped_by_what_is_asked_for(tmp_path: Path) -> None:
    for seed in range(2):
        for length in (10, 20):
            write_run(tmp_path, length + seed, seed, seq_len=length)
            write_run(tmp_path, length + seed, seed + 2, "LSTM", seq_len=length)
    labels = [one.group.label for one in compare_runs(tmp_path).groups]
    assert labels[0] == "model=GRU, data.seq_len=10"
    by_model = compare_runs(tmp_path, by=["model"], metric="val/mse")
    assert [one.group.label for one in by_model.groups] == ["model=GRU", "model=LSTM"]
    one, other = by_model.groups
    assert len(one.scores) == len(other.scores) == 4
    with pytest.raises(ConfigError, match=r"--by modell: no run has this setting"):
        compare_runs(tmp_path, by=["modell"])


@pytest.mark.parametrize(
    ("report", "words"),
    [
        ({"targets_sha256": "b" * 64}, "20 targets with sha256 aaaaaaaaaaaa and bbbbbbbbbbbb"),
        ({"evaluated_targets": {"test": 19}}, "20 and 19 targets; data.seq_len 10 and 20"),
    ],
)
def test_other_targets_are_not_compared(report: Any, words: str, tmp_path: Path) -> None:
    write_run(tmp_path, 1.0, 0)
    write_run(tmp_path, 1.0, 0, "LSTM", report, seq_len=20)
    with pytest.raises(ConfigError, match="were tested on different targets.*: " + words):
        compare_runs(tmp_path)
    assert len(compare_runs(tmp_path, metric="val/mse").groups) == 2


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    write_groups(tmp_path, {"GRU": [1.0, 2.0]})
    again = write_run(tmp_path / "again", 5.0, 1)
    write_run(tmp_path, 1.0, 9, report={"status": "running"})
    (write_run(tmp_path, 1.0, 10) / "report.json").write_text("{")
    old = write_run(tmp_path, 1.0, 11) / "config.yaml"
    old.write_text(
        old.read_text().replace(f"format_version: {FORMAT_VERSION}", "format_version: 1")
    )
    result = compare_runs(tmp_path / "GRU*", again)
    assert sorted(result.groups[0].scores.values()) == [1.0, 5.0]
    assert any("is running, not finished" in note for note in result.notes)
    assert any("is damaged" in note for note in result.notes)
    assert any("an older version of rnnlab" in note for note in result.notes)
    assert any("has the settings and the seed 1 of" in note for note in result.notes)
    assert result.sentence.startswith("There is one configuration only")
    with pytest.raises(ConfigError, match="there is no such folder, looked for in"):
        compare_runs(tmp_path / "nothing*")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no finished run"):
        compare_runs(tmp_path / "empty")


def test_a_comparison_in_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(write_groups(tmp_path, {"GRU": [1.0, 1.5], "A_<b>|": [2.0, 2.5]}))
    texts = {}
    for name in compare.OUTPUT_FORMATS:
        compare.main([place, "--format", name])
        texts[name] = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(texts["csv"])))
    plain = json.loads(texts["json"])
    assert [row["configuration"] for row in rows] == ["model=GRU", "model=A_<b>|"]
    assert [float(row["mean"]) for row in rows] == [1.25, 2.25]
    assert [row["mean"] for row in plain["configurations"]] == [1.25, 2.25]
    assert plain["answer"] in texts["md"]
    assert r"model=A_<b>\|" in texts["md"]
    assert r"model=A\_<b>|" in texts["latex"]
    assert "model=A_&lt;b&gt;|" in texts["html"]
    elements = check_offline(texts["html"])
    assert elements.count("circle") == sum(row["n"] for row in plain["configurations"])
    assert "1.2500" in texts["table"]
    assert plain["answer"] in texts["table"]


@pytest.mark.parametrize("score", [math.nan, math.inf])
@pytest.mark.parametrize("seeds", [1, 6])
def test_a_score_that_is_not_finite_is_no_evidence(
    score: float, seeds: int, tmp_path: Path
) -> None:
    place = write_groups(tmp_path, {"GRU": [1.0] * seeds, "LSTM": [score, *[2.0] * (seeds - 1)]})
    result = compare_runs(place)
    assert [one.group.label for one in result.groups] == ["model=GRU", "model=LSTM"]
    assert result.groups[1].verdict == "undecided"
    assert result.text_rows()[1]["verdict"] == "undecided: not finite"
    assert any("LSTM-0- is not finite: nothing is tested" in note for note in result.notes)
    assert "NaN" not in WRITERS["json"](result)
    assert "Infinity" not in WRITERS["json"](result)


def test_python_has_the_same_comparison(tmp_path: Path) -> None:
    place = write_groups(tmp_path, {"GRU": [1.0, 1.5], "LSTM": [2.0, 2.5]})
    result = rnnlab.compare(place, by=["model"])
    assert result.rows() == compare_runs(place, by="model").rows()
    assert "<table>" in result._repr_html_()
