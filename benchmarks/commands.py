"""Commands of finished runs and studies, from the settings that their folders keep.

A command is composed again before it is returned: with the configuration of this commit it has
exactly the settings of the run. Paths are placeholders.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from rnnlab.comparison.runs import FinishedRun
from rnnlab.config.compose import compose_checked
from rnnlab.config.overrides import format_override
from rnnlab.config.paths import is_path, list_choices
from rnnlab.config.schema import TrainerConfig, make_config
from rnnlab.errors import ConfigError
from rnnlab.experiment.budget import automatic_epochs
from rnnlab.report.seeds import SEED_SETTINGS, flatten_config, is_repeat_setting
from rnnlab.sweeps.settings import read_sweep, sweep_names
from rnnlab.sweeps.studies import FULL

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
OTHER_GROUPS = ("task", "optimizer", "scheduler", "callbacks")  # whose choice a command may name
EPOCHS = "trainer.max_epochs"
STUDY_SETTINGS = ("seed", "seeds", "n_trials", "name")  # that a command may change
PLACE_SETTINGS = ("output_dir", "slots", "storage", "report", "launcher", "timeout")
ABSENT = object()  # a setting that one of two configs does not have

Settings = Mapping[str, Any]


def train_command(runs: Sequence[FinishedRun]) -> str:
    """Return the command that trains the runs of one configuration.

    Raises:
        ConfigError: no command of this commit has the settings of these runs.
    """
    words = find_words(runs[0])
    axes = [axis for name in SEED_SETTINGS if (axis := find_axis(runs, name, words))]
    flag = ["-m"] if any("," in axis for axis in axes) else []
    others = [*find_name(runs[0], words), *placeholders(runs[0])]
    return " ".join(["python train.py", *flag, *words, *others, *axes])


def find_name(run: FinishedRun, words: Sequence[str]) -> list[str]:
    """Return the override of the name of a run, if it is another one than that of the command."""
    name = run.report["name"]
    usual = compose_words(*words, f"seed={run.report['seed']}").get("name")
    return [] if name == usual else [f"name={format_override(name)}"]


def find_axis(runs: Sequence[FinishedRun], name: str, words: Sequence[str]) -> str:
    """Return the override of a seed setting; empty if the command implies its values."""
    usual = [compose_words(*words, f"seed={run.report['seed']}").get(name) for run in runs]
    values = [plain_settings(run).get(name) for run in runs]
    if name == "seed":
        usual = [0] * len(runs)  # of conf/config.yaml
    if values == usual:
        return ""
    ordered = sorted(set(values), key=lambda value: -1 if value is None else int(value))
    return f"{name}={','.join(map(format_override, ordered))}"


def placeholders(run: FinishedRun) -> list[str]:
    """Return the overrides of the paths of a run, as `data.path=<name of the file>`."""
    paths = {name: value for name, value in run.settings.items() if name.endswith("path")}
    texts = {name: value.strip('"') for name, value in paths.items() if value != "null"}
    return [f"{name}=<{Path(text).name}>" for name, text in texts.items()]


def find_architecture(run: FinishedRun) -> str:
    """Return the choice of `model` whose settings are nearest to those of a run."""
    settings = {n: v for n, v in plain_settings(run).items() if n.startswith("model.")}

    def count_differences(name: str) -> int:
        composed = compose_words("data=sine", f"model={name}")
        return sum(composed.get(key, ABSENT) != value for key, value in settings.items())

    return min(same_class("model", settings["model._target_"]), key=count_differences)


def find_words(run: FinishedRun) -> list[str]:
    """Return the shortest overrides with which the configuration of this commit is that of a run.

    Raises:
        ConfigError: there are none; the message says which settings differ.
    """
    config = {name: value for name, value in plain_settings(run).items() if is_compared(name)}
    candidates = list(first_words(config))
    if not candidates:
        raise ConfigError(f"{run.folder}: conf/ has no data or no model of the class of this run")
    nearest = min(candidates, key=lambda words: (len(differing(words, config, run)), len(words)))
    words, others = complete_words(nearest, config, run)
    if others:
        raise ConfigError(
            f"{run.folder}: no command of this commit has the settings of this run; "
            f"`{' '.join(words)}` differs in {', '.join(others)}. Train it again"
        )
    return words


def plain_settings(run: FinishedRun) -> dict[str, Any]:
    """Return the settings of a run as plain values."""
    return {name: json.loads(value) for name, value in run.settings.items()}


def is_compared(name: str) -> bool:
    """Return whether a setting is part of the command of a configuration."""
    is_known = name not in ("data.sha256", "init_from", "name")
    return is_known and not is_repeat_setting(name)


def first_words(config: Settings) -> Iterator[list[str]]:
    """Yield what a command may begin with: an experiment, or data and model of these classes."""
    classes = {group: config[f"{group}._target_"] for group in ("data", "model")}
    for name in list_choices(CONF, "experiment"):
        if experiment_classes(name) == classes:
            yield [f"experiment={name}"]
    for data in same_class("data", classes["data"]):
        for model in same_class("model", classes["model"]):
            yield [f"data={data}", f"model={model}"]


@cache
def experiment_classes(name: str) -> Settings:
    """Return the classes of data and model that an experiment chooses."""
    classes = dict[str, Any]()
    for entry in OmegaConf.load(CONF / "experiment" / f"{name}.yaml").defaults:
        if isinstance(entry, str):
            classes |= experiment_classes(entry)
            continue
        choices = {str(key).removeprefix("override /"): value for key, value in entry.items()}
        groups = choices.keys() & {"data", "model"}
        classes |= {group: class_of(group, choices[group]) for group in groups}
    return classes


def same_class(group: str, target: str | None) -> list[str]:
    """Return the choices of a group that build a class; None for those of several objects."""
    return [name for name in list_choices(CONF, group) if class_of(group, name) == target]


@cache
def class_of(group: str, name: str) -> str | None:
    """Return the class that a file of conf/ builds; None for one that builds several."""
    content: Any = OmegaConf.load(CONF / group / f"{name}.yaml")
    if "_target_" in content:
        return str(content["_target_"])
    others = [entry for entry in content.get("defaults", []) if entry != "_self_"]
    return class_of(group, str(others[0])) if len(others) == 1 else None


@cache
def compose_words(*words: str) -> Settings:
    """Return the flat settings of a command."""
    return flatten_config(asdict(make_config(compose_checked(CONF, words))))


def complete_words(
    words: Sequence[str], config: Settings, run: FinishedRun
) -> tuple[list[str], list[str]]:
    """Return overrides that begin with some words, and the settings that still differ."""
    result = list(words)
    for group in OTHER_GROUPS:
        if any(name.startswith(f"{group}.") for name in differing(result, config, run)):
            names = same_class(group, config.get(f"{group}._target_"))
            choices = [[], *([f"{group}={name}"] for name in names)]
            result += min(choices, key=lambda c: len(differing([*result, *c], config, run)))
    settings = differing(result, config, run)
    if any(value is ABSENT for value in settings.values()):
        return result, [*settings]
    complete = [*result, *(f"{name}={format_override(v)}" for name, v in settings.items())]
    try:
        return complete, [*differing(complete, config, run)]
    except ConfigError:  # a setting that this commit does not have
        return result, [*settings]


def differing(words: Sequence[str], config: Settings, run: FinishedRun) -> dict[str, Any]:
    """Return the settings in which a config differs from that of a command, with its values."""
    composed = {n: v for n, v in compose_words(*words).items() if is_compared(n)}
    if composed[EPOCHS] == "auto" and config[EPOCHS] == epochs_of(composed, run):
        composed[EPOCHS] = config[EPOCHS]
    names = dict.fromkeys([*composed, *config])
    pairs = {name: (composed.get(name, ABSENT), config.get(name, ABSENT)) for name in names}
    return {name: value for name, (other, value) in pairs.items() if other != value}


def epochs_of(composed: Settings, run: FinishedRun) -> int | None:
    """Return the epochs of a run whose command leaves their number to its data."""
    names = ("trainer.auto_steps", "trainer.max_steps")
    limits = {name.partition(".")[2]: composed[name] for name in names}
    steps = run.report.get("budget", {}).get("steps_per_epoch")
    return automatic_epochs(TrainerConfig(**limits), steps) if steps else None


def study_command(sweep: Mapping[str, Any]) -> str:
    """Return the command of a study from the content of its sweep.yaml.

    Raises:
        ConfigError: no command of this commit has these settings.
    """
    for name in sweep_names(ROOT):
        if (ROOT / "sweeps" / f"{name}.yaml").read_text(encoding="utf-8").count(sweep["question"]):
            for budget in [[], *([f"budget={key}"] for key in sweep["budgets"] if key != FULL)]:
                words = [f"sweep={name}", *budget]
                if (others := study_words(words, sweep)) is not None:
                    return " ".join(["python sweep.py", *words, *map(hide_path, others)])
    raise ConfigError(f"{sweep['name']}: no command of this commit has the settings of this study")


def study_words(words: Sequence[str], sweep: Mapping[str, Any]) -> list[str] | None:
    """Return the overrides that a study has after some words; None if no overrides are enough."""
    usual = asdict(read_sweep(ROOT, words))
    others = [text for text in sweep["base"] if text not in usual["base"]]
    for key in STUDY_SETTINGS:
        if usual[key] != sweep[key]:
            others.append(f"{key}={format_override(sweep[key])}")
    answers = (usual["answer"] or {}, sweep["answer"])
    others += [
        f"answer.{key}={format_override(value)}"
        for key, value in sweep["answer"].items()
        if answers[0].get(key) != value
    ]
    try:
        study = asdict(read_sweep(ROOT, [*words, *others]))
    except ConfigError:
        return None
    old, new = (
        {key: plain[key] for key in sweep if key not in PLACE_SETTINGS} for plain in (sweep, study)
    )
    answer = {key: new["answer"].get(key) for key in old["answer"]}  # settings may be added later
    return others if {**new, "answer": answer} == old else None


def hide_path(word: str) -> str:
    """Return an override in which a path is replaced by the name of its file.

    >>> hide_path("data.path=/a/b.csv"), hide_path("data.seq_len=5")
    ('data.path=<b.csv>', 'data.seq_len=5')
    """
    key, _, value = word.partition("=")
    return f"{key}=<{Path(value).name}>" if is_path(key) else word
