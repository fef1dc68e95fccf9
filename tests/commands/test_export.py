"""rnnlab export: prints its check and the next step, which works as printed."""

import shlex
from pathlib import Path

import pytest

from rnnlab.commands import main
from tests.helpers.exports import run_example
from tests.helpers.run_folders import write_run


def test_the_printed_example_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = write_run("imdb", tmp_path, "model=gru", "model.hidden_size=8")
    main(["export", str(run.folder), "--format", "onnx", "--output", str(tmp_path / "network")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{tmp_path / 'network'}: ")
    assert lines[1].startswith("equal to the network to ")
    program, example, *arguments = shlex.split(lines[-1].removeprefix("next: "))
    assert (program, Path(example)) == ("python", tmp_path / "network" / "example.py")
    (answer,) = run_example(tmp_path / "network", *arguments)
    assert answer["prediction"] in ("negative", "positive")
