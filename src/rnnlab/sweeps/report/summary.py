"""Outcome of a search: summary.json for programs, and the last lines on the terminal."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import optuna

from rnnlab.metrics.significance import Comparison
from rnnlab.report.console import format_score
from rnnlab.report.folder import RunFolder
from rnnlab.report.page import PAGE_FILE
from rnnlab.runtime.console import PlainConsole
from rnnlab.sweeps.answer.answer import StudyAnswer
from rnnlab.sweeps.report.importance import Importance
from rnnlab.sweeps.report.page import format_number, format_text
from rnnlab.sweeps.report.ranking import compare_configurations
from rnnlab.sweeps.report.records import SearchRecord, TrialRecord
from rnnlab.sweeps.report.search_records import search_records

SUMMARY_FILE = "summary.json"
FRONT_LIMIT = 5  # trials of a Pareto front that the terminal lists


def summarize_search(
    search: SearchRecord,
    importance: Importance,
    comparison: Comparison | None,
    answer: StudyAnswer | None = None,
) -> dict[str, Any]:
    """Return the content of summary.json."""
    best = [
        {**history_entry(search, trial), "params": dict(trial.params), "command": trial.command}
        for trial in search.best_trials
    ]
    has_front = len(search.objectives) > 1
    return {
        "name": search.name,
        "objectives": [asdict(objective) for objective in search.objectives],
        "best": None if has_front or not best else best[0],
        "front": best if has_front else None,
        "history": [history_entry(search, trial) for trial in search.complete],
        "counts": search.count_states(),
        "failures": search.count_failures(),
        "importance": importance._asdict(),
        "comparison": comparison and comparison_entry(comparison),
        "answer": answer and answer.to_plain(),
    }


def answer_sentence(search: SearchRecord, comparison: Comparison | None) -> str:
    """Return which settings are best, and how certain that is; empty without a complete trial."""
    best, goals = search.best_trials, [objective.name for objective in search.objectives]
    if not best:
        return ""
    if len(goals) > 1:
        share = f"{len(best)} of {len(search.complete)} complete trials"
        return (
            f"{share} are on the Pareto front of {' and '.join(goals)}: no trial is better in both."
        )
    sentence = (
        f"The best of {len(search.complete)} complete trials is {trial_line(search, best[0])}"
    )
    if comparison and any(one.scores for one in comparison.configurations):
        return f"{sentence}. {comparison.sentence}"
    return f"{sentence}. {describe_lead(search)}"


def describe_lead(search: SearchRecord) -> str:
    """Return how far ahead the best trial is, which one seed each cannot confirm."""
    best = search.best_trials[0]
    others = [t for t in search.complete if t is not best and math.isfinite(t.values[0])]
    if not others:
        return "There is no other trial to compare it with."
    choose = min if search.objectives[0].mode == "min" else max
    second = choose(others, key=lambda trial: trial.values[0])
    return (
        f"The next one, trial {second.number}, has {format_number(second.values[0])}. Each has one "
        "seed, so the difference may be chance: repeats=<number> measures it with fresh seeds."
    )


def history_entry(search: SearchRecord, trial: TrialRecord) -> dict[str, Any]:
    """Return number and values of a complete trial."""
    names = [objective.name for objective in search.objectives]
    values = dict(zip(names, map(finite_or_none, trial.values), strict=True))
    return {"number": trial.number, "values": values}


def comparison_entry(comparison: Comparison) -> dict[str, Any]:
    """Return the entry of the repeated configurations."""
    configurations = [
        {
            "number": one.number,
            "scores": {str(seed): score for seed, score in sorted(one.scores.items())},
            "without_score": one.without_score,
            "mean": finite_or_none(one.mean),
            "spread": one.spread,
        }
        for one in comparison.configurations
    ]
    names = ("gain", "pairs", "p_value", "sentence")
    return {"configurations": configurations, **{name: getattr(comparison, name) for name in names}}


def finite_or_none(value: float) -> float | None:
    """Return a number that JSON can hold; None for NaN and infinity."""
    return value if math.isfinite(value) else None


def print_summary(
    study: optuna.Study,
    folder: Path,
    console: PlainConsole | None = None,
    repeats: optuna.Study | None = None,
    answer: StudyAnswer | None = None,
) -> None:
    """Print the outcome of a search: the best trials, how to repeat them, where the report is.

    A study prints its answer and its tables instead of its best trial.
    """
    console = console or PlainConsole()
    for part in answer.parts if answer else ():
        console.print(part.table)
    for name, line in summary_lines(study, folder, repeats, answer):
        console.print(f"{name:<9}{line}", soft_wrap=True)


def summary_lines(
    study: optuna.Study,
    folder: Path,
    repeats: optuna.Study | None,
    answer: StudyAnswer | None = None,
) -> Iterator[tuple[str, str]]:
    """Yield name and text of each line that print_summary prints."""
    search = search_records(study, folder)
    counts = ", ".join(f"{count} {state}" for state, count in search.count_states().items())
    failures = ", ".join(f"{count} {name}" for name, count in search.count_failures().items())
    yield "trials", (counts or "none") + (f" ({failures})" if failures else "")
    yield from answer_lines(answer) if answer else best_lines(search)
    test = test_split_line(folder)
    if test:
        yield "test", test
    if repeats:
        yield "repeats", compare_configurations(repeats).sentence
    yield "report", str(folder / PAGE_FILE)
    if test:
        from rnnlab.experiment.next_step import next_command  # imports torch

        yield "next", next_command(RunFolder(folder / "best"))


def answer_lines(answer: StudyAnswer) -> Iterator[tuple[str, str]]:
    """Yield the lines about the answer of a study."""
    for part in answer.parts:
        yield "answer", part.sentence
        yield from (("", sentence) for sentence in part.basis)
    if not answer.parts:
        yield "answer", answer.sentence
    for note in answer.notes:
        yield "note", note


def best_lines(search: SearchRecord) -> Iterator[tuple[str, str]]:
    """Yield the lines about the best trials."""
    best = search.best_trials
    if not best:
        yield "best", "no trial is complete, so there is no best one"
    for trial in best[:FRONT_LIMIT]:
        yield "best", trial_line(search, trial)
        yield "repeat", trial.command
    if len(best) > FRONT_LIMIT:
        yield "", f"and {len(best) - FRONT_LIMIT} more on the Pareto front, in the report"


def trial_line(search: SearchRecord, trial: TrialRecord) -> str:
    """Return number, scores and parameters of a complete trial."""
    pairs = zip(search.objectives, trial.values, strict=True)
    scores = ", ".join(f"{objective.name} {format_number(value)}" for objective, value in pairs)
    params = ", ".join(f"{name} {format_text(value)}" for name, value in trial.params.items())
    return f"trial {trial.number}: {scores}" + (f" ({params})" if params else "")


def test_split_line(folder: Path) -> str:
    """Return the scores of best/ on the test split; empty before it was tested."""
    best = RunFolder(folder / "best")
    report = best.read_report()
    scores = {name: v for name, v in report.get("scores", {}).items() if "test/" in name}
    values = ", ".join(f"{name} {format_score(value)}" for name, value in scores.items())
    targets = report.get("evaluated_targets", {}).get("test", 0)
    return f"{values} ({targets:,} targets, read once: {best.path})" if scores else ""
