"""Runs of the same settings, which differ in their seeds only."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rnnlab.comparison.runs import FinishedRun
from rnnlab.errors import ConfigError, unknown_name
from rnnlab.report.seeds import is_repeat_setting


@dataclass(frozen=True)
class Group:
    """The runs of one configuration.

    Attributes:
        label: the settings in which it differs from the other groups.
        runs: repeat (seeds, fold, and settings that distinguish no groups) -> run.
    """

    label: str
    runs: Mapping[str, FinishedRun]

    @property
    def first(self) -> FinishedRun:
        """One of its runs."""
        return next(iter(self.runs.values()))

    def scores(self, metric: str) -> dict[str, float]:
        """Return repeat -> score, of the runs that have one."""
        values = {repeat: run.report["scores"].get(metric) for repeat, run in self.runs.items()}
        return {repeat: float(score) for repeat, score in values.items() if score is not None}


def group_runs(
    runs: Sequence[FinishedRun], by: Sequence[str] = ()
) -> tuple[list[Group], list[str]]:
    """Return the configurations of some runs, and notes on repeated runs.

    Args:
        runs: finished runs.
        by: the only settings that distinguish configurations, such as `model` or `data.seq_len`;
            none for all in which the runs differ.

    Raises:
        ConfigError: no run has a setting of `by`.
    """
    names = select_names(runs, by) if by else differing_names(runs)
    others = [name for name in differing_names(runs) if name not in names]
    members = defaultdict[tuple[str | None, ...], dict[str, FinishedRun]](dict)
    notes = list[str]()
    for run in runs:
        group = members[tuple(run.settings.get(name) for name in names)]
        repeat = ", ".join([run.repeat, *(f"{name}={run.settings.get(name)}" for name in others)])
        if repeat in group:
            notes.append(
                f"{group[repeat].folder}: has the settings and the {run.seed} of {run.folder}, "
                "which is counted"
            )
        group[repeat] = run
    labels = write_labels(list(members), names)
    return [Group(*pair) for pair in zip(labels, members.values(), strict=True)], notes


def differing_names(runs: Sequence[FinishedRun]) -> list[str]:
    """Return the settings in which runs differ, apart from seeds, paths, names and loggers."""
    every = dict.fromkeys(name for run in runs for name in run.settings)
    return [
        name
        for name in every
        if not is_repeat_setting(name) and len({run.settings.get(name) for run in runs}) > 1
    ]


def select_names(runs: Sequence[FinishedRun], by: Sequence[str]) -> list[str]:
    """Return the settings of these names, or below them.

    Raises:
        ConfigError: there is no such setting.
    """
    every = dict.fromkeys(name for run in runs for name in run.settings)
    settings = dict[str, None]()
    for word in by:
        names = [name for name in every if name == word or name.startswith(f"{word}.")]
        if not names:
            raise ConfigError(unknown_name(f"--by {word}: no run has this setting; ", word, every))
        settings |= dict.fromkeys(names)
    return list(settings)


def write_labels(values: Sequence[tuple[str | None, ...]], names: Sequence[str]) -> list[str]:
    """Return a label for each configuration: as few of its settings as distinguish all of them.

    >>> write_labels([('"m.GRU"', "1"), ('"m.LSTM"', "1")], ["model._target_", "model.layers"])
    ['model=GRU', 'model=LSTM']
    """
    columns = list[int]()
    order = sorted(range(len(names)), key=lambda i: not names[i].endswith("._target_"))
    for i in order:
        if _count_parts(values, [*columns, i]) > _count_parts(values, columns):
            columns.append(i)
    return [
        ", ".join(_write_setting(names[i], row[i]) for i in columns) or "all runs" for row in values
    ]


def _count_parts(values: Sequence[tuple[str | None, ...]], columns: Sequence[int]) -> int:
    return len({tuple(row[i] for i in columns) for row in values})


def _write_setting(name: str, value: str | None) -> str:
    """Return a setting as it is typed; a class by its name."""
    if name.endswith("._target_"):
        text = "null" if value is None else value.strip('"').rpartition(".")[2]
        return f"{name.removesuffix('._target_')}={text}"
    return f"{name}={'(none)' if value is None else value.strip(chr(34))}"
