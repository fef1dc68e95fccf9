"""The settings of a search, and every search in sweeps/."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import optuna
import pytest
from omegaconf import OmegaConf

from rnnlab.config.signature import configurable_parameters, locate
from rnnlab.errors import ConfigError
from rnnlab.experiment.run import check
from rnnlab.sweeps.help import group_choices, sweep_help
from rnnlab.sweeps.schema import SWEEP_KEYS, Budget, ReportInterval, SweepConfig, WarmStart
from rnnlab.sweeps.settings import read_sweep, sweep_names
from rnnlab.sweeps.space.dimensions import Space
from rnnlab.sweeps.study.pruners import make_pruner
from rnnlab.sweeps.study.samplers import make_sampler
from tests.helpers.combinations import cover
from tests.helpers.configs import ROOT, compose
from tests.helpers.named_settings import named_settings

SWEEPS = sweep_names(ROOT)
SEARCHES = [name for name in SWEEPS if not name.startswith("study_")]  # test_studies.py has those
KNOBS = {
    "optimizer.lr",
    "data.seq_len",
    "data.batch_size",
    "trainer.gradient_clip_val",
}
WITHOUT_NETWORK = {  # what the header names for a data set that comes with no package
    "multi30k_seq2seq": "data=interface_strings",
    "ptb_lstm": "data=kjv",
}


def read(*words: str, sweep: str = "sine_gru") -> SweepConfig:
    return read_sweep(ROOT, [f"sweep={sweep}", *words])


def problem(*words: str, sweep: str = "sine_gru") -> str:
    with pytest.raises(ConfigError) as error:
        read(*words, sweep=sweep)
    (line,) = str(error.value).splitlines()
    return line


def own(folder: Path, text: str, *words: str) -> SweepConfig:
    """A search of the user's, beside the shared groups and searches."""
    for shared in ("conf", "sweeps/sampler", "sweeps/pruner", "sweeps/launcher"):
        (folder / shared).parent.mkdir(exist_ok=True)
        (folder / shared).symlink_to(ROOT / shared)
    for file in (ROOT / "sweeps").glob("*.yaml"):
        (folder / "sweeps" / file.name).symlink_to(file)
    (folder / "sweeps" / "mine.yaml").write_text(text)
    return read_sweep(folder, ["sweep=mine", *words])


# The searches of the package.


@pytest.mark.parametrize("name", SWEEPS)
def test_every_search_states_its_question_and_its_command(name: str) -> None:
    lines = (ROOT / "sweeps" / f"{name}.yaml").read_text().splitlines()
    config = read(sweep=name)
    assert lines[0] == f"# {config.question}"
    assert lines[1].startswith(f"#   python sweep.py sweep={name}")
    assert config.name == name


@pytest.mark.parametrize("name", SEARCHES)
def test_every_search_turns_the_four_knobs(name: str) -> None:
    space = Space.parse(read(sweep=name).space)
    assert space.dimensions.keys() >= KNOBS


def composed(name: str, *words: str) -> list[list[str]]:
    """The words of each corner."""
    config = read(*words, sweep=name)
    return [
        [*config.base, *words]
        for words in map(Space.parse(config.space).to_overrides, corners(config))
    ]


def corners(config: SweepConfig) -> list[dict[str, Any]]:
    return Space.parse(config.space).corners()


def test_the_ends_of_a_small_search_pass_the_check_of_a_run() -> None:
    for words in composed("sine_gru"):
        check(compose(*words))


@pytest.mark.slow
@pytest.mark.parametrize("name", SWEEPS)
def test_the_ends_of_every_search_pass_the_check_of_a_run(name: str) -> None:
    for words in composed(name):
        check(compose(*words))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "word"), WITHOUT_NETWORK.items())
def test_a_search_runs_on_the_data_that_it_names_for_no_network(name: str, word: str) -> None:
    assert word in (ROOT / "sweeps" / f"{name}.yaml").read_text()
    for words in composed(name, word):
        check(compose(*words))


def test_the_default_file_holds_every_key_with_the_default_of_the_schema() -> None:
    default_settings = OmegaConf.to_container(OmegaConf.load(ROOT / "sweeps" / "default.yaml"))
    groups = {
        key for entry in default_settings.pop("defaults") if entry != "_self_" for key in entry
    }
    assert {*default_settings, *groups} == set(SWEEP_KEYS)
    required = {"name": "x", "space": {}, "sampler": {}, "launcher": {}, "n_trials": 20}
    schema = SweepConfig(**required)
    for key in default_settings.keys() - {"name"}:
        assert default_settings[key] == getattr(schema, key), key


# Samplers and pruners.


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("name", group_choices(ROOT / "sweeps" / "sampler"))
def test_every_sampler_draws_trials(name: str) -> None:
    if name == "cmaes":
        pytest.importorskip("cmaes")
    config = read(
        f"sampler={name}",
        *("optimizer.lr=1e-3,1e-2", "data.batch_size=32,64", "trainer.gradient_clip_val=1.0"),
    )
    space = Space.parse(config.space)
    study = optuna.create_study()
    for number in range(4):
        study.sampler = make_sampler(config.sampler, number, space.grid)
        trial = study.ask()
        space.check(space.suggest(trial), name)
        study.tell(trial, float(number))


def test_a_missing_package_is_reported_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnnlab.sweeps.study.samplers.find_spec", lambda name: None)
    assert "pip install 'rnnlab[cmaes]'" in problem("sampler=cmaes")


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("name", group_choices(ROOT / "sweeps" / "pruner"))
def test_every_pruner_decides(name: str) -> None:
    needed = ["pruner.upper=1.0"] if name == "threshold" else []
    study = optuna.create_study(pruner=make_pruner(read(f"pruner={name}", *needed).pruner))
    for number in range(8):
        trial = study.ask()
        for step in range(1, 6):
            trial.report(0.1 * number, step)
        assert trial.should_prune() in (True, False)
        study.tell(trial, 0.1 * number)


def test_a_sampler_with_the_seed_of_the_study_gets_no_other() -> None:
    assert read("seed=5", "sampler=qmc").sampler["seed"] == 5
    assert "seed" not in read("seed=5").sampler


# The command line.

PARTS = {"budget": Budget, "progress": ReportInterval, "warm_start": WarmStart}
COMPONENTS = ("sampler", "pruner", "launcher")


def test_every_setting_of_a_search_that_an_error_or_a_page_names_can_be_typed() -> None:
    """The sections of a search; tests/config has the same test for those of a run."""
    named = named_settings((*PARTS, *COMPONENTS))
    assert {("budget", "seconds"), ("launcher", "address")} <= named
    for section, key in sorted(named):
        assert key in accepted(section), f"{section}.{key}"


def accepted(section: str) -> set[str]:
    """The names that a section takes, with one of its choices at least."""
    if section in PARTS:
        return {member.name for member in fields(PARTS[section])}
    files = (ROOT / "sweeps" / section).glob("*.yaml")
    targets = {OmegaConf.load(file).get("_target_") for file in files} - {None}
    return set().union(
        *(configurable_parameters(locate(target), frozenset())[0] for target in targets)
    )


def test_words_of_the_search_change_the_search() -> None:
    config = read("n_trials=100", "slots=2", "sampler=tpe", "sampler.n_startup_trials=3")
    assert (config.n_trials, config.slots, config.sampler["n_startup_trials"]) == (100, 2, 3)
    assert read("pruner=null").pruner is None
    assert read("pruner.n_min_trials=2").pruner["n_min_trials"] == 2  # not listed, but taken


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize(
    ("name", "pruner"), cover(SEARCHES, group_choices(ROOT / "sweeps" / "pruner"))
)
def test_another_choice_drops_the_settings_of_the_one_in_the_file(name: str, pruner: str) -> None:
    bounds = ["pruner.upper=1.0"] if pruner == "threshold" else []
    config = read(f"pruner={pruner}", *bounds, sweep=name)
    assert config.pruner is not None
    if pruner != "median":
        own = OmegaConf.to_container(OmegaConf.load(ROOT / "sweeps" / "pruner" / f"{pruner}.yaml"))
        assert config.pruner == own | ({"upper": 1.0} if bounds else {})


def test_the_same_choice_keeps_the_settings_of_the_file() -> None:
    (steps,) = {
        read(*words, sweep="imdb_gru").pruner["n_warmup_steps"] for words in ([], ["pruner=median"])
    }
    assert steps == 2


def test_settings_on_the_command_line_belong_to_the_choice_on_it() -> None:
    config = read("pruner=asha", "pruner.reduction_factor=3", "seed=7", "sampler=qmc")
    assert config.pruner["reduction_factor"] == 3
    assert config.sampler["seed"] == 7


def test_another_budget_takes_the_place_of_the_one_in_the_file() -> None:
    assert read().budget == {"epochs": 8}
    assert read("budget.seconds=30").budget == {"seconds": 30}
    assert read("budget=null").budget is None
    assert read("budget={samples: 3}").budget == {"samples": 3}


def test_a_list_is_of_choices_as_in_yaml() -> None:
    space = Space.parse(read("space.data.batch_size=[8,16]").space).to_plain()
    assert space["data.batch_size"] == {"choices": [8, 16]}


def test_words_with_several_values_are_dimensions() -> None:
    config = read("optimizer.lr=interval(1e-4,1e-2)", "model=gru,lstm", "+optimizer.eps=1e-8,1e-6")
    space = Space.parse(config.space)
    assert space.to_plain()["optimizer.lr"] == {
        "low": 1e-4,
        "high": 1e-2,
        "log": False,
        "step": None,
    }
    assert space.to_plain()["model"] == {"choices": ["gru", "lstm"]}
    assert space.to_overrides({"+optimizer.eps": 1e-8}) == ["+optimizer.eps=1e-08"]
    assert config.base == read().base


def test_words_with_one_value_are_of_all_runs_and_fix_their_dimension() -> None:
    config = read("optimizer.lr=0.001", "+data.x=1", "~callbacks.ema", "trainer.devices=1")
    added = ["optimizer.lr=0.001", "+data.x=1", "~callbacks.ema", "trainer.devices=1"]
    assert config.base == [*read().base, *added]
    assert config.space.keys() == read().space.keys() - {"optimizer.lr"}


def test_a_fixed_choice_resolves_the_conditions_on_it() -> None:
    config = read("model=lstm", sweep="imdb_cells")
    space = Space.parse(config.space)
    assert config.base[-1] == "model=lstm"
    assert "model.forget_bias" in space.dimensions
    assert "model.nonlinearity" not in space.dimensions
    assert not space.dimensions["model.forget_bias"].when
    (point,) = config.enqueue  # those of other cells cannot be tried any more
    assert point["model.forget_bias"] == 1.0
    assert "model" not in point


def test_a_conditional_dimension_is_fixed_only_where_it_is_active() -> None:
    config = read("model.forget_bias=1.0", sweep="imdb_cells")
    assert "model.forget_bias=1.0" not in config.base
    space = Space.parse(config.space)
    for corner in space.corners():
        assert ("model.forget_bias=1.0" in space.to_overrides(corner)) == (
            "lstm" in corner["model"]
        )


def test_a_dimension_can_be_given_by_its_place_and_taken_out() -> None:
    space = read("space.optimizer.lr={low: 1, high: 2}", "~space.data.seq_len").space
    assert space["optimizer.lr"] == {"low": 1, "high": 2}
    assert "data.seq_len" not in space


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "n_trial=3",
            "n_trial=3: n_trial is no setting of a search, nor of a run; did you mean n_",
        ),
        ("modle=gru", "modle=gru: modle is no setting of a search, nor of a run; did you mean mod"),
        ("n_trials=x", "n_trials=x: must be a valid integer"),
        ("n_trials=0", "n_trials=0: must be greater than or equal to 1"),
        ("n_trials=1,2", "n_trials=1,2: n_trials is a setting of the search; give one value"),
        ("name=../x", "name=../x: must be the name of one folder, which is made in output_dir"),
        ("name=a/b", "name=a/b: must be the name of one folder"),
        ("name=..", "name=..: must be the name of one folder"),
        ("name=/tmp/x", "name=/tmp/x: must be the name of one folder"),
        ("slots=0", "slots=0: must be greater than or equal to 1, or must be 'auto'"),
        ("on_change=ask", "on_change=ask: must be 'refuse', 'new' or 'force'"),
        ("sampler=tpee", "sweeps/sine_gru.yaml: sampler=tpee: did you mean tpe? choices: cmaes"),
        ("sampler.n_startup=3", "sampler.n_startup: no such setting of TPESampler; did you mean"),
        ("sampler.n_startup_trials=a", "sampler.n_startup_trials=a: must be a valid number"),
        (
            "sampler._target_=optuna.samplers.TPESample",
            "optuna.samplers has no 'TPESample'; did you mean TPE",
        ),
        (
            "launcher.thread=2",
            "launcher.thread: no such setting of LocalLauncher; did you mean threads?",
        ),
        ("pruner=threshold", "pruner: Either lower or upper must be specified"),
        (
            "budget=abc",
            "budget=abc: this search has no such budget; give a unit, such as budget.ep",
        ),
        ("base=1.5", "base=1.5: must be a valid list"),
        ("enqueue=3", "enqueue=3: must be a valid list"),
        ("enqueue=[3]", "enqueue.0=3: must be a valid dictionary"),
        ("sampler=[null]", "sampler=[null]: must be the name of one choice"),
        ("objectives=[scor]", "objectives=scor: must be a logged metric with its direction"),
        (
            "objectives=[score,score]",
            "objectives=[score, score]: must be at least one, without dupl",
        ),
        ("progress.unit=steps", "progress.unit=steps: must be 'epochs' or 'samples'"),
        ("progress.evry=2", "progress.evry: no such setting of progress; did you mean every?"),
        ("warm_start.best=2", "warm_start.study: must be given"),
        ("enqueue=[{optimizer.l: 3}]", "enqueue[0].optimizer.l=3: no such dimension"),
        ("enqueue=[{optimizer.lr: 3}]", "enqueue[0].optimizer.lr=3: must be a number from"),
        ("base=['model=gru,lstm']", "base: model=gru,lstm has several values; write it in the sp"),
        ("trainer.max_epochs=3", "trainer.max_epochs=3: budget={epochs: 8} says how long a trial"),
        ("optimizer.lr=interval(1", "optimizer.lr=interval(1: Hydra cannot read it"),
        ("optimizer.lr=interval(2, 1)", "space.optimizer.lr.low=2.0: must not be above high=1.0"),
        ("~space.optimizer.l", "~space.optimizer.l: no such dimension; did you mean optimizer.lr?"),
    ],
)
def test_invalid_settings_are_reported(word: str, message: str) -> None:
    assert message in problem(word)


def test_a_search_must_be_named_and_be_there() -> None:
    with pytest.raises(ConfigError, match="did you mean sine_gru"):
        read_sweep(ROOT, ["sweep=sine_gur"])
    with pytest.raises(ConfigError, match=r"sweep=<name> must be given once; choices: imdb_cells"):
        read_sweep(ROOT, ["n_trials=3"])
    with pytest.raises(ConfigError, match="sweep=default: choices: imdb"):
        read_sweep(ROOT, ["sweep=default"])


def test_a_grid_of_a_continuous_space_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"space\.optimizer\.lr: has no steps"):
        read("sampler=grid")


def test_a_search_in_which_nothing_is_searched_is_refused() -> None:
    fixing = [f"{key}=1" for key in read().space]
    assert "nothing is searched" in problem(*fixing)


# A file of the user's.

MINE = """\
defaults:
  - default
  - override sampler: random
  - _self_
space:
  optimizer.lr: tag(log, interval(1e-4, 1e-2))
"""


def test_a_file_can_choose_its_sampler_and_needs_little_else(tmp_path: Path) -> None:
    config = own(tmp_path, MINE)
    assert config.sampler["_target_"] == "optuna.samplers.RandomSampler"
    assert (config.name, config.n_trials, config.objectives) == ("mine", 20, ["score"])


HEIR = """\
defaults:
  - imdb_gru
{override}
  - _self_
question: Is another pruner better?
"""


def heir(group: str, choice: str) -> str:
    """A file that inherits the space of imdb_gru and its settings of the median pruner."""
    return HEIR.format(override=f"  - override {group}: {choice}")


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("pruner", group_choices(ROOT / "sweeps" / "pruner"))
def test_a_file_that_inherits_another_can_override_its_pruner(pruner: str, tmp_path: Path) -> None:
    bounds = ["pruner.upper=1.0"] if pruner == "threshold" else []
    config = own(tmp_path, heir("pruner", pruner), *bounds)
    shipped = ROOT / "sweeps" / "pruner" / f"{pruner}.yaml"
    steps = {"n_warmup_steps": 2} if pruner == "median" else {}  # of imdb_gru
    expected: Any = OmegaConf.to_container(OmegaConf.load(shipped))
    assert config.pruner == expected | steps | ({"upper": 1.0} if bounds else {})
    assert config.space.keys() == read(sweep="imdb_gru").space.keys()


def test_settings_of_the_own_choice_of_a_file_stay(tmp_path: Path) -> None:
    text = heir("pruner", "asha") + "pruner:\n  reduction_factor: 3\n"
    assert own(tmp_path, text).pruner["reduction_factor"] == 3
    (tmp_path / "sweeps" / "mine.yaml").write_text(text)
    back = read_sweep(tmp_path, ["sweep=mine", "pruner=median", "pruner.n_startup_trials=3"])
    assert back.pruner["n_warmup_steps"] == 2
    assert back.pruner["n_startup_trials"] == 3
    assert "reduction_factor" not in back.pruner


@pytest.mark.parametrize("sampler", group_choices(ROOT / "sweeps" / "sampler"))
def test_a_file_that_inherits_another_can_override_its_sampler(
    sampler: str, tmp_path: Path
) -> None:
    grid = ["optimizer.lr=1,2", "trainer.gradient_clip_val=1,2", "data.batch_size=8,16"]
    config = own(tmp_path, heir("sampler", sampler), *(grid if sampler == "grid" else []))
    shipped = OmegaConf.load(ROOT / "sweeps" / "sampler" / f"{sampler}.yaml")
    assert config.sampler.keys() == shipped.keys()
    assert config.sampler["_target_"] == shipped._target_


def test_all_problems_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    wrong = "  model: []\nn_trails: 3\nsampler:\n  sed: 1\nseed: -1\n"
    with pytest.raises(ConfigError) as error:
        own(tmp_path, MINE + wrong)
    lines = str(error.value).splitlines()
    assert len(lines) == 4
    assert any("n_trails: no such setting of a search; did you mean n_trials?" in x for x in lines)
    assert any(line.startswith("space.model=[]") for line in lines)
    assert any("sampler.sed: no such setting of RandomSampler" in line for line in lines)
    assert any(line.startswith("seed=-1: must be") for line in lines)


@pytest.mark.slow
def test_help_names_every_search_sampler_and_pruner() -> None:
    text = sweep_help(ROOT)
    for group in ("sampler", "pruner", "launcher"):
        assert ", ".join(group_choices(ROOT / "sweeps" / group)) in text
    for name in SWEEPS:
        assert read(sweep=name).question in text
