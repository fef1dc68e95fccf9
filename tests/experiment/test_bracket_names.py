"""Columns, files and folders with square brackets in their names are printed as they are."""

from io import StringIO
from pathlib import Path

import pytest

from rnnlab.commands.describe import main as describe
from rnnlab.experiment.run import run
from rnnlab.runtime.console import PlainConsole
from rnnlab.sweeps.console import SearchConsole
from tests.helpers.configs import SMALL, small, walks_file

pytestmark = pytest.mark.usefixtures("no_figures")


def test_a_run_prints_columns_and_folders_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "runs [x]"
    folder.mkdir()
    table = walks_file(folder, "date,load [kW],rate [/min]")
    table.write_text(table.read_text().replace("2020-01-02T00:00:00,", "2020-01-02T00:00:00,,"))
    lines = table.read_text().splitlines()  # one value is missing, which a note counts
    fixed = [",".join(line.split(",")[:3]) for line in lines]
    table.write_text("\n".join(fixed) + "\n")
    limits = [f"trainer.limit_{split}_batches=1" for split in ("train", "val", "test")]
    plain = small("csv_series", folder, "trainer.max_epochs=1", *limits)
    plain["data"] |= {"target_columns": ["load [kW]", "rate [/min]"]}
    done = run({**plain, "name": "a [/b]"})
    output = capsys.readouterr().out
    assert str(done.folder.path) in output
    assert done.folder.path.parent == folder / "a [/b]"
    assert "load [kW]" in output
    assert "a [/b], seed 0" in output


@pytest.mark.parametrize("data", ["imdb", "csv_series", "text_file", "parallel_text", "stocks"])
def test_a_description_prints_the_paths_of_files_as_they_are(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "files [/b] [kW]"
    folder.mkdir(parents=True)
    settings = SMALL[data](folder)
    words = [f"data.{key}={value}" for key, value in settings.items() if key != "calendar"]
    words = [word.replace("None", "null") for word in words]
    describe([data, *words, f"output_dir='{folder}'"])
    output = capsys.readouterr().out
    assert settings["path"] in output
    assert str(folder / "data" / data) in output


def test_a_search_prints_names_and_messages_as_they_are() -> None:
    stream = StringIO()
    console = SearchConsole("a [/b]", maximize=False, console=PlainConsole(file=stream, width=200))
    with console:
        console.print_line("trial 1 failed: no column 'rate [/min]' in x[1].csv, only 'load [kW]'")
    assert "no column 'rate [/min]' in x[1].csv, only 'load [kW]'" in stream.getvalue()
