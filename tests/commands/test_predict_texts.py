"""`rnnlab predict` of texts: formats, parts, the standard input, and what is refused."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rnnlab
from rnnlab.commands.predict import main
from rnnlab.errors import ConfigError, DataError
from rnnlab.inference.trained_run import TrainedRun
from tests.helpers.configs import ROOT
from tests.helpers.run_folders import write_run

TEXTS = ["worda wordb", "wordc", "", "wordd " * 20]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A classifier with random weights."""
    return rnnlab.load(write_run("imdb", tmp_path_factory.mktemp("run"), "model=gru").folder)


def give(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Put bytes on the standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_lines_of_the_standard_input_are_predicted_before_it_ends(
    trained: TrainedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        for i in range(5000):
            taken += 1
            yield f"worda {i}"

    parts = trained.predict_parts(lines())
    assert len(next(parts)) == 1000
    assert taken == 1000, "no more texts than a part has are in memory"
    assert sum(map(len, parts)) == 4000


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_the_predictions_have_the_format_of_the_input(
    suffix: str,
    trained: TrainedRun,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "text": ['worda, "wordb"', "wordc\rwordd"]})
    file = tmp_path / f"texts.{suffix}"
    if suffix == "jsonl":
        frame.to_json(file, orient="records", lines=True)
    else:
        frame.to_csv(file, index=False, sep="," if suffix == "csv" else "\t", quoting=2)
    expected = trained.predict(file)
    main([str(trained.folder.path), str(file)])
    printed = capsys.readouterr().out
    give(monkeypatch, file.read_bytes())
    main([str(trained.folder.path), "-", "--input-format", suffix])
    assert capsys.readouterr().out == printed
    main([str(trained.folder.path), str(file), "--output", str(tmp_path / f"out.{suffix}")])
    assert (tmp_path / f"out.{suffix}").read_bytes() == printed.encode()
    if suffix == "jsonl":
        table = pd.DataFrame([json.loads(line) for line in printed.splitlines()])
    else:
        table = pd.read_csv(io.StringIO(printed), sep="," if suffix == "csv" else "\t")
    assert table["text"].tolist() == frame["text"].tolist()
    pd.testing.assert_frame_equal(table, expected, check_dtype=False, rtol=1e-6)


def test_lists_arrays_and_columns_are_predicted_alike(trained: TrainedRun) -> None:
    expected = trained.predict(TEXTS)
    for inputs in (np.array(TEXTS), pd.Series(TEXTS), tuple(TEXTS), iter(TEXTS)):
        table = trained.predict(inputs)
        pd.testing.assert_frame_equal(table, expected)
    assert expected.attrs["notes"][0] == "1 of 4 texts are empty"
    many = trained.predict(["worda", ""] * 1500)
    assert many.attrs["notes"][0] == "1,500 of 3,000 texts are empty"


def test_what_is_no_text_is_refused(trained: TrainedRun, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no inputs"):
        trained.predict([])
    with pytest.raises(ConfigError, match="text 2: is 3, not a text"):
        trained.predict(["a", 3])  # type: ignore[list-item]
    with pytest.raises(DataError, match="table: has no rows"):
        trained.predict(pd.DataFrame({"text": []}))
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(DataError, match="the file is empty"):
        trained.predict(tmp_path / "empty.txt")


def test_options_that_cannot_work_are_refused(
    trained: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = str(trained.folder.path)
    (tmp_path / "a.txt").write_text("worda\n")
    choices = "--batch-size, --probabilities"
    with pytest.raises(ConfigError, match=f"--n-best: no such option; choices: {choices}"):
        main([run, str(tmp_path / "a.txt"), "--n-best", "3"])
    with pytest.raises(ConfigError, match="--input-format: is for the standard input"):
        main([run, str(tmp_path / "a.txt"), "--input-format", "csv"])
    give(monkeypatch, b"worda\n\xff\n")
    with pytest.raises(DataError, match="standard input, line 2: is not UTF-8"):
        main([run, "-"])
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"device=cuda: this machine has no GPU.*device=cpu"):
        rnnlab.load(run, device="cuda")
    with pytest.raises(ConfigError, match=r"--device cuda: .* no GPU.*; --device cpu"):
        main([run, str(tmp_path / "a.txt"), "--device", "cuda"])
    with pytest.raises(ConfigError, match="device=gpu: no such device"):
        rnnlab.load(run, device="gpu")


def test_a_file_that_cannot_be_read_to_its_end_leaves_no_output(
    trained: TrainedRun, tmp_path: Path
) -> None:
    (tmp_path / "bad.txt").write_bytes(b"worda\n" * 2000 + b"\xff\n")
    with pytest.raises(DataError, match="line 2001"):
        main(
            [
                str(trained.folder.path),
                str(tmp_path / "bad.txt"),
                "--output",
                str(tmp_path / "o.csv"),
            ]
        )
    assert {path.name for path in tmp_path.iterdir()} == {"bad.txt"}


def test_rows_and_speed_are_shown_after_a_second(
    trained: TrainedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    ticks = iter(range(100))
    monkeypatch.setattr("rnnlab.runtime.clock.read_seconds", lambda: float(next(ticks)))
    monkeypatch.setattr(
        "rich.progress.Progress.update",
        lambda self, task, **values: shown.append(values["description"]),
    )
    (tmp_path / "a.txt").write_text("worda\n" * 3000)
    main([str(trained.folder.path), str(tmp_path / "a.txt"), "--output", str(tmp_path / "o.csv")])
    assert shown == ["2,000 rows, 1,000 rows/s", "3,000 rows, 1,000 rows/s"]


@pytest.mark.slow
def test_an_interruption_ends_without_a_traceback_and_without_a_file(
    trained: TrainedRun, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "rnnlab.predict", str(trained.folder.path), "-"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, env=environment, **pipes)
    process.stdin.write(b"worda\n" * 1000)  # one part, and then nothing more
    process.stdin.flush()
    assert process.stdout.readline() == b"text,prediction,probability,p(negative),p(positive)\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in errors


@pytest.mark.parametrize("suffix", ["jsonl", pytest.param("parquet", marks=pytest.mark.slow)])
def test_large_typed_tables_are_read_and_written_in_parts(
    suffix: str, trained: TrainedRun, tmp_path: Path
) -> None:
    """A column that is empty at first has texts in a later part."""
    table = pd.DataFrame({"text": [f"worda {i}" for i in range(2100)], "note": None, "stars": 5})
    table["note"] = table["note"].astype(object)
    table.loc[2099, "note"] = "last"
    file, output = tmp_path / f"texts.{suffix}", tmp_path / "answers.parquet"
    if suffix == "jsonl":
        table.to_json(file, orient="records", lines=True)
    else:
        table.to_parquet(file)
    assert [len(part) for part in trained.predict_parts(file)] == [1000, 1000, 100]
    main([str(trained.folder.path), str(file), "--output", str(output)])
    answers = pd.read_parquet(output)
    assert answers["note"].dropna().to_dict() == {2099: "last"}
    expected = trained.predict(table)
    np.testing.assert_allclose(answers["probability"], expected["probability"], atol=1e-6)
    assert answers["stars"].tolist() == [5] * 2100


def test_a_column_of_several_types_is_no_parquet_file(trained: TrainedRun, tmp_path: Path) -> None:
    file = tmp_path / "texts.jsonl"
    rows = [{"text": "worda", "note": i} for i in range(1000)]
    file.write_text("\n".join(map(json.dumps, [*rows, {"text": "a", "note": "b"}])) + "\n")
    with pytest.raises(ConfigError, match=r"values of several types .*Write a \.csv or \.jsonl"):
        main([str(trained.folder.path), str(file), "--output", str(tmp_path / "a.parquet")])
    assert not (tmp_path / "a.parquet").exists()
