"""index.html of an output folder lists its runs; it is right after any number of them."""

import json
import re
from multiprocessing import get_context
from pathlib import Path
from shutil import rmtree
from types import SimpleNamespace
from typing import Any

import pytest

from rnnlab.errors import DataError
from rnnlab.experiment.session import keep_listed, record_status
from rnnlab.report.folder import RunFolder
from rnnlab.report.run_index import INDEX_FILE, list_result
from tests.helpers.pages import check_offline


def write_report(folder: Path, **changes: Any) -> Path:
    """Write the report of a run."""
    report = {
        **{"status": "finished", "name": "sine-gru", "seed": 0, "monitor": "val/mse"},
        **{"model": {"class": "GRU", "parameters": 1234}, "seconds": {"fit": 2.0}},
        "data": {"source": "generated", "name": "1 sine waves"},
        "scores": {"val/mse": 0.5, "test/mse": 0.25},
        "baselines": {"naive": {"test/mse": 0.75}, "noise floor": {"test/mse": 0.1}},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps({**report, **changes}), encoding="utf-8")
    return folder


def rows_of(root: Path) -> list[str]:
    """The rows of the table."""
    page = (root / INDEX_FILE).read_text(encoding="utf-8")
    check_offline(page)
    return re.findall(r"<tr data-path.*", page)


def test_a_run_is_listed_once_with_its_present_state(tmp_path: Path) -> None:
    folder = write_report(tmp_path / "sine-gru" / "a", status="running", scores={}, baselines={})
    list_result(folder, tmp_path)
    (row,) = rows_of(tmp_path)
    assert ">running<" in row
    assert 'href="sine-gru/a"' in row
    (write_report(folder) / "report.html").touch()
    list_result(folder, tmp_path)
    (row,) = rows_of(tmp_path)
    assert 'href="sine-gru/a/report.html">sine-gru, seed 0</a>' in row
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row)
    assert cells[2:] == [
        *("finished", "GRU", "1 sine waves", "mse", "0.5000", "0.2500", "0.7500", "1,234"),
        "2",
    ]


def test_deleted_folders_disappear_and_the_latest_is_first(tmp_path: Path) -> None:
    folders = [write_report(tmp_path / "sine-gru" / name) for name in "abc"]
    for folder in folders:
        list_result(folder, tmp_path)
    rmtree(folders[1])
    list_result(folders[0], tmp_path)
    assert re.findall(r'data-path="(.*?)"', "".join(rows_of(tmp_path))) == [
        "sine-gru/a",
        "sine-gru/c",
    ]


@pytest.mark.parametrize("content", [None, "", "<html>", b"\xff\xfe", "<!-- results, format 0 -->"])
def test_an_index_that_is_missing_or_damaged_is_written_anew(
    content: str | bytes | None, tmp_path: Path
) -> None:
    folders = [write_report(tmp_path / "sine-gru" / name) for name in "ab"]
    for name, damage in {"damaged": "{", "nested": "[" * 100_000}.items():
        (tmp_path / "sine-gru" / name).mkdir()
        (tmp_path / "sine-gru" / name / "report.json").write_text(damage)
    if content is not None:
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / INDEX_FILE).write_bytes(data)
    list_result(folders[0], tmp_path)
    assert len(rows_of(tmp_path)) == 2


def test_only_results_below_the_folder_are_listed_and_no_trials(tmp_path: Path) -> None:
    root = tmp_path / "outputs"
    search = root / "sweeps" / "s"
    list_result(write_report(search / "trials" / "0001"), root)
    list_result(write_report(tmp_path / "elsewhere"), root)
    assert len(rows_of(root) if (root / INDEX_FILE).exists() else []) == 1, "no search yet"
    (search / "study.json").write_text("{}")
    summary = {
        **{
            "name": "s",
            "objectives": [{"name": "val/mse"}],
            "front": None,
            "counts": {"complete": 3},
        },
        "best": {"values": {"val/mse": 0.125}},
    }
    (search / "summary.json").write_text(json.dumps(summary))
    (root / INDEX_FILE).unlink()
    list_result(search, root)
    list_result(search / "trials" / "0001", root)
    (row,) = rows_of(root)
    assert ">s, 3 trials</a>" in row
    assert ">0.1250<" in row


def test_names_of_users_stay_text(tmp_path: Path) -> None:
    bad = '"><script>alert(1)</script>\n<tr>'
    data = {"source": "hub", "name": bad}
    folder = write_report(tmp_path / "a b" / "c&d", name=bad, data=data, variant=bad)
    list_result(folder, tmp_path)
    list_result(folder, tmp_path)
    (row,) = rows_of(tmp_path)
    assert "<script>" not in row
    assert 'data-path="a%20b/c%26d"' in row


def test_an_index_that_cannot_be_written_is_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_report(tmp_path / "a" / "b")
    (tmp_path / INDEX_FILE).mkdir()
    list_result(folder, tmp_path)
    assert "not updated" in capsys.readouterr().out


@pytest.mark.parametrize("page", [True, False])
def test_a_run_that_fails_is_listed_unless_it_has_no_page(page: bool, tmp_path: Path) -> None:
    folder = RunFolder(write_report(tmp_path / "sine-gru" / "a", status="running"))
    config: Any = SimpleNamespace(page=page, output_dir=str(tmp_path))
    with pytest.raises(DataError), keep_listed(folder, config), record_status(folder):
        raise DataError("no such file")
    assert (tmp_path / INDEX_FILE).exists() == page
    if page:
        assert ">failed<" in rows_of(tmp_path)[0]


def list_many(root: Path, start: int) -> None:
    """List some runs, in a process of its own."""
    for i in range(start, start + 5):
        list_result(write_report(root / "sine-gru" / f"{i:02}"), root)


@pytest.mark.slow
def test_concurrent_runs_lose_no_line(tmp_path: Path) -> None:
    context = get_context("fork")
    processes = [context.Process(target=list_many, args=(tmp_path, 10 * i)) for i in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert len(rows_of(tmp_path)) == 20
