"""index.html of an output folder: all its runs and searches, with filters.

The page is its own store. Each result is one line of it, so that an update neither reads the
reports of the others nor draws their rows again. A page that is missing or of another version is
written anew from the reports.
"""

import html
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from filelock import FileLock, Timeout

from rnnlab.metrics.directions import best_baseline
from rnnlab.report.console import format_score
from rnnlab.report.folder import is_search
from rnnlab.report.html import render_html
from rnnlab.report.model_card import data_name
from rnnlab.report.page import PAGE_FILE
from rnnlab.report.summary import run_label
from rnnlab.report.test_reads import describe_folder
from rnnlab.runtime.console import PlainConsole
from rnnlab.runtime.files import write_text

INDEX_FILE, LOCK_FILE = "index.html", ".index.lock"
INDEX_TIMEOUT_SECONDS = 10.0
FIRST_LINE, LAST_LINE = "<!-- results, format 1 -->", "<!-- end of results -->"
ROW = re.compile(r'<tr data-path="([^"]*)">')
REPORT_FILE, SUMMARY_FILE_OF_SEARCH = "report.json", "summary.json"


def list_result(folder: Path, output_dir: str | Path) -> None:
    """Add a run or a search to the index of an output folder, or update its line.

    A folder elsewhere and a trial of a search are not listed. An index that cannot be written is
    a message: the result itself is complete.
    """
    root = Path(output_dir).absolute()
    try:
        path = folder.absolute().relative_to(root)
    except ValueError:
        return
    if any(is_search(root / parent) for parent in path.parents if parent != Path()):
        return
    try:
        update_index(root, path)
    except (OSError, Timeout, NotImplementedError) as error:
        PlainConsole().print(f"{root / INDEX_FILE}: not updated ({error})", soft_wrap=True)


def update_index(root: Path, path: Path) -> None:
    """Write the index with the present state of one result, and without deleted folders."""
    with FileLock(root / LOCK_FILE, timeout=INDEX_TIMEOUT_SECONDS):
        rows = read_result_rows(root / INDEX_FILE)
        if rows is None:
            rows = dict(scan_results(root))
        key = encode_path(path)
        rows.pop(key, None)
        rows = {**dict(result_row(root, path)), **rows}
        lines = [row for name, row in rows.items() if os.path.isdir(decode_path(root, name))]  # noqa: PTH112, 5,000 times
        write_index(root, lines)


def read_result_rows(file: Path) -> dict[str, str] | None:
    """Return path -> line of each result of an index; None if it has to be written anew."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    _, start, rest = text.partition(f"{FIRST_LINE}\n")
    body, end, _ = rest.partition(LAST_LINE)
    if not start or not end:
        return None
    lines = body.splitlines()
    matches = [ROW.match(line) for line in lines]
    if not all(matches):
        return None
    return {match[1]: line for match, line in zip(matches, lines, strict=True) if match}


def write_index(root: Path, lines: list[str]) -> Path:
    """Write the page of some lines, in one step."""
    page = render_html(
        "index.html",
        title="Results",
        subtitle=str(root),
        answer=describe_folder(root),
        provenance={},
        count=len(lines),
    )
    mark = f"{FIRST_LINE}\n"
    head, _, tail = page.partition(mark)
    return write_text(root / INDEX_FILE, "".join([head, mark, *(f"{x}\n" for x in lines), tail]))


def scan_results(root: Path) -> Iterator[tuple[str, str]]:
    """Yield path and line of each run and search below a folder, the latest first."""
    folders = []
    for place, names, files in os.walk(root):
        if REPORT_FILE in files or is_search(Path(place)):
            folders.append(Path(place))
            names.clear()
    for folder in sorted(folders, key=last_change, reverse=True):
        yield from result_row(root, folder.relative_to(root))


def last_change(folder: Path) -> float:
    """Return when the report of a result was written, in seconds since 1970; 0 without one."""
    for name in (REPORT_FILE, SUMMARY_FILE_OF_SEARCH):
        with suppress(OSError):
            return (folder / name).stat().st_mtime
    return 0.0


def result_row(root: Path, path: Path) -> Iterator[tuple[str, str]]:
    """Yield path and line of a result; nothing for a folder whose report cannot be read."""
    folder = root / path
    damage = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
    with suppress(*damage):
        searched = is_search(folder)
        file = folder / (SUMMARY_FILE_OF_SEARCH if searched else REPORT_FILE)
        content = json.loads(file.read_text(encoding="utf-8"))
        cells = (search_cells if searched else run_cells)(content, path)
        page = (folder / PAGE_FILE).is_file()
        target = path / PAGE_FILE if page else path
        date = datetime.fromtimestamp(last_change(folder)).astimezone()
        yield (
            encode_path(path),
            format_row(path, target, {"date": f"{date:%Y-%m-%d %H:%M}", **cells}),
        )


def run_cells(report: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the cells of a run: texts, and numbers with a format of their own."""
    metric = report.get("monitor", "").partition("/")[2]
    scores, baselines = report.get("scores", {}), report.get("baselines", {})
    best = best_baseline(baselines, f"test/{metric}")
    seconds = sum(report.get("seconds", {}).values())
    return {
        "name": run_label(report) if "name" in report else path.parent.name or path.name,
        "status": report["status"],
        "model": report.get("model", {}).get("class", ""),
        "data": data_name(report["data"]) if "data" in report else "",
        "metric": metric,
        "validation": scores.get(f"val/{metric}"),
        "test": scores.get(f"test/{metric}"),
        "baseline": best[1] if best else None,
        "parameters": report.get("model", {}).get("parameters"),
        "seconds": round(seconds) or None,
    }


def search_cells(summary: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """Return the cells of a search, with the score of its best trial."""
    metric = summary["objectives"][0]["name"]
    best = summary["best"] or (summary["front"] or [{}])[0]
    trials = sum(summary["counts"].values())
    return {
        "name": f"{summary['name']}, {trials} trials",
        "status": "search",
        "model": "",
        "data": "",
        "metric": metric.removeprefix("val/"),
        "validation": best.get("values", {}).get(metric),
        "test": None,
        "baseline": None,
        "parameters": None,
        "seconds": None,
    }


def format_row(path: Path, target: Path, cells: Mapping[str, Any]) -> str:
    """Return the line of a result: a row of the table, with the name as a link."""
    link = f'<td><a href="{encode_path(target)}">{show_cell(cells["name"])}</a></td>'
    texts = [f"<td>{show_cell(cells['date'])}</td>", link]
    names = [name for name in cells if name not in ("date", "name")]
    texts += [format_result_cell(cells[name]) for name in names]
    return f'<tr data-path="{encode_path(path)}">{"".join(texts)}</tr>'


def format_result_cell(value: Any) -> str:
    """Return the cell of a text, of a number, or of nothing."""
    if value is None or isinstance(value, str):
        return f"<td>{show_cell(value or '')}</td>"
    text = f"{value:,}" if isinstance(value, int) else format_score(value)
    return f'<td data-value="{value:.6g}">{text}</td>'


def show_cell(text: str) -> str:
    """Return a text in one line of HTML."""
    from rnnlab.runtime.texts import show_hidden

    return html.escape(show_hidden(" ".join(text.split())))


def encode_path(path: Path) -> str:
    """Return a relative path as part of a URL; any name of a file becomes plain letters."""
    return quote(os.fsencode(path.as_posix()))


def decode_path(root: Path, name: str) -> str:
    """Return the path of a line."""
    return f"{root}/{os.fsdecode(unquote_to_bytes(name))}"
