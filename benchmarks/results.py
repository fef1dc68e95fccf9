"""Write docs/RESULTS.md and the table of the README from finished runs and studies.

    python train.py -m data=sine model=rnn,gru,lstm seed=0,1,2
    python train.py -m experiment=ett_96 data.path=<folder with ETTh1.csv> seed=0,1,2
    python sweep.py sweep=study_gru_lstm budget=small
    python -m benchmarks.results outputs

Runs that differ only in their seeds or folds are the seeds of one recipe. Recipes with three or
more of them are in the README. Those with fewer are in a table of their own, which keeps its rows
until the recipe has three. Recipes and studies that are not in the folders keep the rows and
sections that the page has. benchmarks/recorded_runs.jsonl keeps the runs, so that the seeds of a
recipe may be given one after another. The commands come from the settings of the runs.
"""

import argparse
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from benchmarks import recorded_runs
from benchmarks.commands import find_architecture, train_command
from benchmarks.results_page import (
    RecipeRecord,
    ResultsPage,
    markdown_table,
    read_page,
    readme_table,
    write_page,
)
from benchmarks.studies import EndedStudy, find_studies
from rnnlab.comparison.groups import Group, group_runs
from rnnlab.comparison.result import ComparedGroup, format_p
from rnnlab.comparison.runs import FinishedRun, find_runs
from rnnlab.errors import ConfigError
from rnnlab.experiment.next_step import next_command
from rnnlab.metrics.directions import HIGHER_IS_BETTER
from rnnlab.report.console import format_score, print_next, print_results
from rnnlab.report.folder import RunFolder
from rnnlab.runtime.console import PlainConsole

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "RESULTS.md"
README = ROOT / "README.md"
RECORDS = recorded_runs.FILE
EXAMPLE = "imdb-gru"  # the run whose output is on the first screen of the README
MIN_SEEDS = 3  # of a recipe whose spread is known

MAIN = ("test/noise_ratio", "test/bleu")  # headline metrics, if they are not the monitored metric
BESIDE = ("test/f1", "test/mcc", "test/mae", "test/chrf")

README_NOTE = (
    "Test scores, mean +- standard deviation over at least three seeds; a bold baseline is better "
    "than every network of its row. Commands, all baselines, seconds, commits and the conditions "
    "of the runs are in [docs/RESULTS.md](docs/RESULTS.md), with recipes that were trained once."
)

Scores = Mapping[str, float]


@dataclass(frozen=True)
class Recipe:
    """The runs of one configuration.

    Attributes:
        group: its runs, one for each seed and fold.
        command: that trains them.
        architecture: choice of `model`.
    """

    group: Group
    command: str
    architecture: str

    @property
    def name(self) -> str:
        """Name of the runs."""
        return str(self.group.first.report["name"])

    @property
    def runs(self) -> list[FinishedRun]:
        """All runs."""
        return list(self.group.runs.values())

    @property
    def metrics(self) -> list[str]:
        """The headline metric of the test split, and one or two more."""
        report = self.group.first.report
        scores, monitor = report["scores"], report["monitor"].replace("val/", "test/")
        main = next((name for name in MAIN if name in scores), monitor)
        return [main, *[name for name in BESIDE if name in scores and name != main][:2]]

    @property
    def baselines(self) -> list[str]:
        """Names of the baselines with the headline metric."""
        baselines = self.group.first.report["baselines"]
        return [name for name, scores in baselines.items() if self.metrics[0] in scores]

    def best_baseline(self) -> tuple[str, bool]:
        """Return the best baseline as text, and whether it is better than the network."""
        metric = self.metrics[0]
        mode = "max" if metric.removeprefix("test/") in HIGHER_IS_BETTER else "min"
        scores = self.group.scores(metric)
        best = ComparedGroup(self.group, scores).best_baseline(metric, mode)
        if best is None:
            return "-", False
        sign = 1 if mode == "max" else -1
        is_better = sign * best[1] > sign * fmean(scores.values())
        text = self.score_of_baseline(best[0], metric)
        return f"{best[0]} {text}", is_better

    def score(self, metric: str) -> str:
        """Return mean and spread of a score of the network."""
        return spread([run.report["scores"] for run in self.runs], metric)

    def score_of_baseline(self, name: str, metric: str) -> str:
        """Return mean and spread of a score of a baseline."""
        return spread([run.report["baselines"].get(name, {}) for run in self.runs], metric)

    @property
    def count(self) -> str:
        """Number of seeds, with that of folds; with that of the runs if some are missing."""
        folds = len({run.settings.get("data.fold", "null") for run in self.runs})
        text = str(self.num_seeds) + (f" x {folds} folds" if folds > 1 else "")
        is_complete = len(self.runs) == self.num_seeds * folds
        return text if is_complete else f"{text}, {len(self.runs)} runs"

    @property
    def num_seeds(self) -> int:
        """Number of seeds; folds are no seeds."""
        return len({run.report["seed"] for run in self.runs})

    @property
    def seconds(self) -> str:
        """Median of the seconds of the fit; for a resumed run over all its sessions."""
        reports = [run.report for run in self.runs]
        seconds = [max(r["seconds"]["fit"], r["speed"].get("training_seconds", 0)) for r in reports]
        return f"{median(seconds):,.0f}"

    @property
    def commits(self) -> str:
        """Short commits of the runs, with a plus if files were modified."""
        return list_commits([run.report for run in self.runs])

    @property
    def conditions(self) -> str:
        """Conditions of the runs, as far as they were noted."""
        notes = (run.report.get("conditions", "") for run in self.runs)
        return " ".join(dict.fromkeys(filter(None, notes)))

    @property
    def num_targets(self) -> str:
        """Number of test targets; the largest of those of the folds."""
        return f"{max(run.report['evaluated_targets']['test'] for run in self.runs):,}"

    @property
    def checksums(self) -> str:
        """Checksums of the test targets: scores of others are not comparable."""
        values = {run.report.get("targets_sha256") for run in self.runs}
        return "" if None in values else ", ".join(sorted(str(value)[:8] for value in values))

    def list_facts(self) -> list[str]:
        """Return what is stated below the table of its scores."""
        report = self.group.first.report
        checksums = f" (sha256 {self.checksums})" if self.checksums else ""
        return [
            f"{self.num_targets} test targets{checksums}",
            describe_data(report["data"]),
            f"model: {self.architecture}, {report['model']['parameters']:,} parameters",
            *list_hardware(report),
        ]


def find_tested_runs(folders: Sequence[Path], note: str) -> tuple[list[FinishedRun], list[str]]:
    """Return the finished, tested runs below some folders, and notes on others.

    The trials of searches are left out.

    Args:
        folders: of runs, or above them.
        note: on the conditions of these runs.

    Raises:
        ConfigError: there is no run.
    """
    runs, notes = find_runs([str(folder) for folder in folders])
    conditions = {"conditions": note}
    tested = [run for run in runs if is_recipe(run)]
    return [replace(run, report={**run.report, **conditions}) for run in tested], notes


def make_recipes(runs: Sequence[FinishedRun]) -> tuple[list[Recipe], list[str]]:
    """Return the recipes of some runs, and notes on runs that others repeat.

    Raises:
        ConfigError: two recipes have the same name, or no command of this commit has the settings
            of a run.
    """
    groups, notes = group_runs(runs)
    recipes = [
        Recipe(group, train_command(list(group.runs.values())), find_architecture(group.first))
        for group in groups
    ]
    check_names(recipes)
    return sorted(recipes, key=lambda recipe: recipe.name), notes


def is_recipe(run: FinishedRun) -> bool:
    """Return whether a run was tested, and is no trial of a search."""
    is_trial = (run.folder / "trial.json").exists()
    return not is_trial and any(name.startswith("test/") for name in run.report["scores"])


def check_names(recipes: Sequence[Recipe]) -> None:
    """Raise ConfigError if two recipes have the same name."""
    commands = dict[str, str]()
    for recipe in recipes:
        if recipe.name in commands:
            raise ConfigError(
                f"two recipes have the name {recipe.name}: `{commands[recipe.name]}` and "
                f"`{recipe.command}`. Give only the folders of one, or train one with name=<other>"
            )
        commands[recipe.name] = recipe.command


def spread(reports: Sequence[Scores], metric: str) -> str:
    """Return mean and standard deviation of a score over runs; a dash if one run has none.

    >>> spread([{"a": 0.5}], "a"), spread([{"a": 0.4}, {"a": 0.6}], "a"), spread([{}], "a")
    ('0.5000', '0.5000 +- 0.1414', '-')
    """
    values = [scores[metric] for scores in reports if scores.get(metric) is not None]
    if len(values) < len(reports):
        return "-"
    mean, deviation = format_score(fmean(values)), stdev(values) if len(values) > 1 else 0.0
    return f"{mean} +- {format_score(deviation)}" if deviation else mean


def list_commits(reports: Iterable[Mapping[str, Any]]) -> str:
    """Return the short commits of some reports, each with a plus if files were modified.

    >>> list_commits([{"git": {"commit": "0123456789", "changed": True}}])
    '01234567+'
    """
    gits = [report["git"] for report in reports]
    commits = {str(g.get("commit", "?"))[:8] + "+" * bool(g.get("changed")) for g in gits}
    return ", ".join(sorted(commits))


def make_record(recipe: Recipe) -> RecipeRecord:
    """Return what the page states of a recipe."""
    metric = recipe.metrics[0]
    baseline, is_better = recipe.best_baseline()
    return RecipeRecord(
        name=recipe.name,
        metric=metric.removeprefix("test/"),
        score=recipe.score(metric),
        baseline=baseline,
        is_baseline_better=is_better,
        seeds=recipe.count,
        seconds=recipe.seconds,
        commits=recipe.commits,
        architecture=recipe.architecture,
        num_targets=recipe.num_targets,
        checksums=recipe.checksums,
        section=describe_recipe(recipe),
    )


def describe_recipe(recipe: Recipe) -> str:
    """Return the section of a recipe: its command, all its baselines, facts and conditions."""
    metrics = recipe.metrics
    header = ["", *(metric.removeprefix("test/") for metric in metrics)]
    rows = [["network", *map(recipe.score, metrics)]]
    for name in recipe.baselines:
        rows.append([name, *(recipe.score_of_baseline(name, metric) for metric in metrics)])
    table = markdown_table(header, rows)
    facts = f"{'; '.join(recipe.list_facts())}. {recipe.conditions}".strip()
    return f"```bash\n{recipe.command}\n```\n\n{table}\n\n{facts}"


def describe_data(data: Mapping[str, Any]) -> str:
    """Return source and name of the data of a run; of a file without its folder.

    >>> describe_data({"source": "local", "name": "/place/a.csv"})
    'data: local, a.csv'
    """
    name = Path(data["name"]).name if data["source"] == "local" else data["name"]
    return f"data: {data['source']}, {name}"


def list_hardware(report: Mapping[str, Any]) -> list[str]:
    """Return device, threads and kernel of a run."""
    device = report["device"]
    facts = [f"{device['kind']}, threads: {device['threads']}, cores: {device['cores']}"]
    kernel = report["kernel"]
    is_rounded = kernel.get("gradient_precision", "same") != "same"  # older reports have no entry
    return [*facts, f"kernel {kernel['name']}{' with gradients of bfloat16' * is_rounded}"]


def single_row(recipe: Recipe) -> str:
    """Return the row of a recipe with too few seeds."""
    metric = recipe.metrics[0]
    facts = [recipe.score(metric), recipe.best_baseline()[0], recipe.count, recipe.seconds]
    cells = [f"`{recipe.name}`", metric.removeprefix("test/"), *facts, recipe.commits]
    return f"| {' | '.join([*cells, f'`{recipe.command}`', recipe.conditions])} |"


def update_page(
    page: ResultsPage, recipes: Sequence[Recipe], studies: Sequence[EndedStudy], note: str
) -> ResultsPage:
    """Return a page with the results of some recipes and studies; others stay as they are.

    Args:
        page: the present one.
        recipes: recipes of the given folders. One with fewer seeds than the page has is left out.
        studies: studies that have run all their points.
        note: on the conditions of the studies.
    """
    accepted = [recipe for recipe in recipes if not has_more_seeds(page, recipe)]
    records = dict(page.recipes)
    rows = dict(page.rows)
    for recipe in accepted:
        if recipe.num_seeds >= MIN_SEEDS:
            records[recipe.name] = make_record(recipe)
        else:
            rows[recipe.name] = single_row(recipe)
    sections = {study.name: describe_study(study, note) for study in studies}
    single = {name: row for name, row in rows.items() if name not in records}
    return ResultsPage(records, single, {**page.studies, **sections})


def has_more_seeds(page: ResultsPage, recipe: Recipe) -> bool:
    """Return whether a page has more seeds of a recipe than are given."""
    return page.num_seeds(recipe.name) > recipe.num_seeds


def describe_study(study: EndedStudy, note: str) -> str:
    """Return the section of a study: command, answer, a table of each comparison, conditions."""
    reports = study.read_reports()
    seconds = sum(sum(report["seconds"].values()) for report in reports) / 60
    cost = f"{len(reports)} runs, {seconds:,.0f} minutes in all"
    facts = f"{cost}; commit {list_commits(reports)}. {note}".strip()
    parts = [f"```bash\n{study.command}\n```"]
    for part in study.answer["parts"]:
        parts += [f"> {part['sentence']}", level_table(part["values"])]
    notes = [f"{note}." for note in study.answer["notes"]]
    return "\n\n".join(filter(None, [*parts, *notes, facts]))


def level_table(values: Mapping[str, Any]) -> str:
    """Return the levels of one comparison of a study; empty for another part of an answer."""
    if "levels" not in values or "metric" not in values:
        return ""
    within = f"{values['within']}, " if values.get("within") else ""
    header = [f"{within}{values['metric']}", "n", "mean", "verdict", "best baseline", "run, s"]
    return markdown_table(header, map(level_row, values["levels"]))


def level_row(level: Mapping[str, Any]) -> list[str]:
    """Return the cells of one level."""
    mean, deviation = format_score(level["mean"]), format_score(level["spread"])
    verdict = "best mean" if level["p"] is None else f"{level['verdict']}, {format_p(level['p'])}"
    baseline = f"{level['baseline']} {format_score(level['baseline_score'])}"
    return [
        *(level["configuration"], str(level["n"]), f"{mean} +- {deviation}", verdict),
        *(baseline if level["baseline"] else "-", f"{level['seconds']:,.1f}"),
    ]


def example_output(folders: Sequence[Path]) -> str | None:
    """Return the final output of the latest `make run` as a code block."""
    paths = [path for folder in folders for path in folder.rglob(f"{EXAMPLE}/*/report.json")]
    runs = [RunFolder(path.parent) for path in sorted(paths, key=lambda path: path.parent.name)]
    complete = [run for run in runs if run.read_report()["status"] == "finished"]
    if not complete:
        return None
    run = complete[-1]
    console = PlainConsole(file=io.StringIO(), width=88)
    printed_folder = RunFolder(Path("outputs", EXAMPLE, run.path.name))
    print_results(run.read_report(), printed_folder, console)
    print_next(next_command(run).replace(str(run.path), str(printed_folder.path)), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def insert(text: str, mark: str, content: str) -> str:
    """Replace the text between `<!-- mark -->` and `<!-- end of mark -->`."""
    begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n\n{content}\n\n{end}{rest.partition(end)[2]}"


def write_example(folders: Sequence[Path]) -> None:
    """Update the example output in the README from the latest `make run`."""
    if example := example_output(folders):
        text = insert(README.read_text(encoding="utf-8"), "example", example)
        README.write_text(text, encoding="utf-8")


def write_results(page: ResultsPage) -> None:
    """Write docs/RESULTS.md and the table of the README.

    Raises:
        ConfigError: two recipes belong into one cell of the table.
    """
    content = f"{readme_table(page.recipes.values())}\n\n{README_NOTE}"
    PAGE.write_text(write_page(page), encoding="utf-8")
    README.write_text(insert(README.read_text(encoding="utf-8"), "results", content), "utf-8")


def main() -> None:
    """Read the runs and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folders", type=Path, nargs="+", help="of runs and searches, as outputs")
    parser.add_argument("--note", default="", help="on the conditions of these runs")
    parser.add_argument(
        "--example-only", action="store_true", help="update only the example output in the README"
    )
    options = parser.parse_args()
    if options.example_only:
        write_example(options.folders)
        return
    try:
        runs, notes = find_tested_runs(options.folders, options.note)
        records = recorded_runs.read_records(RECORDS)
        earlier, others = recorded_runs.earlier_seeds(records, runs)
        recipes, repeats = make_recipes([*earlier, *runs])
        studies = find_studies(options.folders)
        previous = read_page(PAGE.read_text(encoding="utf-8"))
        page = update_page(previous, recipes, studies, options.note)
        write_results(page)
        recorded_runs.write_records(RECORDS, recorded_runs.merge(records, runs))
    except ConfigError as error:
        raise SystemExit(str(error)) from None
    for message in [*notes, *others, *repeats, *list_incomplete(previous, recipes)]:
        print(message)
    print(
        f"docs/RESULTS.md, README.md: {len(page.recipes)} recipes with {MIN_SEEDS} or more seeds, "
        f"{len(page.rows)} with fewer, {len(page.studies)} studies"
    )


def list_incomplete(page: ResultsPage, recipes: Sequence[Recipe]) -> list[str]:
    """Return a message for each recipe whose seeds are too few for the table of the README."""
    messages = []
    for recipe in recipes:
        if has_more_seeds(page, recipe):
            messages.append(
                f"{recipe.name}: has {recipe.num_seeds} seeds, and docs/RESULTS.md has the results "
                f"of {page.num_seeds(recipe.name)}, which stay; train it with more values "
                f"of seed: {recipe.command}"
            )
        elif recipe.num_seeds < MIN_SEEDS:
            messages.append(
                f"{recipe.name}: has {recipe.num_seeds} of {MIN_SEEDS} seeds, so it is not in the "
                f"table of the README; train it with other values of seed: {recipe.command}"
            )
    return messages


if __name__ == "__main__":
    main()
