"""Describe a data set: sizes, statistics, examples and figures, without training.

    rnnlab describe imdb
    rnnlab describe imdb data.path=reviews.csv data.label_column=stars
    rnnlab describe sine output_dir=elsewhere
    rnnlab describe --config-dir my_conf my_data
    rnnlab describe imdb --json

The arguments after the name are overrides, as for `rnnlab train`. Sizes, statistics and examples
are printed; figures and description.json are written to outputs/data/<name>.
`python -m rnnlab.data <name>` runs the same code.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.commands import run_program
from rnnlab.config.command_line import NO_FLAGS, split_flags
from rnnlab.config.compose import compose
from rnnlab.config.paths import list_choices, split_config_dir
from rnnlab.documents.output import publish
from rnnlab.errors import ConfigError, Problem, did_you_mean, nearest_names

if TYPE_CHECKING:
    from rnnlab.data.base import DataModule
    from rnnlab.data.description import Description


def main(arguments: Sequence[str]) -> None:
    """Prepare a data set and describe it."""
    conf, rest = split_config_dir(arguments)
    if not rest or {"-h", "--help"} & set(rest):
        print(f"{__doc__}\nData sets: {', '.join(list_choices(conf, 'data'))}")
        return
    name, plain = read_settings(conf, rest)
    data = build_data_set(plain)
    data.prepare_data()
    data.setup("fit")
    write_description(name, data.describe(), Path(plain["output_dir"]) / "data" / name)


def read_settings(conf: Path, arguments: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return the name of the data set and the configuration that training would have."""
    name = arguments[0].removeprefix("data=")
    _, overrides = split_flags(conf, arguments[1:], NO_FLAGS)
    if name not in (names := list_choices(conf, "data")):
        message = f"data={name}: {did_you_mean(name, names)}"
        raise ConfigError(Problem(message, "data", name, names, nearest_names(name, names)))
    return name, compose(conf, [f"data={name}", f"name={name}", *overrides])


def build_data_set(plain: dict[str, Any]) -> "DataModule":
    """Build the data set; it reads nothing yet."""
    from rnnlab.config.schema import parse
    from rnnlab.experiment.checks import check_early

    check_early(plain)
    config = parse(plain)

    from rnnlab.experiment.build import build_data, quiet_libraries

    quiet_libraries()
    return build_data(config)


def write_description(name: str, description: "Description", folder: Path) -> None:
    """Print a description, and write its figures and numbers to a folder."""
    from rnnlab.plots.figures import caption
    from rnnlab.report.data_console import print_description
    from rnnlab.runtime.files import write_json

    facts = description.to_dict()
    folder.mkdir(parents=True, exist_ok=True)
    with caption(f"data set {name}"):
        figures = draw_description(description, folder)
    files = [*figures, write_json(folder / "description.json", facts)]
    print_description(name, facts, files)
    publish({"name": name, "folder": folder.absolute(), "files": files, "description": facts})


def draw_description(description: "Description", folder: Path) -> list[Path]:
    """Draw the figures for data of this kind."""
    from rnnlab.plots import data as data_plots

    splits, files = description.splits, []
    if any(facts.lengths.min() < facts.lengths.max() for facts in splits.values()):
        files.append(draw_lengths(description, folder))
    if classes := {s: f.classes for s, f in splits.items() if f.classes is not None}:
        class_names, file = description.class_names(), folder / "classes.png"
        files.append(data_plots.draw_class_balance(classes, class_names, file))
    if not description.spec.num_tokens:
        return files + draw_numbers(description, folder)
    tokens = {s: f.tokens for s, f in splits.items() if f.tokens is not None}
    names = description.input_names
    return [*files, data_plots.draw_token_ranks(tokens, names, 2, folder / "tokens.png")]


def draw_lengths(description: "Description", folder: Path) -> Path:
    """Draw the lengths, and the padding of the batches."""
    from rnnlab.plots.data import LengthSummary, draw_length_histograms

    summaries = {
        split: LengthSummary(f.lengths, f.original_lengths, f.efficiency, f.random_efficiency)
        for split, f in description.splits.items()
    }
    return draw_length_histograms(summaries, folder / "lengths.png")


def draw_numbers(description: "Description", folder: Path) -> list[Path]:
    """Draw some examples, and the range of each variable."""
    from rnnlab.plots import data as data_plots

    names = description.feature_names()
    ranges = {split: facts.inputs for split, facts in description.splits.items()}
    files = [data_plots.draw_value_ranges(ranges, names, folder / "values.png")]
    panels = [
        data_plots.SeriesExample(f"{split} {example.row:,}", example.history(), example.target)
        for split, facts in description.splits.items()
        for example in facts.examples
        if example.target.ndim == 2
    ]
    if panels:
        files.append(data_plots.draw_series_examples(panels, names, folder / "series.png"))
    return files


if __name__ == "__main__":
    run_program(main)
