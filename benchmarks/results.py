"""Write docs/RESULTS.md and the table of the README from finished runs and studies.

    python train.py -m data=sine model=rnn,gru,lstm seed=0,1,2
    python train.py -m experiment=ett_96 data.path=<folder with ETTh1.csv> seed=0,1,2
    python sweep.py sweep=study_gru_lstm budget=small
    python -m benchmarks.results outputs

Runs that differ only in their seeds or folds are the seeds of one recipe. Recipes with three or
more of them are in the README. Those with fewer are in a table of their own, which keeps its rows
until the recipe has three. The commands come from the settings in the folders of the runs.
"""

import argparse
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from benchmarks.commands import find_architecture, train_command
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
EXAMPLE = "imdb-gru"  # the run whose output is on the first screen of the README
MIN_SEEDS = 3  # of a recipe whose spread is known

MAIN = ("test/noise_ratio", "test/bleu")  # headline metrics, if they are not the monitored metric
BESIDE = ("test/f1", "test/mcc", "test/mae", "test/chrf")

SINGLE = "fewer seeds"  # mark of the table whose rows are kept
SINGLE_ROW = re.compile(r"^\| `([^`]+)` \|.*$", re.MULTILINE)

HEADER = ("recipe", "metric", "network", "best baseline", "seeds", "fit, s", "commit")

PAGE_NOTE = (
    "`python -m benchmarks.results <folders of runs>` writes this page from the reports of the "
    "runs. Scores are of the test split, mean +- standard deviation over seeds (and folds). Bold "
    "is the better mean of the network and its best baseline; this is no test."
)
SINGLE_NOTE = (
    "Nothing is known about the spread of these scores. A row stays as it is until its recipe is "
    "trained with three seeds; the command is that of its commit."
)
STUDY_NOTE = "[studies.md](studies.md) explains what these answers hold for."
README_NOTE = (
    "Test scores, mean +- standard deviation over at least three seeds; a bold baseline is better "
    "than every network of its row. Commands, all baselines, seconds and commits are in "
    "[docs/RESULTS.md](docs/RESULTS.md), with recipes that were trained once."
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

    def label(self) -> str:
        """Name without the architecture: what the recipes of a row of the README share."""
        return self.name.removesuffix("-" + self.architecture.replace("_", "-"))

    def targets(self) -> tuple[str, ...]:
        """Checksums of the test targets: scores of others are not comparable."""
        return tuple(sorted({str(run.report.get("targets_sha256")) for run in self.runs}))


def find_recipes(folders: Sequence[Path]) -> tuple[list[Recipe], list[str]]:
    """Return the recipes of finished, tested runs below some folders, and notes on others.

    The trials of searches are no recipes.

    Raises:
        ConfigError: there is no run, or no command of this commit has the settings of a run.
    """
    runs, notes = find_runs([str(folder) for folder in folders])
    groups, repeats = group_runs([run for run in runs if is_recipe(run)])
    recipes = [
        Recipe(group, train_command(list(group.runs.values())), find_architecture(group.first))
        for group in groups
    ]
    check_names(recipes)
    return sorted(recipes, key=lambda recipe: recipe.name), [*notes, *repeats]


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


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def overview(recipes: Sequence[Recipe]) -> str:
    """Return the table of all recipes: the better one of network and best baseline is bold."""
    rows = []
    for recipe in recipes:
        baseline, is_better = recipe.best_baseline()
        score = recipe.score(recipe.metrics[0])
        pair = [score, f"**{baseline}**"] if is_better else [f"**{score}**", baseline]
        metric = recipe.metrics[0].removeprefix("test/")
        facts = [recipe.count, recipe.seconds, recipe.commits]
        rows.append([f"`{recipe.name}`", metric, *pair, *facts])
    return markdown_table(HEADER, rows)


def describe_recipe(recipe: Recipe) -> str:
    """Return the section of a recipe: its command, all its baselines and facts."""
    first = recipe.group.first.report
    metrics = recipe.metrics
    header = ["", *(metric.removeprefix("test/") for metric in metrics)]
    rows = [["network", *map(recipe.score, metrics)]]
    for name in recipe.baselines:
        rows.append([name, *(recipe.score_of_baseline(name, metric) for metric in metrics)])
    facts = [
        f"{first['evaluated_targets']['test']:,} test targets",
        describe_data(first["data"]),
        f"{first['model']['parameters']:,} parameters",
        *list_hardware(first),
    ]
    command = f"```bash\n{recipe.command}\n```"
    table = markdown_table(header, rows)
    return f"### {recipe.name}\n\n{command}\n\n{table}\n\n{'; '.join(facts)}.\n"


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


def single_rows(recipes: Sequence[Recipe]) -> dict[str, str]:
    """Return name -> row of recipes with too few seeds."""
    rows = {}
    for recipe in recipes:
        metric = recipe.metrics[0]
        facts = [recipe.score(metric), recipe.best_baseline()[0], recipe.count, recipe.seconds]
        cells = [f"`{recipe.name}`", metric.removeprefix("test/"), *facts, recipe.commits]
        rows[recipe.name] = f"| {' | '.join([*cells, f'`{recipe.command}`'])} |"
    return rows


def keep_rows(page: str, recipes: Sequence[Recipe]) -> dict[str, str]:
    """Return the rows with fewer seeds: those of some recipes, and old ones of no recipe."""
    section = page.partition(f"<!-- {SINGLE} -->")[2].partition(f"<!-- end of {SINGLE} -->")[0]
    rows = {match[1]: match[0] for match in SINGLE_ROW.finditer(section)}
    rows |= single_rows([recipe for recipe in recipes if recipe.num_seeds < MIN_SEEDS])
    complete = {recipe.name for recipe in recipes if recipe.num_seeds >= MIN_SEEDS}
    return {name: rows[name] for name in sorted(rows) if name not in complete}


def write_page(
    page: str, recipes: Sequence[Recipe], studies: Sequence[EndedStudy], note: str
) -> str:
    """Return the new docs/RESULTS.md.

    Args:
        page: the present one.
        recipes: all recipes.
        studies: studies that have run all their points.
        note: on the conditions of the runs.
    """
    complete = [recipe for recipe in recipes if recipe.num_seeds >= MIN_SEEDS]
    rows = keep_rows(page, recipes)
    header = [
        "recipe",
        "metric",
        "network",
        "best baseline",
        "seeds",
        "fit, s",
        "commit",
        "command",
    ]
    single = "\n".join([markdown_table(header, []), *rows.values()])
    parts = [
        "# Results",
        f"{PAGE_NOTE} {note}".strip(),
        *([overview(complete), "## Recipes", *map(describe_recipe, complete)] if complete else []),
        "## Fewer than three seeds",
        SINGLE_NOTE,
        f"<!-- {SINGLE} -->\n{single}\n<!-- end of {SINGLE} -->",
        *(["## Studies", STUDY_NOTE, *map(describe_study, studies)] if studies else []),
    ]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def describe_study(study: EndedStudy) -> str:
    """Return the section of a study: command, answer, and a table of each comparison."""
    reports = study.read_reports()
    seconds = sum(sum(report["seconds"].values()) for report in reports) / 60
    facts = f"{len(reports)} runs, {seconds:,.0f} minutes in all; commit {list_commits(reports)}."
    parts = [f"### {study.name}", f"```bash\n{study.command}\n```"]
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


def readme_table(recipes: Sequence[Recipe]) -> str:
    """Return a row for each data set, with architectures as columns and the best baseline."""
    complete = [recipe for recipe in recipes if recipe.num_seeds >= MIN_SEEDS]
    names = sorted({recipe.architecture for recipe in complete}, key=order_of)
    rows = defaultdict[tuple[Any, ...], dict[str, Recipe]](dict)
    for recipe in complete:
        rows[recipe.label(), recipe.metrics[0], recipe.targets()][recipe.architecture] = recipe
    lines = [readme_row(members, names) for _, members in sorted(rows.items())]
    return markdown_table(["data", "metric", *(f"`{n}`" for n in names), "best baseline"], lines)


def readme_row(members: Mapping[str, Recipe], names: Sequence[str]) -> list[str]:
    """Return the cells of the networks that were tested on the same targets."""
    first = next(iter(members.values()))
    metric = first.metrics[0]
    scores = [members[name].score(metric) if name in members else "" for name in names]
    pairs = [recipe.best_baseline() for recipe in members.values()]
    baseline = pairs[0][0]
    cell = f"**{baseline}**" if all(is_better for _, is_better in pairs) else baseline
    return [first.label(), metric.removeprefix("test/"), *scores, cell]


def order_of(architecture: str) -> tuple[int, str]:
    """Return the position of a column: basic cells first."""
    order = ("rnn", "gru", "lstm")
    return (order.index(architecture) if architecture in order else len(order)), architecture


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
    readme = ROOT / "README.md"
    if example := example_output(folders):
        text = insert(readme.read_text(encoding="utf-8"), "example", example)
        readme.write_text(text, encoding="utf-8")


def write_results(recipes: Sequence[Recipe], studies: Sequence[EndedStudy], note: str) -> None:
    """Write docs/RESULTS.md and the table of the README."""
    page = ROOT / "docs" / "RESULTS.md"
    page.write_text(write_page(page.read_text(encoding="utf-8"), recipes, studies, note), "utf-8")
    readme = ROOT / "README.md"
    content = f"{readme_table(recipes)}\n\n{README_NOTE} {note}".strip()
    readme.write_text(insert(readme.read_text(encoding="utf-8"), "results", content), "utf-8")


def main() -> None:
    """Read the runs and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folders", type=Path, nargs="+", help="of runs and searches, as outputs")
    parser.add_argument("--note", default="", help="on the conditions of the runs, for both pages")
    parser.add_argument(
        "--example-only", action="store_true", help="update only the example output in the README"
    )
    options = parser.parse_args()
    if options.example_only:
        write_example(options.folders)
        return
    try:
        recipes, notes = find_recipes(options.folders)
        studies = find_studies(options.folders)
    except ConfigError as error:
        raise SystemExit(str(error)) from None
    write_results(recipes, studies, options.note)
    for note in [*notes, *few_seeds(recipes)]:
        print(note)
    print(f"docs/RESULTS.md, README.md: {len(recipes)} recipes, {len(studies)} studies")


def few_seeds(recipes: Sequence[Recipe]) -> list[str]:
    """Return a message for each recipe whose spread is not known."""
    return [
        f"{recipe.name}: has {recipe.num_seeds} of {MIN_SEEDS} seeds, so it is not in the table of "
        f"the README; train it with other values of seed: {recipe.command}"
        for recipe in recipes
        if recipe.num_seeds < MIN_SEEDS
    ]


if __name__ == "__main__":
    main()
