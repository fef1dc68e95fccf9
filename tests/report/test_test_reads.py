"""Reads of test splits are counted, whatever happens to processes and folders."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rnnlab.report.run_index import list_result
from rnnlab.report.test_reads import (
    READS_FILE,
    SplitReads,
    describe_folder,
    list_test_reads,
    record_test_read,
)


def read_split(outputs: Path, run: str, targets: str = "a" * 64) -> SplitReads:
    """Record that a run of an output folder read its test split."""
    return record_test_read(outputs / run, outputs, targets, f"data {targets[0]}", "train")


def test_reads_are_counted_by_run_and_by_targets(tmp_path: Path) -> None:
    assert read_split(tmp_path, "gru/1") == (1, 1, 1)
    assert read_split(tmp_path, "gru/2", "b" * 64) == (1, 1, 1)
    assert read_split(tmp_path, "lstm/1") == (1, 2, 2)
    assert read_split(tmp_path, "gru/1") == (2, 3, 2)
    assert describe_folder(tmp_path).startswith(
        "Test splits that were read more than once: data a 3 times: the best of many"
    )


def test_threads_lose_no_read(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: read_split(tmp_path, f"run/{i}"), range(200)))
    assert read_split(tmp_path, "run/last") == (1, 201, 201)


def test_an_incomplete_line_costs_no_other_read(tmp_path: Path) -> None:
    read_split(tmp_path, "run/1")
    with (tmp_path / READS_FILE).open("ab") as file:
        file.write(b'{"targets": "aaaa')
    assert read_split(tmp_path, "run/2") == (1, 2, 2)
    assert len(list(list_test_reads(tmp_path))) == 2


def test_a_deleted_run_stays_counted_and_a_folder_elsewhere_is_its_own(tmp_path: Path) -> None:
    outputs, elsewhere = tmp_path / "outputs", tmp_path / "elsewhere"
    (outputs / "gru" / "1").mkdir(parents=True)
    elsewhere.mkdir()
    read_split(outputs, "gru/1")
    shutil.rmtree(outputs / "gru")
    assert read_split(outputs, "gru/2").total == 2
    assert record_test_read(elsewhere, outputs, "a" * 64, "x", "train") == (1, 1, 1)
    assert (elsewhere / READS_FILE).is_file()


def test_the_trials_of_a_search_elsewhere_are_counted_together(tmp_path: Path) -> None:
    for trial in ("0000", "0001"):
        (tmp_path / "searches" / "cells" / "trials" / trial).mkdir(parents=True)
    (tmp_path / "searches" / "cells" / "sweep.yaml").touch()
    place = tmp_path / "searches" / "cells" / "trials"
    reads = [
        record_test_read(place / trial, "outputs", "a" * 64, "x", "train")
        for trial in ("0000", "0001")
    ]
    assert reads == [(1, 1, 1), (1, 2, 2)]


def test_a_moved_folder_of_runs_keeps_its_reads(tmp_path: Path) -> None:
    (tmp_path / "outputs" / "gru" / "1").mkdir(parents=True)
    read_split(tmp_path / "outputs", "gru/1")
    (tmp_path / "outputs").rename(tmp_path / "moved")
    run = tmp_path / "moved" / "gru" / "1"
    assert record_test_read(run, "outputs", "a" * 64, "x", "evaluate") == (2, 2, 1)


def test_the_index_reports_repeated_reads(tmp_path: Path) -> None:
    (tmp_path / "gru" / "1").mkdir(parents=True)
    for _ in range(2):
        read_split(tmp_path, "gru/1")
    list_result(tmp_path / "gru" / "1", tmp_path)
    assert "data a 2 times" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_damaged_lines_do_not_count(tmp_path: Path) -> None:
    (tmp_path / READS_FILE).write_bytes(b"[" * 100_000 + b"\n{\n\xff\n[]\n")
    (tmp_path / "a").mkdir()
    assert record_test_read(tmp_path / "a", tmp_path, "a" * 64, "x", "train") == (1, 1, 1)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=READS_FILE):
        record_test_read(tmp_path / "none", tmp_path / "missing", "a" * 64, "x", "train")
