"""AGENTS.md: its loop runs, and its table of exit statuses is that of docs/commands.md."""

import io
import json
import re
import subprocess
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from rnnlab import commands
from rnnlab.errors import ExitStatus
from tests.helpers.configs import ROOT

PAGE = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
(LOOP,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
TINY = ["trainer=cpu", "trainer.max_steps=2", "model.hidden_size=4", "page=false"]
TINY += ["data.num_series=4", "data.num_eval_series=4", "data.steps=60", "data.first_target=40"]
TINY += ["data.seq_len=16"]


def test_the_loop_is_short() -> None:
    assert len([line for line in LOOP.splitlines() if line.strip()]) <= 20


def test_the_page_lists_exactly_the_exit_statuses() -> None:
    rows = PAGE.partition("| exit status | meaning |\n|---|---|\n")[2].partition("\n\n")[0]
    numbers = [int(row.split("|")[1]) for row in rows.splitlines()]
    assert numbers == [int(status) for status in ExitStatus]


@pytest.mark.slow
@pytest.mark.usefixtures("no_plots")
def test_the_loop_reads_the_test_split_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results: list[dict[str, Any]] = []
    start = subprocess.run

    def run(command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command of the loop in this process, with a smaller budget."""
        if "rnnlab.train" not in command:  # of a library
            return start(command, **options)
        words = [word for word in command[3:] if not word.startswith("trainer.")]
        with redirect_stdout(io.StringIO()) as output:
            commands.main(["train", *words, *TINY])
        results.append(json.loads(output.getvalue())["result"]["runs"][0])
        return subprocess.CompletedProcess(command, 0, output.getvalue())

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", run)
    exec(compile(LOOP, "AGENTS.md", "exec"), {})
    *candidates, final = results
    assert len(candidates) == 4
    for run_result in candidates:
        names = [*run_result["scores"], *(n for b in run_result["baselines"].values() for n in b)]
        assert names
        assert not [name for name in names if name.startswith("test/")]
        assert run_result["test_reads"] is None
    assert final["test_reads"] == {"run": 1, "total": 1, "runs": 1}
    assert final["score"] == min(one["score"] for one in candidates)  # the same settings and seed
    assert "test/mse" in capsys.readouterr().out
