"""Pages in a browser: no message, no request, and nothing wider than the screen."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rnnlab.report.folder import RunFolder
from rnnlab.report.page import DotChart, answer_page
from rnnlab.report.run_index import INDEX_FILE, list_result
from rnnlab.report.run_page import RunDescription, run_page
from rnnlab.report.tables import NumberTable
from tests.helpers.pages import example_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), "")
PROBE = "<script>document.title = `width ${document.documentElement.scrollWidth}`</script>"
PHONE = 500  # pixels; a window of Chromium is not narrower


def write_pages(folder: Path) -> list[Path]:
    """The pages of a run, an answer and an index, with long names."""
    name = "a_long_name_of_a_setting_or_class_without_any_space_" * 3
    table = NumberTable([name, *(f"column {i}" for i in range(20))])
    table.add_row(name, *["0.123456"] * 20)
    answer = answer_page(name, name, DotChart("test/mse", {name: [1.0, 2.0]}), table)
    run = folder / "sine-gru" / "a"
    run.mkdir(parents=True)
    (run / "report.json").write_text('{"status": "running"}')
    description = RunDescription({name: name}, frozenset({name}), [], name)
    page = run_page(example_report(findings=[name]), RunFolder(run), description).write(run)
    list_result(run, folder)
    answer.write(folder)
    return [page, folder / "report.html", folder / INDEX_FILE]


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")
def test_a_browser_shows_the_pages_without_a_message_or_a_request(tmp_path: Path) -> None:
    for i, page in enumerate(write_pages(tmp_path)):
        copy = tmp_path / f"probe{i}.html"
        copy.write_text(page.read_text(encoding="utf-8") + PROBE, encoding="utf-8")
        log = tmp_path / f"net{i}.json"
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
        flags += [
            f"--log-net-log={log}",
            f"--window-size={PHONE},900",
            "--virtual-time-budget=2000",
        ]
        flags += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", copy.as_uri()]
        result = subprocess.run(
            [CHROMIUM, *flags], capture_output=True, text=True, timeout=120, check=True
        )
        assert "CONSOLE" not in result.stderr
        width = re.search(r"<title>width (\d+)", result.stdout)
        assert width, "the script of the page has ended"
        assert int(width[1]) <= PHONE, page.name
        own = re.findall(r'"url":"((?:https?|ws|ftp):[^"]*)"', log.read_text(encoding="utf-8"))
        assert not [url for url in own if "google" not in url and "gvt1" not in url]
