"""Content of docs/RESULTS.md: what the page states of recipes and studies, read and written.

The folders of earlier runs may be gone, so the page itself is the record of their results. A page
that is read and written again is the same. The table of the README follows from the same records.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rnnlab.errors import ConfigError
from rnnlab.metrics.directions import HIGHER_IS_BETTER

SINGLE = "fewer seeds"  # mark of the table of recipes with fewer than three seeds
STUDIES = "## Studies"
ROW = re.compile(r"^\| `([^`]+)` \|.*$", re.MULTILINE)
SECTION = re.compile(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
FACTS = re.compile(
    r"^([\d,]+) test targets(?: \(sha256 ([^)]+)\))?; .*; model: ([^,;]+), [\d,]+ parameters;",
    re.MULTILINE,
)

HEADER = ("recipe", "metric", "network", "best baseline", "seeds", "fit, s", "commit")
SINGLE_HEADER = (*HEADER, "command", "conditions")

PAGE_NOTE = (
    "`python -m benchmarks.results <folders of runs>` writes this page from the reports of the "
    "runs. Recipes and studies that are not in these folders stay as they are; further seeds are "
    "added to those in benchmarks/recorded_runs.jsonl. Scores are of the test split, mean +- "
    "standard deviation over seeds (and folds). Bold is the better mean of the network and its "
    "best baseline; this is no test. Each section ends with the conditions of its runs, if they "
    "were noted."
)
SINGLE_NOTE = (
    "Nothing is known about the spread of these scores. A row stays as it is until its recipe is "
    "trained with three seeds; the command is that of its commit."
)
STUDY_NOTE = "[studies.md](studies.md) explains what these answers hold for."


@dataclass(frozen=True)
class RecipeRecord:
    """What the page states of a recipe with three or more seeds, as text.

    Attributes:
        name: of the runs.
        metric: headline metric, without `test/`.
        score: mean and spread of the network.
        baseline: name and score of the best baseline; a dash without one.
        is_baseline_better: whether its mean is better than that of the network.
        seeds: number of seeds, with that of folds.
        seconds: median of the seconds of the fit.
        commits: of the runs.
        architecture: choice of `model`.
        num_targets: number of test targets.
        checksums: of the test targets, shortened; empty if they are not known.
        section: text below its heading.
    """

    name: str
    metric: str
    score: str
    baseline: str
    is_baseline_better: bool
    seeds: str
    seconds: str
    commits: str
    architecture: str
    num_targets: str
    checksums: str
    section: str

    @property
    def label(self) -> str:
        """Name without the architecture: what the recipes of a row of the README share."""
        words = f"{self.name}-".replace(f"-{self.architecture.replace('_', '-')}-", "-")
        return words.removesuffix("-")

    @property
    def num_seeds(self) -> int:
        """Number of seeds; folds are no seeds."""
        return int(self.seeds.split()[0])


@dataclass(frozen=True)
class ResultsPage:
    """Content of docs/RESULTS.md.

    Attributes:
        recipes: name -> record of a recipe with three or more seeds.
        rows: name -> line of the table of recipes with fewer seeds.
        studies: name -> text below the heading of a study.
    """

    recipes: Mapping[str, RecipeRecord]
    rows: Mapping[str, str]
    studies: Mapping[str, str]

    def num_seeds(self, name: str) -> int:
        """Return the number of seeds that the page has of a recipe; 0 for one that it has not."""
        if name in self.recipes:
            return self.recipes[name].num_seeds
        cells = self.rows.get(name, "").split("|")[1:]  # none before the first bar
        return int(cells[HEADER.index("seeds")].split()[0]) if cells else 0


def read_page(text: str) -> ResultsPage:
    """Return the content of a page.

    Raises:
        ConfigError: a recipe has a row but no section, or the reverse, or one of them is not as
            write_page writes it.
    """
    recipes, _, studies = text.partition(f"\n{STUDIES}\n")
    before, _, after = recipes.partition(f"<!-- {SINGLE} -->")
    rows = read_rows(before.partition("\n## ")[0])
    sections = read_sections(recipes)
    if names := sorted(rows.keys() ^ sections.keys()):
        raise ConfigError(
            f"docs/RESULTS.md: {names[0]} must have a row in the first table and a section "
            f"`### {names[0]}`, but has only one of them. Restore the page with git"
        )
    return ResultsPage(
        {name: read_record(name, row, sections[name]) for name, row in rows.items()},
        read_rows(after.partition(f"<!-- end of {SINGLE} -->")[0]),
        read_sections(studies),
    )


def read_rows(text: str) -> dict[str, str]:
    r"""Return name -> line of the rows of recipes in a text.

    >>> read_rows("| recipe | metric |\n| --- | --- |\n| `a` | mse |\n")
    {'a': '| `a` | mse |'}
    """
    return {match[1]: match[0] for match in ROW.finditer(text)}


def read_sections(text: str) -> dict[str, str]:
    r"""Return heading -> text of the sections of the third level.

    >>> read_sections("### a\n\nText.\n\n### b\n\nMore.\n")
    {'a': 'Text.', 'b': 'More.'}
    """
    return {match[1]: match[2].strip("\n") for match in SECTION.finditer(text)}


def read_record(name: str, row: str, section: str) -> RecipeRecord:
    """Return the record of a recipe from its row in the overview and its section.

    Raises:
        ConfigError: the row or the section is not as write_page writes it.
    """
    cells = [cell.strip() for cell in row.strip().strip("|").split("|")]
    facts = FACTS.search(section)
    if len(cells) != len(HEADER) or facts is None:
        raise ConfigError(
            f"docs/RESULTS.md: the row of {name} must have {len(HEADER)} cells, and its section a "
            "line `<number> test targets; data: ...; model: <name>, <number> parameters; ...`. "
            "Restore the page with git"
        )
    _, metric, score, baseline, seeds, seconds, commits = cells
    return RecipeRecord(
        name=name,
        metric=metric,
        score=score.strip("*"),
        baseline=baseline.strip("*"),
        is_baseline_better=baseline.startswith("**"),
        seeds=seeds,
        seconds=seconds,
        commits=commits,
        architecture=facts[3],
        num_targets=facts[1],
        checksums=facts[2] or "",
        section=section,
    )


def write_page(page: ResultsPage) -> str:
    """Return the text of a page, sorted by name."""
    recipes = [page.recipes[name] for name in sorted(page.recipes)]
    sections = {record.name: record.section for record in recipes}
    parts = [
        *("# Results", PAGE_NOTE),
        *([write_overview(recipes), "## Recipes", *write_sections(sections)] if recipes else []),
        *(["## Fewer than three seeds", SINGLE_NOTE, write_rows(page.rows)] if page.rows else []),
        *([STUDIES, STUDY_NOTE, *write_sections(page.studies)] if page.studies else []),
    ]
    return "\n\n".join(parts) + "\n"


def write_rows(rows: Mapping[str, str]) -> str:
    """Return the table of recipes with fewer seeds between its marks, sorted by name."""
    lines = [markdown_table(SINGLE_HEADER, []), *(rows[name] for name in sorted(rows))]
    return "\n".join([f"<!-- {SINGLE} -->", *lines, f"<!-- end of {SINGLE} -->"])


def write_sections(sections: Mapping[str, str]) -> list[str]:
    """Return sections with their headings, sorted by name."""
    return [f"### {name}\n\n{sections[name]}" for name in sorted(sections)]


def write_overview(recipes: Iterable[RecipeRecord]) -> str:
    """Return the table of all recipes: the better one of network and best baseline is bold."""
    rows = []
    for record in recipes:
        score, baseline = record.score, record.baseline
        pair = (
            [score, f"**{baseline}**"] if record.is_baseline_better else [f"**{score}**", baseline]
        )
        facts = [record.seeds, record.seconds, record.commits]
        rows.append([f"`{record.name}`", record.metric, *pair, *facts])
    return markdown_table(HEADER, rows)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def readme_table(recipes: Iterable[RecipeRecord]) -> str:
    """Return a row for each test set, with architectures as columns and the best baseline.

    Raises:
        ConfigError: two recipes belong into one cell.
    """
    rows = [members for group in group_tests(recipes) for members in split_targets(group)]
    architectures = sorted({name for members in rows for name in members}, key=order_of)
    columns = [f"`{name}`" for name in architectures]
    header = ["data", "metric", "test targets", *columns, "best baseline"]
    return markdown_table(header, [readme_row(members, architectures) for members in rows])


def group_tests(recipes: Iterable[RecipeRecord]) -> list[list[RecipeRecord]]:
    """Return the recipes of one label, metric and number of test targets, in this order."""
    groups = defaultdict[tuple[str, str, int], list[RecipeRecord]](list)
    for record in sorted(recipes, key=lambda record: record.name):
        num_targets = int(record.num_targets.replace(",", ""))
        groups[record.label, record.metric, num_targets].append(record)
    return [groups[key] for key in sorted(groups)]


def split_targets(group: Sequence[RecipeRecord]) -> list[dict[str, RecipeRecord]]:
    """Return the rows of a group, each as architecture -> recipe.

    Scores of targets with other checksums are not comparable. A recipe whose checksums are not
    known is in the row of the others, except if these have several.
    """
    is_one = len({record.checksums for record in group if record.checksums}) <= 1
    rows = defaultdict[str, dict[str, RecipeRecord]](dict)
    for record in group:
        row = rows["" if is_one else record.checksums]
        if other := row.get(record.architecture):
            raise ConfigError(
                f"{other.name} and {record.name} belong into one cell of the table of the README: "
                f"both are `{record.architecture}` on {record.label}. Train one with name=<other>"
            )
        row[record.architecture] = record
    return [rows[checksums] for checksums in sorted(rows)]


def readme_row(members: Mapping[str, RecipeRecord], architectures: Sequence[str]) -> list[str]:
    """Return the cells of the networks that were tested on the same targets."""
    first = next(iter(members.values()))
    scores = [members[name].score if name in members else "" for name in architectures]
    return [
        *(first.label, first.metric, first.num_targets, *scores),
        readme_baseline(list(members.values())),
    ]


def readme_baseline(members: Sequence[RecipeRecord]) -> str:
    """Return the best baseline of a row; bold if it is better than every network.

    The means are those of the page, which are rounded. Where a baseline is better than the network
    of its own recipe, the page says so from the exact means.
    """
    best = max(members, key=lambda record: goodness(record.metric, record.baseline))
    is_better = all(
        record.is_baseline_better
        or goodness(record.metric, best.baseline) > goodness(record.metric, record.score)
        for record in members
    )
    return f"**{best.baseline}**" if is_better else best.baseline


def goodness(metric: str, text: str) -> float:
    """Return the mean in a cell, as a number that is higher for a better score.

    >>> goodness("accuracy", "linear 0.9882 +- 0.0036"), goodness("mse", "1.5000")
    (0.9882, -1.5)
    >>> goodness("mse", "-")  # without a baseline
    -inf
    """
    word = text.partition(" +- ")[0].split()[-1]
    value = float(word) if word != "-" else math.nan
    if math.isnan(value):
        return -math.inf
    return value if metric in HIGHER_IS_BETTER else -value


def order_of(architecture: str) -> tuple[int, str]:
    """Return the position of a column: basic cells first."""
    order = ("rnn", "gru", "lstm")
    return (order.index(architecture) if architecture in order else len(order)), architecture
