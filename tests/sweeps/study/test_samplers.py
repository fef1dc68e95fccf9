"""Samplers under ask-and-tell, from the command line to the last trial."""

from pathlib import Path

import optuna
import pytest

from rnnlab.sweeps.main import main
from rnnlab.sweeps.study.samplers import GridSampler
from tests.helpers.configs import ROOT
from tests.helpers.shared_studies import open_shared
from tests.helpers.sweep_sessions import TINY, journal, trials_of

GRID: dict[str, list[float]] = {"rate": [1e-3, 1e-2], "size": [2, 3, 4]}
GRID_COMPONENT = {
    "_target_": "rnnlab.sweeps.study.samplers.GridSampler",
    "search_space": GRID,
    "seed": 0,
}


def run_all(folder: Path, n_trials: int, points: list[dict]) -> list[optuna.trial.FrozenTrial]:
    """Ask and tell the trials of a grid, with some points enqueued, as several sessions would."""
    study = open_shared(folder, sampler=GRID_COMPONENT)
    for point in points:
        study.study.enqueue_trial(point)
    sampler = study.make_sampler(0)
    assert isinstance(sampler, GridSampler)
    total = min(n_trials, sampler.count_trials(study.study))
    while True:
        study = open_shared(folder, n_trials=total, sampler=GRID_COMPONENT)
        claim = study.claim()
        if claim is None:
            return study.study.get_trials()
        study.study.tell(claim.number, float(claim.number))


def points_of(trials: list[optuna.trial.FrozenTrial]) -> list[tuple]:
    return sorted((trial.params["rate"], trial.params["size"]) for trial in trials)


@pytest.fixture(autouse=True)
def silence_warnings() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def test_a_grid_is_tried_once_and_then_the_search_is_done(tmp_path: Path) -> None:
    trials = run_all(tmp_path, 30, [])
    assert points_of(trials) == [(rate, size) for rate in GRID["rate"] for size in GRID["size"]]


def test_a_grid_may_be_longer_than_the_search(tmp_path: Path) -> None:
    assert len(set(points_of(run_all(tmp_path, 4, [])))) == 4


def test_enqueued_points_are_tried_beside_the_grid(tmp_path: Path) -> None:
    trials = run_all(tmp_path, 30, [{"rate": 5e-3}, {"rate": 1e-3, "size": 2}])
    assert trials[0].params["rate"] == 5e-3
    assert 1 <= trials[0].params["size"] <= 64, "drawn, for it was left out"
    assert points_of(trials[1:]) == sorted(
        [*((rate, size) for rate in GRID["rate"] for size in GRID["size"]), (1e-3, 2)]
    )


@pytest.mark.slow
@pytest.mark.usefixtures("forked_workers")
def test_a_search_over_a_grid_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = [word for word in TINY if not word.startswith(("sampler.", "data.seq_len"))]
    grid = ["sampler=grid", "optimizer.lr=1e-3,1e-2", "data.seq_len=16", "data.batch_size=32,64"]
    main(ROOT, [*words, *grid, "trainer.gradient_clip_val=1.0", "enqueue=[]", "n_trials=9"])
    trials = trials_of(journal(tmp_path))
    points = [(trial.params["optimizer.lr"], trial.params["data.batch_size"]) for trial in trials]
    assert sorted(points) == [(1e-3, 32), (1e-3, 64), (1e-2, 32), (1e-2, 64)]
    assert all(trial.state.is_finished() for trial in trials)
