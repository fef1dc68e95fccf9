"""rnnlab export: prints its check and the next step, which works as printed."""

import shlex
from pathlib import Path

import pytest

from rnnlab.commands import main
from rnnlab.config.program import find_python
from tests.helpers.exports import run_without_rnnlab
from tests.helpers.run_folders import write_run

SLOW = ["csv_series", "copying", "adding", "text_file", "parallel_text"]


@pytest.mark.parametrize(
    "data", ["imdb", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)]
)
def test_the_printed_example_works(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(data, tmp_path, "model=gru", "model.hidden_size=8")
    folder = tmp_path / "a network"
    main(["export", str(run.folder), "--format", "onnx", "--output", str(folder)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{folder}: ")
    assert lines[1].startswith("equal to the network to ")
    label, program, *words = shlex.split(lines[-1])
    assert (label, program, words[0]) == ("next", find_python(), str(folder / "example.py"))
    assert run_without_rnnlab(words, tmp_path / "absent")


def test_stocks_have_no_example(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run("stocks", tmp_path, "model=gru", "model.hidden_size=8")
    main(["export", str(run.folder), "--format", "onnx"])
    assert capsys.readouterr().out.splitlines()[-1].startswith("no example.py: ")
    assert not (run.folder / "export" / "onnx" / "example.py").exists()
