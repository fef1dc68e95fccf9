"""report.html: a search on one page that needs no network and no other file."""

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from rnnlab.runtime.files import write_text
from rnnlab.sweeps.report.records import Search, Trial, cells, columns

FOLDED = 8  # settings of one thing; more are shown behind a fold
LONGEST = 40  # characters of a message that the table shows; the rest stands in the failures


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        title: its head.
        words: what is to be said about the picture, or why there is none.
        picture: a PNG.
    """

    title: str
    words: str
    picture: Path | None = None


@dataclass(frozen=True)
class Page:
    """What stands on the page.

    Attributes:
        search: what was tried.
        question: that the search was to answer; may be empty.
        asked: name -> what was asked for: space, base, monitor, ...
        sections: pictures with their words.
        made: name -> where and with what it was made: time, commit, versions.
    """

    search: Search
    question: str
    asked: Mapping[str, Any]
    sections: Sequence[Section]
    made: Mapping[str, Any]


def write_page(page: Page, path: Path) -> Path:
    """Write the page in one step."""
    search = page.search
    parts = {
        "name": escape(search.name),
        "question": _element("p", page.question, "question") if page.question else "",
        "counts": _counts(search),
        "best": _best(search),
        "asked": _asked(page.asked),
        "sections": "\n".join(map(_section, page.sections)),
        "failures": _failures(search),
        "trials": _trials(search),
        "made": _made(page.made),
        "style": STYLE,
        "script": SCRIPT,
    }
    return write_text(path, Template(PAGE).substitute(parts))


def _element(tag: str, text: Any, kind: str = "") -> str:
    """One element with a text that is escaped."""
    attribute = f' class="{kind}"' if kind else ""
    return f"<{tag}{attribute}>{escape(str(text))}</{tag}>"


def _counts(search: Search) -> str:
    """How many trials there are of each state."""
    told = [f"<li><b>{count}</b> {state}</li>" for state, count in search.counts().items()]
    return f'<ul class="counts">{"".join(told)}</ul>' if told else "<p>No trial was begun yet.</p>"


def _best(search: Search) -> str:
    """The best trial, or each of the front, with the command that repeats it."""
    best = [trial for trial in search.trials if trial.number in search.best]
    if not best:
        return "<p>No trial is complete yet, so there is no best one.</p>"
    return "\n".join(_best_trial(search, trial) for trial in best)


def _best_trial(search: Search, trial: Trial) -> str:
    scores = [
        f"{escape(objective.name)} <b>{number(value)}</b>"
        for objective, value in zip(search.objectives, trial.values, strict=True)
    ]
    head = f"<h3>Trial {trial.number}: {', '.join(scores)}</h3>"
    return f"{head}{_definitions(trial.params)}{_command(trial.command)}"


def _command(command: str) -> str:
    """A block to copy."""
    if not command:
        return ""
    return f'<div class="command"><pre>{escape(command)}</pre><button>copy</button></div>'


def _definitions(facts: Mapping[str, Any]) -> str:
    """Names and values, a row each."""
    rows = [f"<tr>{_element('th', k)}{_element('td', words(v))}</tr>" for k, v in facts.items()]
    return f'<table class="facts">{"".join(rows)}</table>'


def words(value: Any) -> str:
    """A plain value in words.

    >>> words({"low": 0, "high": 0.01, "log": True, "step": None}), words(["gru", "lstm"])
    ('low 0, high 0.01, log', 'gru, lstm')
    >>> words({"_target_": "optuna.samplers.TPESampler", "n_startup_trials": 4})
    'TPESampler, n_startup_trials 4'
    """
    if isinstance(value, Mapping):
        given = [(key, one) for key, one in value.items() if one is not None and one is not False]
        return ", ".join(_pair(key, one) for key, one in given)
    if isinstance(value, list | tuple):
        return ", ".join(words(one) for one in value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _pair(key: Any, value: Any) -> str:
    if key == "_target_":  # a class: its name is enough
        return str(value).rpartition(".")[2]
    return str(key) if value is True else f"{key} {words(value)}"


def _asked(asked: Mapping[str, Any]) -> str:
    """What was asked for; the space a row each dimension, what is long behind a fold."""
    space = asked.get("space") or {}
    others = {name: value for name, value in asked.items() if name != "space"}
    long = {name: v for name, v in others.items() if isinstance(v, Mapping) and len(v) > FOLDED}
    short = {name: value for name, value in others.items() if name not in long}
    folds = "".join(_fold(name, _definitions(value)) for name, value in long.items())
    dimensions = f"<h3>Space</h3>{_definitions(space)}" if space else ""
    return f"{_definitions(short)}{dimensions}{folds}"


def _fold(name: str, content: str, is_open: bool = False) -> str:
    """What shows its name, and at a click its content."""
    shown = " open" if is_open else ""
    return f"<details{shown}>{_element('summary', name)}{content}</details>"


def _section(section: Section) -> str:
    """A head, its words, and its picture within the page."""
    image = ""
    if section.picture:
        data = base64.b64encode(section.picture.read_bytes()).decode("ascii")
        image = f'<img alt="{escape(section.title)}" src="data:image/png;base64,{data}">'
    said = _element("p", section.words) if section.words else ""
    return f"<section><h2>{escape(section.title)}</h2>{said}{image}</section>"


def _failures(search: Search) -> str:
    """The messages of the trials that went wrong, class by class."""
    blocks = []
    for failure, count in search.failures().items():
        told = [trial for trial in search.trials if trial.failure == failure]
        items = [f"<li>trial {t.number}: {escape(t.message or 'no message')}</li>" for t in told]
        blocks.append(_fold(f"{failure}: {count}", f"<ul>{''.join(items)}</ul>", is_open=True))
    return "".join(blocks)


def _trials(search: Search) -> str:
    """All trials; a click on a head sorts by its column."""
    heads = "".join(_element("th", name) for name in columns(search))
    rows = "".join(_row(search, trial) for trial in search.trials)
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="wide trials">{table}</div>'


def _row(search: Search, trial: Trial) -> str:
    kinds = [trial.state, *(["best"] if trial.number in search.best else [])]
    shown = "".join(_cell(value) for value in cells(search, trial))
    return f'<tr class="{" ".join(kinds)}">{shown}</tr>'


def _cell(value: Any) -> str:
    """A cell with the whole value to sort by, and a short one to read."""
    if value is None:
        return "<td></td>"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'<td class="number" data-value="{_for_script(value)}">{number(value)}</td>'
    text = words(value)
    short = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return f'<td title="{escape(text)}">{escape(short)}</td>'


def _for_script(value: float) -> str:
    """A number as JavaScript reads it."""
    return repr(value).replace("inf", "Infinity")


def number(value: float) -> str:
    """A number as a table shows it.

    >>> number(12345), number(0.881234567), number(0.00001234)
    ('12,345', '0.88123', '1.234e-05')
    """
    if isinstance(value, int):
        return f"{value:,}"
    if math.isfinite(value) and abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.5g}"


def _made(made: Mapping[str, Any]) -> str:
    told: Iterable[str] = (f"{escape(key)} {escape(words(value))}" for key, value in made.items())
    return " &middot; ".join(told)


PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>$name</title>
<style>$style</style>
</head>
<body>
<header><h1>$name</h1>$question
$counts</header>
<main>
<section><h2>Best</h2>
$best</section>
<section><h2>What was asked</h2>
$asked</section>
$sections
$failures
<section><h2>Trials</h2><p>A click on a head sorts by it; the whole table is in trials.csv.</p>
$trials</section>
</main>
<footer>$made</footer>
<script>$script</script>
</body>
</html>
"""

STYLE = """
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 1060px; padding: 0 24px 48px; background: #fff; color: #1c2733;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { margin: 32px 0 4px; font-size: 28px; }
h2 { margin: 40px 0 8px; font-size: 20px; border-bottom: 1px solid #dde3ea; padding-bottom: 4px; }
h3 { margin: 16px 0 6px; font-size: 16px; }
.question { margin: 0 0 8px; color: #51606f; font-size: 17px; }
.counts { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: 12px; }
.counts li { background: #f3f6fa; border-radius: 8px; padding: 8px 16px; }
.counts b { font-size: 20px; }
img { display: block; max-width: 100%; height: auto; margin: 8px auto; }
table { border-collapse: collapse; font-size: 13px; }
th, td { padding: 4px 10px; text-align: left; vertical-align: top; }
.facts th { font: 500 13px ui-monospace, monospace; color: #51606f; padding-left: 0; }
.facts td { overflow-wrap: anywhere; }
.wide { overflow: auto; max-height: 640px; border: 1px solid #dde3ea; border-radius: 8px; }
.trials td { white-space: nowrap; border-top: 1px solid #eef1f5; }
.trials th { position: sticky; top: 0; background: #f3f6fa; cursor: pointer; white-space: nowrap; }
.trials th[aria-sort=ascending]::after { content: " \\25B2"; }
.trials th[aria-sort=descending]::after { content: " \\25BC"; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.best td { background: #fff4e0; font-weight: 600; }
tr.pruned td, tr.waiting td { color: #78838f; }
tr.infeasible td, tr.failed td { color: #a93226; }
.command { position: relative; }
pre { background: #f3f6fa; border-radius: 8px; padding: 12px 76px 12px 14px; white-space: pre-wrap;
  overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, monospace; }
button { position: absolute; top: 8px; right: 8px; border: 1px solid #c9d2dc; border-radius: 6px;
  background: #fff; padding: 4px 12px; cursor: pointer; }
details { margin: 8px 0; } summary { cursor: pointer; font-weight: 600; }
li { overflow-wrap: anywhere; white-space: pre-wrap; }
footer { margin-top: 40px; color: #78838f; font-size: 12px; overflow-wrap: anywhere; }
"""

SCRIPT = """
document.querySelectorAll(".command button").forEach(button => button.onclick = () => {
  const range = document.createRange();
  range.selectNodeContents(button.previousElementSibling);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  button.textContent = document.execCommand("copy") ? "copied" : "press Ctrl-C";
});
const key = cell =>
  cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
document.querySelectorAll(".trials th").forEach((head, column, heads) => head.onclick = () => {
  const down = head.getAttribute("aria-sort") === "ascending";
  const body = head.closest("table").tBodies[0];
  heads.forEach(other => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const compare = (a, b) => {
    const x = key(a.cells[column]), y = key(b.cells[column]);
    if (x === "" || y === "") return (x === "") - (y === "");
    const numbers = typeof x === "number" && typeof y === "number";
    const order = numbers ? x - y : String(x).localeCompare(y);
    return down ? -order : order;
  };
  body.append(...[...body.rows].sort(compare));
});
"""
