"""What a data set is: printed and drawn, without training.

    python -m rnnlab.data imdb
    python -m rnnlab.data imdb data.path=reviews.csv data.label_column=stars
    python -m rnnlab.data sine output_dir=elsewhere

The words behind the name are those of train.py. Sizes, statistics and examples are printed;
pictures and description.json are left in outputs/data/<name>.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.config.compose import compose
from rnnlab.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from rnnlab.data.base import DataModule
    from rnnlab.data.description import Description


def main(words: Sequence[str]) -> None:
    """Find the settings, prepare the data, describe it.

    Args:
        words: the command line: the name of a data set, and settings.

    Raises:
        ConfigError: a setting cannot work.
        DataError: the data cannot be used.
    """
    conf = find_conf()
    if not words or {"-h", "--help"} & set(words):
        print(usage(conf))
        return
    name, plain = read_settings(conf, words)
    data = build(plain)
    data.prepare_data()
    data.setup("fit")
    show(name, data.describe(), Path(plain["output_dir"]) / "data" / name)


def find_conf() -> Path:
    """The folder conf/ of the checkout that this package is in, or of the folder we are in.

    Raises:
        ConfigError: there is neither.
    """
    for root in (Path(__file__).parents[3], Path.cwd()):
        if (root / "conf" / "config.yaml").is_file():
            return root / "conf"
    raise ConfigError(
        "conf/config.yaml: not found beside the package, and not here; go to the folder of train.py"
    )


def choices(conf: Path) -> list[str]:
    """Names of the data sets."""
    return sorted(file.stem for file in (conf / "data").glob("*.yaml"))


def usage(conf: Path) -> str:
    """What --help prints."""
    return f"{__doc__}\nData sets: {', '.join(choices(conf))}"


def read_settings(conf: Path, words: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The data set's name, and the settings that train.py would give it.

    Raises:
        ConfigError: the first word is no data set.
    """
    name, *overrides = words
    if name not in choices(conf):
        raise ConfigError(f"data={name}: {did_you_mean(name, choices(conf))}")

    return name, compose(conf, [f"data={name}", f"name={name}", *overrides])


def build(plain: dict[str, Any]) -> "DataModule":
    """The data set; it has read nothing yet.

    Raises:
        ConfigError: what is wrong with the settings, a line each.
    """
    from rnnlab.config.schema import parse
    from rnnlab.experiment import build as make

    config = parse(plain)
    make.quiet_libraries()
    return make.build_data(config)


def show(name: str, described: "Description", folder: Path) -> None:
    """Print it, and leave pictures and the numbers in a folder."""
    from rnnlab.report.data_console import page
    from rnnlab.runtime.files import write_json

    facts = described.plain()
    folder.mkdir(parents=True, exist_ok=True)
    files = [*draw(described, folder), write_json(folder / "description.json", facts)]
    page(name, facts, files)


def draw(described: "Description", folder: Path) -> list[Path]:
    """The pictures that make sense for data of this kind."""
    splits = described.splits
    files = []
    if any(facts.lengths.min() < facts.lengths.max() for facts in splits.values()):
        files.append(draw_lengths(described, folder))
    if any(facts.classes is not None for facts in splits.values()):
        files.append(draw_classes(described, folder))
    if described.spec.num_tokens:
        files.append(draw_tokens(described, folder))
    else:
        files += draw_numbers(described, folder)
    return files


def draw_lengths(described: "Description", folder: Path) -> Path:
    """See rnnlab.plots.data.lengths."""
    from rnnlab.plots import data as data_plots

    known = {
        split: data_plots.Steps(f.lengths, f.uncut, f.efficiency, f.random_efficiency)
        for split, f in described.splits.items()
    }
    return data_plots.lengths(known, folder / "lengths.png")


def draw_classes(described: "Description", folder: Path) -> Path:
    """See rnnlab.plots.data.class_balance."""
    from rnnlab.plots import data as data_plots

    counts = {s: f.classes for s, f in described.splits.items() if f.classes is not None}
    return data_plots.class_balance(counts, described.class_names(), folder / "classes.png")


def draw_tokens(described: "Description", folder: Path) -> Path:
    """See rnnlab.plots.data.token_frequency."""
    from rnnlab.plots import data as data_plots

    counts = {s: f.tokens for s, f in described.splits.items() if f.tokens is not None}
    names = described.input_names
    return data_plots.token_frequency(counts, names, 2, folder / "tokens.png")


def draw_numbers(described: "Description", folder: Path) -> list[Path]:
    """Some examples, and where the values of each variable lie."""
    from rnnlab.plots import data as data_plots

    names = described.feature_names()
    ranges = {split: facts.inputs for split, facts in described.splits.items()}
    files = [data_plots.value_ranges(ranges, names, folder / "values.png")]
    panels = [
        data_plots.Series(f"{split} {example.row:,}", example.history(), example.target)
        for split, facts in described.splits.items()
        for example in facts.examples
        if example.target.ndim == 2
    ]
    if panels:
        files.append(data_plots.series(panels, names, folder / "series.png"))
    return files
