"""Display of a run in a notebook: its scores and its figures, without any request."""

import base64
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rnnlab.report.console import format_score
from rnnlab.report.folder import RunFolder
from rnnlab.report.html import render_html
from rnnlab.report.summary import run_label

MAX_FIGURES, MAX_BYTES = 4, 2_000_000  # of the figures together


def run_html(report: Mapping[str, Any], folder: RunFolder) -> str:
    """Return a table of the scores with the baselines, and the first figures, as HTML."""
    scores = report["scores"]
    split = "test" if any(name.startswith("test/") for name in scores) else "val"
    names = [name for name in scores if name.startswith(f"{split}/")]
    members = {split: scores, **report["baselines"]}
    return render_html(
        "notebook.html",
        label=run_label(report),
        path=str(folder.path),
        names=[name.partition("/")[2] for name in names],
        rows=[
            (label, [format_score(values.get(name)) for name in names])
            for label, values in members.items()
        ],
        figures=list(embed_figures(folder.path)),
    )


def embed_figures(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name and the data of some figures of bounded size, the learning curves first."""
    figures = sorted(folder.glob("*.png"), key=lambda path: path.stem != "learning_curves")
    size = 0
    for path in figures[:MAX_FIGURES]:
        content = path.read_bytes()
        size += len(content)
        if size <= MAX_BYTES:
            yield path.stem.replace("_", " "), base64.b64encode(content).decode()
