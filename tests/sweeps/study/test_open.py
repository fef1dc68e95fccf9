"""Opening of studies, their first points, and the command lines of their trials."""

import re
from collections.abc import Sequence
from pathlib import Path

import optuna
import pytest

from rnnlab.config.compose import compose_checked
from rnnlab.errors import ConfigError
from rnnlab.experiment.run import check
from rnnlab.sweeps.settings import read_sweep
from rnnlab.sweeps.study.definition import SearchSpec, find_setting_changes, prepare
from rnnlab.sweeps.study.open import OpenStudy, open_study, start_study, study_location
from rnnlab.sweeps.study.repeats import best_trials, find_repeats, open_repeats, replace_seed
from rnnlab.sweeps.study.seeds import trial_seed
from rnnlab.sweeps.workers.messages import TrialResult
from tests.helpers.configs import CONF, ROOT


def make_spec(folder: Path, *words: str, sweep: str = "sine_gru") -> SearchSpec:
    arguments = [f"sweep={sweep}", "trainer=cpu", f"output_dir={folder}", *words]
    return prepare(read_sweep(ROOT, arguments), CONF)


def start(spec: SearchSpec, trials: int = 1) -> OpenStudy:
    """Start a study and ask for some trials."""
    study = open_study(spec)
    start_study(spec, study)
    for _ in range(trials):
        study.optuna_study.ask()
    return study


def enqueued_params(spec: SearchSpec) -> list[dict]:
    """Return the enqueued points of a new study."""
    trials = start(spec, trials=0).optuna_study.get_trials()
    return [trial.system_attrs["fixed_params"] for trial in trials]


def add_complete_trials(study: optuna.Study, rates: Sequence[float]) -> None:
    """Add complete trials whose score is their learning rate."""
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


@pytest.mark.slow
@pytest.mark.parametrize("storage", [None, "sqlite:///{}/studies.db"])
def test_a_report_of_no_study_names_the_studies_and_starts_none(
    storage: str | None, tmp_path: Path
) -> None:
    words = [f"storage={storage.format(tmp_path)}"] if storage else []
    with pytest.raises(ConfigError, match=r"name=sine_gru: .* to report; it has no studies"):
        open_study(make_spec(tmp_path, *words, "report=true"))
    assert not list(tmp_path.iterdir())
    start(make_spec(tmp_path, *words, "name=first"))
    before = sorted(tmp_path.rglob("*"))
    message = r"name=frist: .* has no such study to report; did you mean first\? choices: first"
    with pytest.raises(ConfigError, match=message):
        open_study(make_spec(tmp_path, *words, "name=frist", "report=true"))
    other = ["name=first", "on_change=new", "budget.epochs=9", "report=true"]
    with pytest.raises(ConfigError, match=r"name=first-2: .* no such study"):
        open_study(make_spec(tmp_path, *words, *other))
    assert sorted(tmp_path.rglob("*")) == before
    assert open_study(make_spec(tmp_path, *words, "name=first", "report=true")).name == "first"


def test_the_same_definition_opens_the_same_study(tmp_path: Path) -> None:
    first = start(make_spec(tmp_path))
    again = open_study(make_spec(tmp_path, "n_trials=99", "slots=3", "sampler=random"))
    assert again.optuna_study.user_attrs["token"] == first.optuna_study.user_attrs["token"]
    assert first.folder == tmp_path / "sine_gru"
    assert first.trial_id(7) == f"sine_gru-{first.optuna_study.user_attrs['token']}-0007"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "line"),
    [
        ("optimizer.lr=tag(log,interval(1e-4,3e-2))", "space.optimizer.lr.low: 0.0003 -> 0.0001"),
        ("model.hidden_size=33", "base.model.hidden_size: 32 -> 33"),
        ("budget.epochs=9", "base.trainer.max_epochs: 8 -> 9"),
        ("seed=1", "seed: 0 -> 1"),
    ],
)
def test_a_study_with_another_definition_is_refused_with_the_differences(
    word: str, line: str, tmp_path: Path
) -> None:
    start(make_spec(tmp_path))
    with pytest.raises(ConfigError, match="was started with other settings") as error:
        open_study(make_spec(tmp_path, word))
    assert line in str(error.value)
    assert "on_change=new" in str(error.value)


@pytest.mark.slow
def test_another_definition_can_have_its_own_study(tmp_path: Path) -> None:
    start(make_spec(tmp_path))
    other = start(make_spec(tmp_path, "seed=1", "on_change=new"))
    assert (other.name, other.folder.name) == ("sine_gru-2", "sine_gru-2")
    again = open_study(make_spec(tmp_path, "seed=1", "on_change=new"))
    assert again.name == "sine_gru-2", "the study that was started for it"
    third = open_study(make_spec(tmp_path, "seed=2", "on_change=new"))
    assert third.name == "sine_gru-3"


@pytest.mark.slow
def test_another_definition_can_be_forced_and_is_recorded(tmp_path: Path) -> None:
    start(make_spec(tmp_path))
    forced = start(make_spec(tmp_path, "seed=1", "on_change=force"))
    assert forced.optuna_study.user_attrs["forced"] == [{"at": 1, "changed": ["seed: 0 -> 1"]}]
    assert not find_setting_changes(
        forced.optuna_study.user_attrs["definition"], make_spec(tmp_path, "seed=1").definition
    )


def test_settings_that_did_not_work_do_not_block_better_ones(tmp_path: Path) -> None:
    start(make_spec(tmp_path), trials=0)
    several = ["objectives=[score,seconds]", "pruner=none"]
    study = start(make_spec(tmp_path, "seed=1", *several))
    assert study.name == "sine_gru"
    assert len(study.optuna_study.directions) == 2


def test_a_second_process_with_another_definition_is_refused(tmp_path: Path) -> None:
    mine = make_spec(tmp_path)
    study = open_study(mine)
    start(make_spec(tmp_path, "seed=1"))
    with pytest.raises(ConfigError, match="seed: 1 -> 0"):
        start_study(mine, study)


def test_a_search_starts_with_its_enqueued_points_once(tmp_path: Path) -> None:
    points = "enqueue=[{optimizer.lr: 0.01}, {optimizer.lr: 0.02, data.batch_size: 64}]"
    spec = make_spec(tmp_path, points)
    expected = [{"optimizer.lr": 0.01}, {"optimizer.lr": 0.02, "data.batch_size": 64}]
    assert enqueued_params(spec) == expected
    assert enqueued_params(spec) == expected, "a second session adds nothing"


def test_a_point_outside_of_the_space_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"enqueue\[0\].*optimizer\.lr"):
        make_spec(tmp_path, "enqueue=[{optimizer.lr: 5.0}]")


@pytest.mark.slow
def test_a_warm_start_tries_the_best_of_another_study_again(tmp_path: Path) -> None:
    add_complete_trials(
        start(make_spec(tmp_path, "name=before"), 0).optuna_study, [0.02, 0.001, 0.01, 0.003]
    )
    spec = make_spec(tmp_path, "warm_start={study: before, best: 2}")
    assert enqueued_params(spec) == [{"optimizer.lr": 0.001}, {"optimizer.lr": 0.003}]


def test_a_warm_start_from_a_missing_study_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"warm_start\.study=nothing"):
        start(make_spec(tmp_path, "warm_start={study: nothing}"))
    assert not (tmp_path / "nothing").exists()


def test_a_budget_of_samples_does_not_depend_on_the_batch_size(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, "budget={samples: 10_000}")
    one = spec.to_overrides({"data.batch_size": 50}, 0)
    other = spec.to_overrides({"data.batch_size": 200}, 0)
    assert "trainer.max_steps=200" in one
    assert "trainer.max_steps=50" in other


def test_a_budget_of_seconds_keeps_the_length_of_the_schedule(
    tmp_path: Path,
) -> None:
    spec = make_spec(tmp_path, "budget.seconds=90", "trainer.max_epochs=40")
    config = check(compose_checked(spec.conf, spec.to_overrides({}, 0)))
    assert (config.trainer.max_time, config.trainer.max_epochs) == ("00:00:01:30", 40)


@pytest.mark.slow
def test_each_trial_has_its_own_seed_unless_one_is_set(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)
    assert spec.to_overrides({}, 3)[-1] == f"seed={trial_seed(0, 3)}"
    assert trial_seed(0, 3) != trial_seed(0, 4) != trial_seed(1, 4)
    spec_with_seed = make_spec(tmp_path, "space.seed=choice(1,2)")
    assert "seed=1" in spec_with_seed.to_overrides({"seed": 1}, 3)
    assert (
        sum(word.startswith("seed=") for word in spec_with_seed.to_overrides({"seed": 1}, 3)) == 1
    )


def test_objectives_have_their_directions_and_values(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, "objectives=[score,seconds,parameters]", "pruner=none")
    assert [one.name for one in spec.directions()] == ["MINIMIZE"] * 3
    result = TrialResult(1, "complete", scores={"score": 0.5}, seconds=3.0, parameters=12)
    assert spec.objective_values(result) == [0.5, 3.0, 12.0]
    other = make_spec(tmp_path, "objectives=['val/mae:min']")
    with pytest.raises(ConfigError, match="val/mae was not logged"):
        other.objective_values(result)


def test_several_objectives_with_a_pruner_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pruner=none"):
        make_spec(tmp_path, "objectives=[score,seconds]")


def test_a_folder_that_cannot_be_created_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"output_dir.*cannot be made"):
        open_study(make_spec(tmp_path / "file"))


def test_the_study_is_stored_beside_its_results(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)
    folder, url = study_location(spec.sweep, "x")
    assert url == f"journal://{folder}/study.journal"


def test_the_best_are_repeated_replace_seeds_that_can_be_paired(tmp_path: Path) -> None:
    spec = make_spec(tmp_path, "repeats=3", "repeat_best=2")
    study = start(spec, trials=0)
    add_complete_trials(study.optuna_study, [0.02, 0.001, 0.01, 0.001])
    assert [trial.number for trial in best_trials(study.optuna_study, 2)] == [1, 2], "0.001 once"
    assert find_repeats(spec, study) is None
    shared = open_repeats(spec, study)
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
    again = open_repeats(spec, study)
    assert again is not None
    assert len(again.study.get_trials()) == 6, "planned once"
    assert find_repeats(spec, study) is not None


def test_a_seed_is_replaced_at_any_position() -> None:
    assert replace_seed(["seed=1", "a=b"], 2) == ["a=b", "seed=2"]


def test_a_study_of_another_version_is_refused_with_the_reason(tmp_path: Path) -> None:
    spec = make_spec(tmp_path)
    study = start(spec).optuna_study
    definition = study.user_attrs["definition"]
    old = {**definition["base"], "data._target_": "rnnlab.data.sine.SineDataModule"}
    study.set_user_attr("definition", {**definition, "base": old})
    with pytest.raises(ConfigError, match="another version of rnnlab started the study"):
        open_study(spec)


CHOICES = ["optimizer.lr=0.01", "model.hidden_size=8,16", "n_trials=4"]


def enqueue_and_ask(spec: SearchSpec, study: OpenStudy) -> None:
    """Ask for a trial whose values are drawn and stored."""
    study.optuna_study.sampler = spec.make_sampler(0)
    spec.suggest(study.optuna_study.ask())


@pytest.mark.slow
def test_a_change_that_a_study_cannot_make_is_refused_before_it_is_stored(tmp_path: Path) -> None:
    word = "model.hidden_size=8,16,32"
    spec = make_spec(tmp_path, *CHOICES)
    study = start(spec, trials=0)
    enqueue_and_ask(spec, study)
    study.optuna_study.tell(0, 0.5)
    for on_change in ("refuse", "force"):
        with pytest.raises(ConfigError, match="hidden_size has other choices") as error:
            open_study(make_spec(tmp_path, *CHOICES, word, f"on_change={on_change}"))
    assert open_study(spec).name == "sine_gru", "the old settings still open the study"
    (warm_start,) = re.findall(r"warm_start\.study=\S+", str(error.value))
    new = make_spec(tmp_path, *CHOICES, word, "on_change=new", warm_start)
    other = start(new, trials=0)
    assert other.name == "sine_gru-2"
    waiting = [trial.system_attrs["fixed_params"] for trial in other.optuna_study.get_trials()]
    assert waiting == [study.optuna_study.get_trials()[0].params], "the best of the old study"


def make_trial_folder(study: OpenStudy) -> None:
    (study.folder / "trials" / "0000").mkdir(parents=True)


@pytest.mark.slow
def test_the_folder_of_another_study_is_refused(tmp_path: Path) -> None:
    make_trial_folder(start(make_spec(tmp_path)))
    other = f"storage=sqlite:///{tmp_path}/new.db"
    with pytest.raises(ConfigError, match=r"sine_gru: the folder holds trials of the study of"):
        open_study(make_spec(tmp_path, other))
    assert open_study(make_spec(tmp_path, other, "on_change=new")).name == "sine_gru-2"
    assert open_study(make_spec(tmp_path)).name == "sine_gru", "its own study is opened"
    (tmp_path / "sine_gru" / "study.journal").unlink()
    with pytest.raises(ConfigError, match="the folder holds trials of the study of"):
        open_study(make_spec(tmp_path))


def test_a_moved_folder_is_that_of_its_study(tmp_path: Path) -> None:
    make_trial_folder(start(make_spec(tmp_path / "a")))
    (tmp_path / "a").rename(tmp_path / "b")
    assert open_study(make_spec(tmp_path / "b")).folder == tmp_path / "b" / "sine_gru"


@pytest.mark.slow
def test_a_folder_of_an_older_version_belongs_to_a_study_with_trials(tmp_path: Path) -> None:
    study = start(make_spec(tmp_path))
    make_trial_folder(study)
    (study.folder / "study.json").unlink()
    assert open_study(make_spec(tmp_path)).name == "sine_gru"
    (study.folder / "study.journal").unlink()
    with pytest.raises(ConfigError, match="the folder holds trials of another study"):
        open_study(make_spec(tmp_path))
