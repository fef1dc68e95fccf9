"""docs/RESULTS.md is read and written without a change; the table of the README follows from it."""

from dataclasses import replace

import pytest
from benchmarks.results import PAGE, README, README_NOTE, insert
from benchmarks.results_page import (
    RecipeRecord,
    ResultsPage,
    read_page,
    readme_table,
    write_page,
)

from rnnlab.errors import ConfigError


def record(name: str = "sine-gru", architecture: str = "gru", **changes: object) -> RecipeRecord:
    """Return the record of a recipe whose network is better than its baseline."""
    example = RecipeRecord(
        **{"name": name, "metric": "mse", "score": "0.4000 +- 0.0100", "baseline": "ridge 0.5000"},
        **{"is_baseline_better": False, "seeds": "3", "seconds": "1,234", "commits": "abc+, def"},
        **{"architecture": architecture, "num_targets": "2,785", "checksums": "", "section": ""},
    )
    return with_section(replace(example, **changes))


def with_section(example: RecipeRecord) -> RecipeRecord:
    """Return a record whose section has its facts."""
    checksums = f" (sha256 {example.checksums})" if example.checksums else ""
    facts = (
        f"{example.num_targets} test targets{checksums}; data: local, a;b.csv; model: "
        f"{example.architecture}, 1,234 parameters; cpu, threads: 1, cores: 2; kernel native."
    )
    command = "```bash\npython train.py -m data=sine seed=0,1,2\n```"
    table = "|  | mse |\n| --- | --- |\n| network | 0.4 |"
    return replace(example, section=f"{command}\n\n{table}\n\n{facts} Beside other work.")


def rows_of(*recipes: RecipeRecord) -> list[str]:
    return readme_table(recipes).splitlines()[2:]


STUDY = (
    "```bash\npython sweep.py sweep=a\n```\n\n> A wins.\n\n| mse | n |\n| --- | --- |\n\n3 runs."
)
SINGLE = "| `a-rnn` | mse | 0.3 | - | 1 | 9 | abc | `python train.py` | not recorded |"


def test_a_row_has_the_name_without_the_architecture() -> None:
    for name, architecture, label in (
        ("sine-gru", "gru", "sine"),
        ("de-en-bilstm-no-attention", "bilstm", "de-en-no-attention"),
        ("ett-96-segment-gru", "segment_gru", "ett-96"),
        ("grunge", "gru", "grunge"),
    ):
        assert record(name, architecture).label == label


@pytest.mark.parametrize(
    "page",
    [
        ResultsPage({}, {}, {}),
        ResultsPage({}, {"a-rnn": SINGLE, "old": "| `old` | mse | 0.3 |"}, {}),
        ResultsPage({}, {}, {"study_a-small": STUDY, "study_b": STUDY}),
        ResultsPage(
            {
                name: record(name, architecture, **changes)
                for name, architecture, changes in [
                    ("a-gru", "gru", {"baseline": "-"}),
                    ("b-segment-gru", "segment_gru", {"is_baseline_better": True}),
                    ("c d", "lstm", {"checksums": "01234567, 89abcdef", "num_targets": "7"}),
                    ("e", "rnn", {"seeds": "3 x 5 folds, 14 runs", "baseline": "linear -"}),
                ]
            },
            {"a-rnn": SINGLE},
            {"study_a-small": STUDY},
        ),
    ],
)
def test_a_page_that_is_written_and_read_is_the_same(page: ResultsPage) -> None:
    assert read_page(write_page(page)) == page
    assert write_page(read_page(write_page(page))) == write_page(page)
    assert ("Fewer than three seeds" in write_page(page)) == bool(page.rows)


def test_the_page_of_the_repository_is_what_is_written_from_its_own_content() -> None:
    text = PAGE.read_text(encoding="utf-8")
    page = read_page(text)
    assert write_page(page) == text
    assert text.count("\n### ") == len(page.recipes) + len(page.studies) > 0


def test_the_table_of_the_readme_is_that_of_the_page_of_the_repository() -> None:
    page = read_page(PAGE.read_text(encoding="utf-8"))
    readme = README.read_text(encoding="utf-8")
    table = readme_table(page.recipes.values())
    assert insert(readme, "results", f"{table}\n\n{README_NOTE}") == readme


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("| `sine-gru` |", "| sine-gru |"),  # no row
        ("### sine-gru", "#### sine-gru"),  # no section
        ("### sine-gru", "### sine-rnn"),
        ("| 1,234 |", "|"),  # too few cells
        (" test targets", " targets"),
        ("model: gru, ", ""),
    ],
)
def test_a_page_that_cannot_be_kept_is_an_error_that_names_the_recipe(old: str, new: str) -> None:
    text = write_page(ResultsPage({"sine-gru": record()}, {}, {}))
    assert old in text
    with pytest.raises(ConfigError, match=r"docs/RESULTS\.md: .*sine-gru.* Restore the page"):
        read_page(text.replace(old, new))


def test_a_cell_joins_its_row_and_the_columns_grow() -> None:
    recipes = [record(), record("sine-rnn", "rnn", score="0.3"), record("a-lstm", "lstm")]
    assert readme_table(recipes).splitlines() == [
        "| data | metric | test targets | `rnn` | `gru` | `lstm` | best baseline |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| a | mse | 2,785 |  |  | 0.4000 +- 0.0100 | ridge 0.5000 |",
        "| sine | mse | 2,785 | 0.3 | 0.4000 +- 0.0100 |  | ridge 0.5000 |",
    ]
    recipes.append(record("sine-attention-gru", "attention_gru", score="0.2"))
    assert "| `lstm` | `attention_gru` | best baseline |" in readme_table(recipes)
    assert rows_of(*recipes)[1] == (
        "| sine | mse | 2,785 | 0.3 | 0.4000 +- 0.0100 |  | 0.2 | ridge 0.5000 |"
    )


BETTER = {"score": "0.6000", "is_baseline_better": True}


@pytest.mark.parametrize(
    ("first", "second", "baseline"),
    [
        (BETTER, BETTER, "**ridge 0.5000**"),
        (BETTER, {}, "ridge 0.5000"),
        ({}, BETTER, "ridge 0.5000"),
        # equal as rounded, but better by the exact means of its recipe
        (BETTER, {"score": "0.5000", "is_baseline_better": True}, "**ridge 0.5000**"),
        (BETTER, {"score": "0.5000"}, "ridge 0.5000"),
        # the second recipe has another baseline, which is the best one of the row
        (BETTER, {"score": "0.4500", "baseline": "naive 0.4600"}, "naive 0.4600"),
        ({"score": "0.4500"}, {**BETTER, "baseline": "naive 0.4400"}, "**naive 0.4400**"),
        ({"baseline": "-"}, {**BETTER, "baseline": "naive 0.3"}, "**naive 0.3**"),
        ({"baseline": "-"}, {"baseline": "-"}, "-"),
        ({"baseline": "linear -"}, {"baseline": "-"}, "linear -"),
    ],
)
def test_a_baseline_is_bold_if_it_is_better_than_every_network_of_its_row(
    first: dict[str, object], second: dict[str, object], baseline: str
) -> None:
    recipes = [record("sine-gru", "gru", **first), record("sine-lstm", "lstm", **second)]
    (row,) = rows_of(*recipes)
    assert row.endswith(f"| {baseline} |")


def test_of_an_accuracy_the_higher_baseline_is_the_better_one() -> None:
    first = record(metric="accuracy", score="0.6", baseline="linear 0.5000")
    second = record("sine-rnn", "rnn", metric="accuracy", score="0.3", baseline="linear 0.7000")
    assert rows_of(first, second) == [
        "| sine | accuracy | 2,785 | 0.3 | 0.6 | **linear 0.7000** |",
    ]


def test_recipes_of_another_number_of_targets_have_a_row_that_shows_it() -> None:
    rows = rows_of(record("ett-gru", num_targets="19,495"), record("ett-rnn", "rnn"))
    assert [row.split(" | ")[:3] for row in rows] == [
        ["| ett", "mse", "2,785"],
        ["| ett", "mse", "19,495"],
    ]


@pytest.mark.parametrize(
    ("checksums", "num_rows"),
    [
        (("", "", ""), 1),
        (("a", "a", "a"), 1),
        (("a", "a", ""), 1),  # of a recipe of an older page
        (("a", "b", "b"), 2),
        (("a", "b", ""), 3),  # it may belong to either row
    ],
)
def test_checksums_of_targets_separate_rows_where_they_are_known(
    checksums: tuple[str, ...], num_rows: int
) -> None:
    names = ("rnn", "gru", "lstm")
    recipes = [
        record(f"sine-{name}", name, checksums=checksum)
        for name, checksum in zip(names, checksums, strict=True)
    ]
    assert len(rows_of(*recipes)) == num_rows


def test_two_recipes_of_one_cell_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^sine and sine-gru belong into one cell.*name=<other>"):
        rows_of(record("sine", "gru"), record("sine-gru", "gru"))
