"""Which runs are repeats of one configuration."""

import json
from pathlib import Path
from typing import Any

import pytest

from rnnlab.comparison.groups import group_runs
from rnnlab.comparison.runs import find_runs
from rnnlab.report.folder import FORMAT_VERSION, RunFolder
from rnnlab.report.seeds import configuration_of, runs_by_seed, settings_of

CONFIG: dict[str, Any] = {
    "seed": 0,
    "name": "a",
    "variant": "seed 0",
    "init_from": None,
    "data": {"seed": 0, "fold": 0, "path": "a.csv", "seq_len": 5},
    "logger": {"csv": {"_target_": "a"}},
}


def write(place: Path, number: int, data: Any = (), sha256: str = "a", **config: Any) -> None:
    """Write a finished run with these settings."""
    folder = RunFolder(place / str(number))
    folder.path.mkdir(parents=True)
    folder.write_config({**CONFIG, **config, "data": CONFIG["data"] | dict(data)})
    folder.write_report(
        {
            "format_version": FORMAT_VERSION,
            "status": "finished",
            "seed": config.get("seed", 0),
            "scores": {"test/mse": 1.0},
            "data": {"source": "local", "sha256": sha256},
        }
    )


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({"seed": 1, "data": {"seed": 1}}, 1),
        ({"data": {"fold": 1}}, 1),
        ({"data": {"path": "elsewhere/a.csv"}, "name": "b", "variant": "c", "logger": {}}, 1),
        ({"data": {"path": "b.csv"}, "sha256": "b"}, 2),
        ({"data": {"seq_len": 6}}, 2),
        ({"init_from": "outputs/pretrained"}, 2),
    ],
)
def test_runs_that_differ_in_seeds_folds_paths_or_names_are_one_configuration(
    change: Any, count: int, tmp_path: Path
) -> None:
    write(tmp_path, 0)
    write(tmp_path, 1, **change)
    assert len(group_runs(find_runs([str(tmp_path)])[0])[0]) == count


def test_generated_data_of_another_seed_is_a_repeat() -> None:
    settings = [
        settings_of({"seed": seed}, {"data": {"source": "generated", "sha256": str(seed)}})
        for seed in (0, 1)
    ]
    assert configuration_of(settings[0]) == configuration_of(settings[1])


def test_rounded_gradients_are_another_configuration_and_older_runs_have_exact_ones() -> None:
    older, exact, rounded = (
        configuration_of(settings_of(config, {}))
        for config in (
            {"kernel": "auto", "seed": 0},
            {"kernel": "native", "seed": 1, "kernel_gradient_precision": "same"},
            {"kernel": "native", "seed": 1, "kernel_gradient_precision": "bfloat16"},
        )
    )
    assert older == exact != rounded


def test_the_configs_of_runs_with_the_same_seed_are_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search has hundreds of them side by side, and a config takes 30 ms."""
    read, read_config = [], RunFolder.read_config
    for number, seed in enumerate([0, 0, 1, 0]):
        write(tmp_path, number, seed=seed)
        report = json.loads(RunFolder(tmp_path / str(number)).report.read_text())
        report |= {"evaluated_targets": {"test": 5}, "model": {"parameters": 9}}
        RunFolder(tmp_path / str(number)).write_report(report)

    def count(folder: RunFolder) -> dict[str, Any]:
        read.append(folder.path.name)
        return read_config(folder)

    monkeypatch.setattr(RunFolder, "read_config", count)
    assert sorted(runs_by_seed(report, RunFolder(tmp_path / "3"))) == [0, 1]
    assert read == ["3", "2"]
