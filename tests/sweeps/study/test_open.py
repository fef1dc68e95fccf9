"""A study is opened again only for the same question; what it begins with; what its trials are."""

from collections.abc import Sequence
from pathlib import Path

import optuna
import pytest

from rnnlab.config.compose import compose_checked
from rnnlab.errors import ConfigError
from rnnlab.experiment.run import check
from rnnlab.sweeps.settings import read_sweep
from rnnlab.sweeps.study.definition import SearchSpec, find_differences, prepare
from rnnlab.sweeps.study.open import OpenStudy, open_study, start_study, study_location
from rnnlab.sweeps.study.repeats import best_trials, find_repeats, open_repeats, replace_seed
from rnnlab.sweeps.study.seeds import trial_seed
from rnnlab.sweeps.workers.messages import TrialResult
from tests.helpers.configs import CONF, ROOT


def question(folder: Path, *words: str, sweep: str = "sine_gru") -> SearchSpec:
    given = [f"sweep={sweep}", "trainer=cpu", f"output_dir={folder}", *words]
    return prepare(read_sweep(ROOT, given), CONF)


def begun(asked: SearchSpec, trials: int = 1) -> OpenStudy:
    """A study with some trials."""
    study = open_study(asked)
    start_study(asked, study)
    for _ in range(trials):
        study.optuna_study.ask()
    return study


def waiting(asked: SearchSpec) -> list[dict]:
    """The points that a study begins with."""
    trials = begun(asked, trials=0).optuna_study.get_trials()
    return [trial.system_attrs["fixed_params"] for trial in trials]


def finished(study: optuna.Study, rates: Sequence[float]) -> None:
    """Complete trials, whose score is their learning rate."""
    distribution = optuna.distributions.FloatDistribution(3e-4, 3e-2, log=True)
    for number, rate in enumerate(rates):
        trial = optuna.trial.create_trial(
            params={"optimizer.lr": rate},
            distributions={"optimizer.lr": distribution},
            value=rate,
            user_attrs={
                "overrides": [f"optimizer.lr={rate}", f"seed={number}"],
                "result": {"state": "complete", "score": rate},
            },
        )
        study.add_trial(trial)


def test_the_same_question_opens_the_same_study(tmp_path: Path) -> None:
    first = begun(question(tmp_path))
    again = open_study(question(tmp_path, "n_trials=99", "slots=3", "sampler=random"))
    assert again.optuna_study.user_attrs["token"] == first.optuna_study.user_attrs["token"]
    assert first.folder == tmp_path / "sine_gru"
    assert first.trial_id(7) == f"sine_gru-{first.optuna_study.user_attrs['token']}-0007"


@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("optimizer.lr=tag(log,interval(1e-4,3e-2))", "space.optimizer.lr.low: 0.0003 -> 0.0001"),
        ("model.hidden_size=33", "base.model.hidden_size: 32 -> 33"),
        ("budget.epochs=9", "base.trainer.max_epochs: 8 -> 9"),
        ("seed=1", "seed: 0 -> 1"),
    ],
)
def test_another_question_is_refused_with_what_differs(
    word: str, line: str, tmp_path: Path
) -> None:
    begun(question(tmp_path))
    with pytest.raises(ConfigError, match="was started with other settings") as told:
        open_study(question(tmp_path, word))
    assert line in str(told.value)
    assert "on_change=new" in str(told.value)


def test_another_question_can_have_a_study_of_its_own(tmp_path: Path) -> None:
    begun(question(tmp_path))
    other = begun(question(tmp_path, "seed=1", "on_change=new"))
    assert (other.name, other.folder.name) == ("sine_gru-2", "sine_gru-2")
    again = open_study(question(tmp_path, "seed=1", "on_change=new"))
    assert again.name == "sine_gru-2", "the one that was begun for it"
    third = open_study(question(tmp_path, "seed=2", "on_change=new"))
    assert third.name == "sine_gru-3"


def test_another_question_can_be_forced_and_it_is_kept(tmp_path: Path) -> None:
    begun(question(tmp_path))
    forced = begun(question(tmp_path, "seed=1", "on_change=force"))
    assert forced.optuna_study.user_attrs["forced"] == [{"at": 1, "changed": ["seed: 0 -> 1"]}]
    assert not find_differences(
        forced.optuna_study.user_attrs["definition"], question(tmp_path, "seed=1").definition
    )


def test_settings_that_did_not_work_do_not_stand_in_the_way(tmp_path: Path) -> None:
    begun(question(tmp_path), trials=0)
    several = ["objectives=[score,seconds]", "pruner=none"]
    study = begun(question(tmp_path, "seed=1", *several))
    assert study.name == "sine_gru"
    assert len(study.optuna_study.directions) == 2


def test_who_begins_second_with_something_else_is_refused(tmp_path: Path) -> None:
    mine = question(tmp_path)
    study = open_study(mine)
    begun(question(tmp_path, "seed=1"))
    with pytest.raises(ConfigError, match="seed: 1 -> 0"):
        start_study(mine, study)


def test_a_search_starts_with_what_was_enqueued_once(tmp_path: Path) -> None:
    points = "enqueue=[{optimizer.lr: 0.01}, {optimizer.lr: 0.02, data.batch_size: 64}]"
    asked = question(tmp_path, points)
    expected = [{"optimizer.lr": 0.01}, {"optimizer.lr": 0.02, "data.batch_size": 64}]
    assert waiting(asked) == expected
    assert waiting(asked) == expected, "a second session adds nothing"


def test_a_point_outside_of_the_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"enqueue\[0\].*optimizer\.lr"):
        question(tmp_path, "enqueue=[{optimizer.lr: 5.0}]")


def test_a_warm_start_tries_the_best_of_another_study_again(tmp_path: Path) -> None:
    finished(begun(question(tmp_path, "name=before"), 0).optuna_study, [0.02, 0.001, 0.01, 0.003])
    asked = question(tmp_path, "warm_start={study: before, best: 2}")
    assert waiting(asked) == [{"optimizer.lr": 0.001}, {"optimizer.lr": 0.003}]


def test_a_warm_start_from_nowhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"warm_start\.study=nothing"):
        begun(question(tmp_path, "warm_start={study: nothing}"))
    assert not (tmp_path / "nothing").exists()


def test_a_budget_of_samples_is_the_same_whatever_the_batch(tmp_path: Path) -> None:
    asked = question(tmp_path, "budget={samples: 10_000}")
    one = asked.to_overrides({"data.batch_size": 50}, 0)
    other = asked.to_overrides({"data.batch_size": 200}, 0)
    assert "trainer.max_steps=200" in one
    assert "trainer.max_steps=50" in other


def test_a_budget_of_seconds_ends_the_training_of_a_schedule_as_long_as_is_said(
    tmp_path: Path,
) -> None:
    asked = question(tmp_path, "budget.seconds=90", "trainer.max_epochs=40")
    config = check(compose_checked(asked.conf, asked.to_overrides({}, 0)))
    assert (config.trainer.max_time, config.trainer.max_epochs) == ("00:00:01:30", 40)


def test_each_trial_has_a_seed_of_its_own_unless_one_is_given(tmp_path: Path) -> None:
    asked = question(tmp_path)
    assert asked.to_overrides({}, 3)[-1] == f"seed={trial_seed(0, 3)}"
    assert trial_seed(0, 3) != trial_seed(0, 4) != trial_seed(1, 4)
    given = question(tmp_path, "space.seed=choice(1,2)")
    assert "seed=1" in given.to_overrides({"seed": 1}, 3)
    assert sum(word.startswith("seed=") for word in given.to_overrides({"seed": 1}, 3)) == 1


def test_objectives_have_their_directions_and_values(tmp_path: Path) -> None:
    asked = question(tmp_path, "objectives=[score,seconds,parameters]", "pruner=none")
    assert [one.name for one in asked.directions()] == ["MINIMIZE"] * 3
    told = TrialResult(1, "complete", scores={"score": 0.5}, seconds=3.0, parameters=12)
    assert asked.objective_values(told) == [0.5, 3.0, 12.0]
    other = question(tmp_path, "objectives=['val/mae:min']")
    with pytest.raises(ConfigError, match="val/mae was not logged"):
        other.objective_values(told)


def test_several_objectives_and_a_pruner_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pruner=none"):
        question(tmp_path, "objectives=[score,seconds]")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"output_dir.*cannot be made"):
        open_study(question(tmp_path / "file"))


def test_the_study_stands_beside_its_results(tmp_path: Path) -> None:
    asked = question(tmp_path)
    folder, url = study_location(asked.sweep, "x")
    assert url == f"journal://{folder}/study.journal"


def test_the_best_are_repeated_replace_seeds_that_can_be_paired(tmp_path: Path) -> None:
    asked = question(tmp_path, "repeats=3", "repeat_best=2")
    study = begun(asked, trials=0)
    finished(study.optuna_study, [0.02, 0.001, 0.01, 0.001])
    assert [trial.number for trial in best_trials(study.optuna_study, 2)] == [1, 2], "0.001 once"
    assert find_repeats(asked, study) is None
    shared = open_repeats(asked, study)
    assert shared is not None
    planned = [trial.user_attrs for trial in shared.study.get_trials()]
    assert [one["of"] for one in planned] == [1, 2] * 3
    seeds = [one["seed"] for one in planned]
    assert seeds[::2] == seeds[1::2]
    assert len(set(seeds)) == 3
    assert planned[0]["overrides"] == ["optimizer.lr=0.001", f"seed={seeds[0]}"]
    claim = shared.claim()
    assert claim is not None
    assert claim.overrides == planned[0]["overrides"]
    again = open_repeats(asked, study)
    assert again is not None
    assert len(again.study.get_trials()) == 6, "planned once"
    assert find_repeats(asked, study) is not None


def test_a_seed_is_replaced_wherever_it_stands() -> None:
    assert replace_seed(["seed=1", "a=b"], 2) == ["a=b", "seed=2"]


def test_a_study_of_another_version_is_refused_with_the_reason(tmp_path: Path) -> None:
    asked = question(tmp_path)
    study = begun(asked).optuna_study
    definition = study.user_attrs["definition"]
    old = {**definition["base"], "data._target_": "rnnlab.data.sine.SineDataModule"}
    study.set_user_attr("definition", {**definition, "base": old})
    with pytest.raises(ConfigError, match="another version of rnnlab started the study"):
        open_study(asked)
