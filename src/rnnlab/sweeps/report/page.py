"""report.html: a search on one page that needs no network and no other file."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnlab.report.html import render_html
from rnnlab.report.page import Section
from rnnlab.runtime.files import write_text
from rnnlab.sweeps.report.records import SearchRecord
from rnnlab.sweeps.report.table import column_names, row_values
from rnnlab.sweeps.space.parsing import format_literal

FOLD_LENGTH = 8  # a setting with more values than this is folded


@dataclass(frozen=True)
class Page:
    """Content of the page.

    Attributes:
        question: that the search answers; may be empty.
        answer: a sentence, with its uncertainty.
        settings: name -> setting of the search: space, base, monitor, ...
        provenance: name -> time, commit and versions of the report.
        answer_sections: of a study, at the beginning.
    """

    search: SearchRecord
    question: str
    settings: Mapping[str, Any]
    sections: Sequence[Section]
    provenance: Mapping[str, Any]
    answer: str = ""
    answer_sections: Sequence[Section] = ()


def write_search_page(page: Page, path: Path) -> Path:
    """Write the page in one step."""
    search = page.search
    settings = {name: value for name, value in page.settings.items() if name != "space"}
    groups = {name: v for name, v in settings.items() if isinstance(v, Mapping)}
    long = {name: group for name, group in groups.items() if len(group) > FOLD_LENGTH}
    html = render_html(
        "page.html.jinja",
        Path(__file__).parent,
        search=search,
        title=search.name,
        subtitle=page.question,
        answer=page.answer,
        answer_sections=page.answer_sections,
        sections=page.sections,
        provenance={name: format_text(value) for name, value in page.provenance.items()},
        text=format_text,
        number=format_number,
        space=page.settings.get("space"),
        short_settings={name: value for name, value in settings.items() if name not in long},
        long_settings=long,
        counts=search.count_states(),
        failures=search.count_failures(),
        columns=column_names(search),
        rows=[(trial, row_values(search, trial)) for trial in search.trials],
    )
    return write_text(path, html)


def format_text(value: Any) -> str:
    """Return a plain value as text.

    >>> format_text({"low": 0, "high": 0.01, "log": True, "step": None})
    'low 0, high 0.01, log'
    >>> format_text(["gru", "lstm"])
    'gru, lstm'
    >>> format_text({"_target_": "optuna.samplers.TPESampler", "n_startup_trials": 4})
    'TPESampler, n_startup_trials 4'
    """
    if isinstance(value, Mapping):
        items = value.items()
        return ", ".join(_pair(k, v) for k, v in items if v is not None and v is not False)
    if isinstance(value, list | tuple):
        return ", ".join(format_text(one) for one in value)
    return f"{value:.6g}" if isinstance(value, float) else format_literal(value)


def _pair(key: Any, value: Any) -> str:
    if key == "_target_":  # a class: its name is enough
        return str(value).rpartition(".")[2]
    return str(key) if value is True else f"{key} {format_text(value)}"


def format_number(value: float) -> str:
    """Return a number as a table shows it.

    >>> format_number(12345), format_number(0.881234567), format_number(0.00001234)
    ('12,345', '0.88123', '1.234e-05')
    """
    if isinstance(value, int):
        return f"{value:,}"
    if math.isfinite(value) and abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.5g}"
