"""The commands and the Python of docs/compare.md, scaled down."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

import rnnlab
from rnnlab.commands import compare
from rnnlab.report.folder import RunFolder
from tests.helpers.configs import ROOT

PAGE = (ROOT / "docs" / "compare.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
LINES = [line for kind, text in BLOCKS if kind == "bash" for line in text.splitlines()]
COMPARISONS = [shlex.split(line, comments=True)[2:] for line in LINES if "compare " in line]
SMALL = ["model.hidden_size=2", "data.num_series=2", "data.num_eval_series=4", "data.seq_len=5"]
SMALL += ["trainer.max_epochs=1", "trainer.limit_train_batches=2"]


def test_every_comparison_has_valid_options() -> None:
    assert len(COMPARISONS) >= 4
    for words in COMPARISONS:
        assert compare.read_options(words).folders


def copy_report(config: dict[str, Any]) -> None:
    """Write a run like the one beside it with seed 0, with another score."""
    folder, seed = RunFolder(Path(config["run_dir"])), config["seed"]
    (first, *_) = folder.path.parent.glob("*/report.json")
    report = RunFolder(first.parent).read_report()
    folder.path.mkdir()
    folder.write_config(config)
    score = report["scores"]["test/mse"] * (1 + 0.01 * seed)
    scores = {**report["scores"], "test/mse": score}
    folder.write_report({**report, "seed": seed, "scores": scores, "targets_sha256": str(seed)})


@pytest.mark.slow
def test_the_page_works_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_plots: None, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compare, "train_stored", copy_report)
    (training,) = (shlex.split(line, comments=True)[2:] for line in LINES if "train -m" in line)
    (models,) = (word.partition("=")[2] for word in training if word.startswith("model="))
    for model in models.split(","):
        rnnlab.run("data=sine", f"model={model}", *SMALL)
    capsys.readouterr()
    for words in COMPARISONS:
        compare.main(words)
        printed = capsys.readouterr().out
        assert ("train model=RNN with seed 1" if "--dry-run" in words else "mean test/") in printed
    assert re.search(r"after \d+ of 10 planned pairs", printed)
    (code,) = (text for kind, text in BLOCKS if kind == "python")
    names: dict[str, Any] = {}
    exec(code, names)
    assert "has the best mean test/mse" in names["comparison"].sentence
