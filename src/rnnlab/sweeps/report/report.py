"""What a search leaves behind. It is made from the study alone, at any time: also while it runs.

trials.csv, report/*.png, report.html and summary.json; each file is whole or not there.
"""

import math
import shlex
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rnnlab.metrics.significance import Comparison, Repeated, compare_repeats
from rnnlab.sweeps.report.records import (
    Dimension,
    Objective,
    Search,
    State,
    Trial,
    epochs_of,
    validations,
    write_table,
)
from rnnlab.sweeps.workers.messages import stored_result

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial
    from rich.console import Console

    from rnnlab.sweeps.report.page import Section

SCORE = "score"  # as an objective: the monitored metric
ASKED = ("base", "n_trials", "sampler", "pruner", "budget", "repeats", "enqueue", "warm_start")
TABLE, PAGE, SUMMARY, PICTURES = "trials.csv", "report.html", "summary.json", "report"
SHOWN = 5  # trials of a Pareto front that the terminal names
TOO_FEW = 5  # complete trials below which their importance is not asked
ROUGH = 50  # below which it is a first guess: PED-ANOVA looks at the best tenth, and wants 5 there


class Importance(NamedTuple):
    """How much each setting has to do with being among the best trials.

    Attributes:
        shares: setting -> share, largest first, which sum to 1; empty if they are not known.
        remark: how sure they are, or why they are not known.
    """

    shares: dict[str, float]
    remark: str


def write_report(
    study: "optuna.Study", folder: Path, repeats: "optuna.Study | None" = None
) -> list[Path]:
    """Table, pictures, page and summary of a search, in place of those of an earlier report.

    Args:
        study: of the search; its trials may still run.
        folder: of the search; the curves are read from its trials/<number>/metrics.csv.
        repeats: study of the repeated configurations; see compare.

    Returns:
        The files that were written.
    """
    from rnnlab.runtime.files import write_json
    from rnnlab.sweeps.report.page import Page, write_page

    folder.mkdir(parents=True, exist_ok=True)
    search, weights = searched(study, folder), importance(study)
    compared = compare(repeats) if repeats else None
    sections = draw(search, weights, compared, folder / PICTURES)
    settings = read_settings(folder)
    question, told = str(settings.get("question") or ""), asked(study, settings)
    page = Page(search, question, told, sections, made_with(study))
    return [
        write_table(search, folder / TABLE),
        *(section.picture for section in sections if section.picture),
        write_page(page, folder / PAGE),
        write_json(folder / SUMMARY, summary(search, weights, compared)),
    ]


def best_of(study: "optuna.Study") -> "FrozenTrial | None":
    """The best trial that is complete and feasible; None if there is none yet.

    Of several objectives the first decides among the trials of the front; of equal trials the
    first one is taken.
    """
    from optuna.study import StudyDirection

    sign = -1 if study.directions[0] == StudyDirection.MAXIMIZE else 1
    front = front_of(study)
    return min(front, key=lambda trial: (sign * trial.values[0], trial.number), default=None)


def front_of(study: "optuna.Study") -> "list[FrozenTrial]":
    """The complete, feasible trials that no other one beats; with one objective they are equals."""
    from optuna.study import StudyDirection

    signs = [-1 if d == StudyDirection.MAXIMIZE else 1 for d in study.directions]
    trials = feasible(study)
    costs = [[s * v for s, v in zip(signs, t.values, strict=True)] for t in trials]
    beaten = [any(_beats(other, own) for other in costs) for own in costs]
    return [trial for trial, is_beaten in zip(trials, beaten, strict=True) if not is_beaten]


def feasible(study: "optuna.Study") -> "list[FrozenTrial]":
    """The complete trials that break no constraint."""
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [t for t in trials if all(value <= 0 for value in t.constraints.values())]


def _beats(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether no cost is higher, and one is lower."""
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def command(trial: "FrozenTrial") -> str:
    """What to type to repeat a trial, its seed included; empty before its values were drawn.

    The number of threads is part of it: sums that are split otherwise are rounded otherwise.
    """
    words = trial.user_attrs.get("overrides")
    if not words:
        return ""
    threads = stored_result(trial).get("threads")
    first = [f"OMP_NUM_THREADS={threads}"] if threads else []
    return " ".join([*first, shlex.join(["python", "train.py", *map(str, words)])])


def compare(repeats: "optuna.Study") -> Comparison:
    """Mean and spread of each repeated configuration, and whether the best really beats the next.

    Args:
        repeats: its trials have the user attributes `of`, the number of the repeated trial in the
            search, and `seed`; their value is the score.
    """
    scores: dict[int, dict[int, float]] = {}
    lost: dict[int, int] = {}
    for trial in repeats.get_trials(deepcopy=False):
        number, seed = trial.user_attrs.get("of"), trial.user_attrs.get("seed")
        if number is None or seed is None or not trial.state.is_finished():
            continue
        known = scores.setdefault(int(number), {})
        if trial.state.name == "COMPLETE" and math.isfinite(trial.values[0]):
            known[int(seed)] = trial.values[0]
        else:
            lost[int(number)] = lost.get(int(number), 0) + 1
    repeated = [Repeated(number, known, lost.get(number, 0)) for number, known in scores.items()]
    return compare_repeats(repeated, modes(repeats)[0])


def modes(study: "optuna.Study") -> list[Literal["min", "max"]]:
    """Of each objective, which values are better."""
    from optuna.study import StudyDirection

    return ["max" if d == StudyDirection.MAXIMIZE else "min" for d in study.directions]


def importance(study: "optuna.Study") -> Importance:
    """How much each setting has to do with being among the best, by PED-ANOVA.

    Watanabe et al., PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
    Subspaces, IJCAI 2023.
    """
    from optuna.importance import get_param_importances

    trials = feasible(study)
    if len(trials) < TOO_FEW:
        few = f"{len(trials)} trials are complete, and at least {TOO_FEW} are needed"
        return Importance({}, f"Not known yet: {few}.")
    if len({trial.values[0] for trial in trials}) == 1:
        return Importance({}, "Not known: all complete trials have the same score.")
    varied = dict.fromkeys(n for t in trials for n, d in t.distributions.items() if not d.single())
    if len(varied) < 2:
        return Importance({}, "There is nothing to compare: fewer than two settings were varied.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it warns of is said above
        shares = get_param_importances(study, params=list(varied))
    guess = (
        f"A first guess from {len(trials)} complete trials; from {ROUGH} on it is to be relied on."
    )
    return Importance(shares, "" if len(trials) >= ROUGH else guess)


def searched(study: "optuna.Study", folder: Path) -> Search:
    """A study as plain data, the learning curves from the folders of its trials.

    Args:
        study: of the search.
        folder: of the search.
    """
    definition = study.user_attrs.get("definition", {})
    monitor = str(definition.get("monitor", SCORE))
    objectives = objectives_of(study, monitor)
    trials = study.get_trials(deepcopy=False)
    curves = read_curves(folder, [trial.number for trial in trials], monitor)
    plain = tuple(plain_trial(trial, curves.get(trial.number, ())) for trial in trials)
    best = front_of(study) if len(objectives) > 1 else [best_of(study)]
    return Search(
        name=folder.name,
        monitor=monitor,
        objectives=objectives,
        dimensions=tuple(dimensions(trials, space_of(definition))),
        trials=plain,
        best=tuple(trial.number for trial in best if trial),
    )


def objectives_of(study: "optuna.Study", monitor: str) -> tuple[Objective, ...]:
    """The objectives by the names of their metrics: `score` is the monitored one."""
    given = study.metric_names or [SCORE]
    names = [monitor if name == SCORE else name.partition(":")[0] for name in given]
    return tuple(Objective(n, m) for n, m in zip(names, modes(study), strict=True))


def space_of(definition: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The space of a study, its settings grouped again by dimension.

    >>> space_of({"space": {"model.bias.low": 0, "model.bias.when.model": ["lstm"]}})
    {'model.bias': {'low': 0, 'when': {'model': ['lstm']}}}
    """
    space: dict[str, dict[str, Any]] = {}
    for key, value in definition.get("space", {}).items():
        place, condition, other = key.partition(".when.")
        if condition:
            space.setdefault(place, {}).setdefault("when", {})[other] = value
        else:
            dimension, _, setting = key.rpartition(".")
            space.setdefault(dimension, {})[setting] = value
    return space


def plain_trial(trial: "FrozenTrial", curve: tuple[tuple[float, float], ...] = ()) -> Trial:
    """One trial as plain data.

    Args:
        trial: of Optuna.
        curve: epochs and monitored metric of each validation.
    """
    told, state = stored_result(trial), state_of(trial)
    return Trial(
        number=trial.number,
        state=state,
        values=tuple(trial.values) if state == "complete" else (),
        score=score_of(trial, told),
        params=dict(trial.params),
        seconds=told.get("seconds", trial.user_attrs.get("seconds")),
        epochs=told.get("epochs"),
        parameters=told.get("parameters"),
        failure=str(told.get("failure") or ""),
        message=str(told.get("message") or ""),
        attempts=int(trial.user_attrs.get("attempts", 0)),
        command=command(trial),
        curve=curve,
    )


def state_of(trial: "FrozenTrial") -> State:
    """How a trial ended, or that it has not."""
    broken = any(value > 0 for value in trial.constraints.values())
    states: dict[str, State] = {
        "COMPLETE": "infeasible" if broken else "complete",
        "PRUNED": "infeasible" if broken else "pruned",
        "FAIL": "failed",
        "RUNNING": "running",
        "WAITING": "waiting",
    }
    return states[trial.state.name]


def score_of(trial: "FrozenTrial", told: Mapping[str, Any]) -> float | None:
    """The monitored metric; of a trial that was given up the last one that it reported."""
    if told.get("score") is not None:
        return float(told["score"])
    reported = trial.intermediate_values
    return reported[max(reported)] if reported and trial.state.is_finished() else None


def dimensions(trials: "Iterable[FrozenTrial]", space: Mapping[str, Any]) -> list[Dimension]:
    """What has been varied, in the order of the space; a range that grew is drawn whole."""
    found: dict[str, Dimension] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            new = dimension(name, distribution)
            old = found.get(name, new)
            low, high = min(old.low, new.low), max(old.high, new.high)
            found[name] = Dimension(name, low, high, new.log, new.choices)
    order = [name for name in space if name in found]
    return [found.pop(name) for name in order] + list(found.values())


def dimension(name: str, distribution: "BaseDistribution") -> Dimension:
    """One of Optuna's distributions as plain data."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return Dimension(name, 0, len(distribution.choices) - 1, False, distribution.choices)
    assert isinstance(distribution, FloatDistribution | IntDistribution)  # Optuna has no others
    return Dimension(name, distribution.low, distribution.high, distribution.log)


def read_curves(
    folder: Path, numbers: Iterable[int], monitor: str
) -> dict[int, tuple[tuple[float, float], ...]]:
    """Epochs and monitored metric of each validation, of the trials whose folders are here.

    Where there are several validations in an epoch, the trial with the most of them says how many.
    """
    from rnnlab.runtime.files import read_metrics

    read = {n: read_metrics(folder / "trials" / f"{n:04}" / "metrics.csv") for n in numbers}
    rows = {number: validations(table, monitor) for number, table in read.items()}
    epochs = [[row["epoch"] for row in table] for table in rows.values() if table]
    per_epoch = max((max(map(table.count, table)) for table in epochs), default=1)
    return {
        number: tuple(
            zip(
                epochs_of(table, monitor, per_epoch),
                (float(row[monitor]) for row in table),
                strict=True,
            )
        )
        for number, table in rows.items()
    }


def draw(
    search: Search, weights: Importance, compared: Comparison | None, folder: Path
) -> "list[Section]":
    """The pictures that make sense so far, as sections of the page; words where there is none."""
    from rnnlab.sweeps.report.page import Section

    folder.mkdir(exist_ok=True)
    return [
        Section(
            wanted.title,
            wanted.missing or wanted.words,
            None if wanted.missing else wanted.make(*wanted.what, folder / wanted.file),
        )
        for wanted in drawings(search, weights, compared)
    ]


class Drawing(NamedTuple):
    """A picture that a report may have.

    Attributes:
        title: of its section.
        make: draws it, into the path that follows its arguments.
        what: its arguments.
        missing: why it cannot be drawn; empty if it can.
        words: to be said about it.
    """

    title: str
    make: Callable[..., Path]
    what: tuple[Any, ...]
    missing: str = ""
    words: str = ""

    @property
    def file(self) -> str:
        """Name of the PNG."""
        return f"{self.make.__name__}.png"


def drawings(search: Search, weights: Importance, compared: Comparison | None) -> Iterator[Drawing]:
    """What to draw, in the order of the page."""
    from rnnlab.sweeps.report import plots

    ended = search.of("complete", "pruned", "infeasible", "failed")
    none_ended = "" if ended else "No trial has ended yet."
    none_complete = "" if search.complete else "No trial is complete yet."
    nothing_varied = "" if search.dimensions else "No setting has been varied."
    validated = any(trial.curve for trial in search.trials)
    none_validated = "" if validated else "No trial here has logged a validation yet."
    alike = nothing_varied or none_complete
    yield Drawing("History", plots.history, (search,), none_ended)
    if len(search.objectives) == 2:
        yield Drawing("Pareto front", plots.pareto, (search,), none_complete)
    yield Drawing("Learning curves", plots.curves, (search,), none_validated)
    unknown = "" if weights.shares else weights.remark
    shares = (weights.shares,)
    yield Drawing("Importance", plots.importance, shares, unknown, weights.remark)
    yield Drawing("Parallel coordinates", plots.parallel, (search,), alike)
    yield Drawing("Slices", plots.slices, (search,), alike)
    if compared:
        metric, said = search.objectives[0].name, compared.sentence
        scored = any(one.scores for one in compared.configurations)
        unscored = "" if scored else said
        yield Drawing("Repeats", plots.repeats, (compared, metric), unscored, said)
    yield Drawing("Failures", plots.failures, (search,), none_ended)


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings of the search, as its snapshot sweep.yaml has them; empty without one."""
    from omegaconf import OmegaConf

    snapshot = folder / "sweep.yaml"
    if not snapshot.exists():
        return {}
    plain: Any = OmegaConf.to_container(OmegaConf.load(snapshot))
    return dict(plain)


def asked(study: "optuna.Study", settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the page says that was asked for.

    Args:
        study: its definition says what its trials share.
        settings: of the search.
    """
    definition = study.user_attrs.get("definition", {})
    given = {name: settings[name] for name in ASKED if settings.get(name)}
    defined = {name: definition[name] for name in ("objectives", "seed") if name in definition}
    monitored = {"monitor": f"{definition['monitor']} ({definition['mode']})"} if definition else {}
    shared = {"config of all trials": definition["base"]} if "base" in definition else {}
    return {**given, **monitored, **defined, "space": space_of(definition), **shared}


def made_with(study: "optuna.Study") -> dict[str, Any]:
    """When the report was made, the commit that was searched with, and versions."""
    import optuna

    from rnnlab.runtime.environment import versions

    git = study.user_attrs.get("git") or {}
    changed = " with changes" if git.get("changed") else ""
    commit = {"commit": f"{git['commit']}{changed}"} if git.get("commit") else {}
    made = f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S %Z}"
    return {"made": made, **commit, **versions(), "optuna": optuna.__version__}


def summary(search: Search, weights: Importance, compared: Comparison | None) -> dict[str, Any]:
    """What summary.json holds: the outcome of the search, for programs."""
    best = [as_summary(search, trial) for trial in search.trials if trial.number in search.best]
    several = len(search.objectives) > 1
    return {
        "name": search.name,
        "objectives": [asdict(objective) for objective in search.objectives],
        "best": None if several or not best else best[0],
        "front": best if several else None,
        "history": [history_entry(search, trial) for trial in search.complete],
        "counts": search.counts(),
        "failures": search.failures(),
        "importance": {"shares": weights.shares, "remark": weights.remark},
        "comparison": compared and comparison_summary(compared),
    }


def history_entry(search: Search, trial: Trial) -> dict[str, Any]:
    """Number and values of a complete trial."""
    names = [objective.name for objective in search.objectives]
    values = dict(zip(names, map(finite, trial.values), strict=True))
    return {"number": trial.number, "values": values}


def as_summary(search: Search, trial: Trial) -> dict[str, Any]:
    """One of the best trials in summary.json."""
    entry = history_entry(search, trial)
    return {**entry, "params": dict(trial.params), "command": trial.command}


def comparison_summary(compared: Comparison) -> dict[str, Any]:
    """The repeats in summary.json."""
    ranked = [
        {
            "number": one.number,
            "scores": {str(seed): score for seed, score in sorted(one.scores.items())},
            "without_score": one.without_score,
            "mean": finite(one.mean),
            "spread": one.spread,
        }
        for one in compared.configurations
    ]
    facts = {"gain": compared.gain, "pairs": compared.pairs, "p_value": compared.p_value}
    return {"configurations": ranked, **facts, "sentence": compared.sentence}


def finite(value: float) -> float | None:
    """A number that JSON can hold; None for what is no number, or has no end."""
    return value if math.isfinite(value) else None


def print_summary(
    study: "optuna.Study",
    folder: Path,
    console: "Console | None" = None,
    repeats: "optuna.Study | None" = None,
) -> None:
    """The end of a search on the terminal: what was best, how to repeat it, where the rest is.

    Args:
        study: of the search.
        folder: of the search, where write_report has left its files.
        console: to print on; the terminal where none is given.
        repeats: study of the repeated configurations.
    """
    from rich.console import Console

    console = console or Console()
    for name, line in summary_lines(study, folder, repeats):
        console.print(f"{name:<9}{line}", highlight=False, soft_wrap=True, markup=False)


def summary_lines(
    study: "optuna.Study", folder: Path, repeats: "optuna.Study | None"
) -> Iterator[tuple[str, str]]:
    """Name and text of each line that the end of a search prints."""
    search = searched(study, folder)
    counts = ", ".join(f"{count} {state}" for state, count in search.counts().items())
    failed = ", ".join(f"{count} {name}" for name, count in search.failures().items())
    yield "trials", (counts or "none") + (f" ({failed})" if failed else "")
    best = [trial for trial in search.trials if trial.number in search.best]
    if not best:
        yield "best", "no trial is complete, so there is no best one"
    for trial in best[:SHOWN]:
        yield "best", best_line(search, trial)
        yield "repeat", trial.command
    if len(best) > SHOWN:
        yield "", f"and {len(best) - SHOWN} more on the Pareto front, in the report"
    if tested := tested_line(folder):
        yield "test", tested
    if repeats:
        yield "repeats", compare(repeats).sentence
    yield "report", str(folder / PAGE)


def tested_line(folder: Path) -> str:
    """The scores of best/ on the test split; empty before it was tested."""
    from rnnlab.report.console import number
    from rnnlab.report.folder import RunFolder

    best = RunFolder(folder / "best")
    report = best.read_report()
    told = [(name, value) for name, value in report.get("scores", {}).items() if "test/" in name]
    listed = ", ".join(f"{name} {number(value)}" for name, value in told)
    targets = report.get("evaluated_targets", {}).get("test", 0)
    return f"{listed} ({targets:,} targets, read once: {best.path})" if told else ""


def best_line(search: Search, trial: Trial) -> str:
    """Number, scores and parameters of one of the best trials."""
    from rnnlab.sweeps.report.page import number, words

    named = zip(search.objectives, trial.values, strict=True)
    scores = ", ".join(f"{objective.name} {number(value)}" for objective, value in named)
    params = ", ".join(f"{name} {words(value)}" for name, value in trial.params.items())
    return (
        f"trial {trial.number}: {scores} ({params})"
        if params
        else f"trial {trial.number}: {scores}"
    )
