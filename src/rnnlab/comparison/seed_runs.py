"""Missing seeds of two configurations: trained one by one, until the comparison is clear."""

import secrets
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rnnlab.comparison.compare import compare_finished_runs
from rnnlab.comparison.groups import Group, group_runs
from rnnlab.comparison.result import RunComparison
from rnnlab.comparison.runs import FinishedRun, find_runs, read_run
from rnnlab.errors import ConfigError, Problem, about_file
from rnnlab.metrics.sequential import SequentialPlan, plan_tests
from rnnlab.metrics.significance import seeds_needed
from rnnlab.report.folder import RunFolder
from rnnlab.report.seeds import configuration_of, repeat_of, settings_of

SUFFIX = "-compared"  # of the folders of runs that a comparison has started
LOCK_FILE = ".compare.lock"
MOST_SEEDS = 200
CONTINUED = ("running", "stopped", "trained")  # statuses of runs that go on

TrainRun = Callable[[dict[str, Any]], object]


@dataclass(frozen=True)
class SeedRun:
    """A run of a configuration that is still to be trained, or to be finished.

    Attributes:
        label: of the configuration.
        seed: of the run.
        config: of the run, as plain values.
        folder: of the run.
        is_started: whether the folder has an unfinished run.
    """

    label: str
    seed: int
    config: Mapping[str, Any]
    folder: Path
    is_started: bool

    def describe(self) -> str:
        """Return what is done, in a line."""
        verb = "finish" if self.is_started else "train"
        return f"{verb} {self.label} with seed {self.seed} in {self.folder}"

    def train_config(self) -> dict[str, Any]:
        """Return the config that trains or finishes the run."""
        if self.is_started:
            return {**self.config, "run_dir": None, "resume": str(self.folder)}
        return {**self.config, "run_dir": str(self.folder), "resume": None}


@dataclass(frozen=True)
class SeedSeries:
    """The runs of one configuration, by their seeds.

    Attributes:
        label: of the configuration.
        template: config of a run, for those that are missing.
        has_data_seed: whether the seed of the data follows that of the run.
        place: folder of the runs.
        runs: seed -> finished run.
    """

    label: str
    template: Mapping[str, Any]
    has_data_seed: bool
    place: Path
    runs: dict[int, FinishedRun]

    def config_of(self, seed: int) -> dict[str, Any]:
        """Return the config of a run with another seed."""
        data = dict(self.template["data"])
        if self.has_data_seed:
            data["seed"] = seed
        changes = {"seed": seed, "variant": f"seed {seed}", "data": data}
        return {**self.template, **changes}

    def find_run(self, seed: int) -> SeedRun:
        """Return the run of a seed that is not finished: an interrupted or a new one."""
        config = self.config_of(seed)
        for path in sorted(self.place.glob(f"*{SUFFIX}")):
            with suppress(ConfigError):
                folder = RunFolder(path)
                is_open = folder.read_report().get("status", "running") in CONTINUED
                if is_open and is_same_run(folder.read_config(), config):
                    return SeedRun(self.label, seed, config, path, is_started=True)
        stamp = f"{datetime.now():%Y-%m-%d_%H-%M-%S}-{secrets.token_hex(3)}{SUFFIX}"
        return SeedRun(self.label, seed, config, self.place / stamp, is_started=False)


def is_same_run(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two configs are of the same data, configuration and seed."""
    if one.get("data") != other.get("data"):
        return False
    settings = [settings_of(config, {}) for config in (one, other)]
    keys = [(configuration_of(part), repeat_of(part)) for part in settings]
    return keys[0] == keys[1]


def list_missing_runs(places: Sequence[str | Path], seeds: int) -> list[SeedRun]:
    """Return the runs that compare_with_seeds trains if the answer is not clear before.

    Raises:
        ConfigError: see compare_with_seeds.
    """
    check_number(seeds)
    pair, _ = open_series(places)
    return [
        series.find_run(seed)
        for seed in choose_seeds(pair, seeds)
        for series in pair
        if seed not in series.runs
    ]


def compare_with_seeds(
    places: Sequence[str | Path],
    seeds: int,
    train: TrainRun,
    metric: str | None = None,
    mode: str | None = None,
) -> RunComparison:
    """Compare two configurations with so many shared seeds, and train the runs that are missing.

    From the sixth pair on a sequential test ends the comparison when the answer is clear; see
    rnnlab.metrics.sequential. A comparison that was interrupted goes on when it is repeated.

    Args:
        places: folders of runs of both configurations; runs beside them with other seeds count.
        seeds: number of shared seeds.
        train: trains a config, such as rnnlab.experiment.run.run.
        metric: see rnnlab.comparison.compare.compare_runs.
        mode: min | max.

    Raises:
        ConfigError: there are not two configurations, or their runs cannot be paired.
    """
    check_number(seeds)
    pair, notes = open_series(places)
    plan = plan_tests(seeds)
    order = choose_seeds(pair, seeds)
    complete = sum(all(seed in series.runs for series in pair) for seed in order)
    with claim_places(pair):
        for count, seed in enumerate(order, start=1):
            train_pair(pair, seed, f"pair {count} of {seeds}", train)
            if count >= max(complete, seeds_needed()):
                result = compare_pairs(pair, order[:count], plan, metric, mode, notes)
                if len(result.groups) < 2 or result.groups[1].verdict == "worse":
                    break
    return result


def check_number(seeds: int) -> None:
    """Raise ConfigError for a number of seeds that cannot show a difference, or is too large."""
    if not seeds_needed() <= seeds <= MOST_SEEDS:
        raise ConfigError(
            f"--seeds {seeds}: must be {seeds_needed()} to {MOST_SEEDS}; fewer than "
            f"{seeds_needed()} pairs cannot show a difference"
        )


def open_series(places: Sequence[str | Path]) -> tuple[tuple[SeedSeries, SeedSeries], list[str]]:
    """Return the two configurations with all their runs, and notes on runs that are left out.

    Raises:
        ConfigError: there are not two, or their seeds cannot be paired.
    """
    runs, notes = find_runs([str(place) for place in places])
    groups, duplicates = group_runs(runs)
    if len(groups) != 2:
        raise ConfigError(explain_number(groups, places))
    first, second = (collect_seeds(group) for group in groups)
    keys = [repeat_of(settings_of(series.config_of(0), {})) for series in (first, second)]
    if keys[0] != keys[1]:
        raise ConfigError(
            f"--seeds: the runs cannot be paired by their seeds: {first.label} has {keys[0]}, "
            f"{second.label} has {keys[1]}"
        )
    return (first, second), [*notes, *duplicates]


def explain_number(groups: Sequence[Group], places: Sequence[str | Path]) -> Problem:
    """Return why there are not two configurations, and which folders work."""
    labels = "; ".join(group.label for group in groups)
    message = (
        f"--seeds: trains two configurations, and {', '.join(map(str, places))} has "
        f"{len(groups)}: {labels}"
    )
    if len(groups) < 2:
        return Problem(message, "folders")
    pair = shlex.join(str(group.first.folder) for group in groups[:2])
    reason = "the levels of its tests hold for one difference. Give the folders of two, such as"
    return Problem(f"{message}; {reason} {pair}", "folders", suggestions=[pair])


def collect_seeds(group: Group) -> SeedSeries:
    """Return the runs of a configuration, with those beside them."""
    run = group.first
    settings = [one.settings for one in group.runs.values()]
    has_data_seed = all(one.get("data.seed") == one["seed"] for one in settings)
    series = SeedSeries(
        group.label, RunFolder(run.folder).read_config(), has_data_seed, run.folder.parent, {}
    )
    parents = dict.fromkeys(one.folder.parent for one in group.runs.values())
    given = [*group.runs.values()]
    for one in [*list_neighbours(list(parents)), *given]:
        is_same = configuration_of(one.settings) == configuration_of(run.settings)
        seed = int(one.report["seed"])
        if is_same and one.repeat == repeat_of(settings_of(series.config_of(seed), {})):
            series.runs[seed] = one
    return series


def list_neighbours(parents: Sequence[Path]) -> Iterator[FinishedRun]:
    """Yield the finished runs in some folders."""
    for parent in parents:
        for path in sorted(parent.glob("*/report.json")):
            with suppress(ConfigError):
                yield read_run(RunFolder(path.parent))


def choose_seeds(pair: Sequence[SeedSeries], count: int) -> list[int]:
    """Return the seeds that are compared: those that both have, then those of one, then new ones.

    The order does not depend on any score.
    """
    members = [set(series.runs) for series in pair]
    both, either = set.intersection(*members), set.union(*members)
    new = (seed for seed in range(count + len(either)) if seed not in either)
    return [*sorted(both), *sorted(either - both), *new][:count]


@contextmanager
def claim_places(pair: Sequence[SeedSeries]) -> Iterator[None]:
    """Hold the folders of the runs: no other comparison trains in them.

    Raises:
        ConfigError: another one does.
    """
    with ExitStack() as stack:
        for place in sorted({series.place for series in pair}):
            try:
                stack.enter_context(FileLock(place / LOCK_FILE, timeout=0))
            except Timeout:
                reason = "another rnnlab compare --seeds trains here; wait for its end"
                raise ConfigError(about_file(place, reason)) from None
        yield


def train_pair(pair: Sequence[SeedSeries], seed: int, progress: str, train: TrainRun) -> None:
    """Train what is missing of a pair of runs."""
    for series in pair:
        if seed not in series.runs:
            run = series.find_run(seed)
            print(f"{progress}: {run.describe()}", flush=True)
            train(run.train_config())
            series.runs[seed] = read_run(RunFolder(run.folder))


def compare_pairs(
    pair: Sequence[SeedSeries],
    seeds: Sequence[int],
    plan: SequentialPlan,
    metric: str | None,
    mode: str | None,
    notes: Sequence[str],
) -> RunComparison:
    """Return the comparison of the runs with some seeds, as one test of a plan."""
    runs = [series.runs[seed] for series in pair for seed in seeds]
    open_notes = [note for note in notes if not any(str(run.folder) in note for run in runs)]
    level = plan.levels[len(seeds)]
    result = compare_finished_runs(runs, (), metric, mode, level=level, notes=open_notes)
    design = (
        f"Sequential test after {len(seeds)} of {plan.most} planned pairs; there a p-value below "
        f"{level:.3g} decides, so that the probability of an error over all tests is 5%."
    )
    return replace(result, design=design)
