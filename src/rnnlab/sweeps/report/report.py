"""Report of a search, written from its study alone at any time, also while it runs.

It consists of trials.csv, report/*.png, report.html and summary.json.
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
from omegaconf import OmegaConf

from rnnlab.plots.figures import caption
from rnnlab.report.console import scores_table
from rnnlab.report.folder import RunFolder
from rnnlab.report.page import PAGE_FILE, Section
from rnnlab.report.run_page import headline
from rnnlab.runtime.environment import versions
from rnnlab.runtime.files import write_json
from rnnlab.sweeps.answer.answer import StudyAnswer
from rnnlab.sweeps.report.figures import draw_figures
from rnnlab.sweeps.report.importance import setting_importance
from rnnlab.sweeps.report.page import Page, write_search_page
from rnnlab.sweeps.report.ranking import compare_configurations
from rnnlab.sweeps.report.search_records import group_space, search_records
from rnnlab.sweeps.report.summary import SUMMARY_FILE, answer_sentence, summarize_search
from rnnlab.sweeps.report.table import write_table

PAGE_SETTINGS = (
    *(
        "base",
        "n_trials",
        "sampler",
        "pruner",
        "budget",
        "repeats",
        "enqueue",
        "warm_start",
        "seeds",
    ),
)
TABLE_FILE, FIGURE_FOLDER = "trials.csv", "report"


def write_report(
    study: optuna.Study,
    folder: Path,
    repeats: optuna.Study | None = None,
    answer: StudyAnswer | None = None,
) -> list[Path]:
    """Write table, figures, page and summary of a search, and return the paths of the files.

    They replace an earlier report.

    Args:
        study: of the search; its trials may still run.
        folder: of the search; learning curves are read from trials/<number>/metrics.csv.
        repeats: study of the repeated configurations; see compare_configurations.
        answer: of a study, with which the page begins.
    """
    folder.mkdir(parents=True, exist_ok=True)
    search, importance = search_records(study, folder), setting_importance(study)
    comparison = compare_configurations(repeats) if repeats else None
    settings = read_snapshot(folder)
    is_study = bool(settings.get("seeds") or settings.get("answer"))
    sections = draw_figures(search, importance, comparison, folder / FIGURE_FOLDER, is_study)
    question = str(settings.get("question") or "")
    with caption(f"study {search.name}"):
        answers = answer_sections(answer, folder / FIGURE_FOLDER) if answer else []
    page = Page(
        search,
        question,
        page_settings(study, settings),
        [*best_sections(folder / "best"), *sections],
        provenance(study),
        answer.sentence if answer else answer_sentence(search, comparison),
        answers,
    )
    return [
        write_table(search, folder / TABLE_FILE),
        *(section.figure for section in [*answers, *sections] if section.figure),
        write_search_page(page, folder / PAGE_FILE),
        write_json(folder / SUMMARY_FILE, summarize_search(search, importance, comparison, answer)),
    ]


def answer_sections(answer: StudyAnswer, folder: Path) -> list[Section]:
    """Draw the figures of an answer, and return its sections; the page itself has the heads."""
    notes = [f"{note}." for note in answer.notes]
    return [
        Section(
            part.title,
            sentences=[*([] if part in answer.heads else [part.sentence]), *part.basis, *notes],
            figure=part.plot(folder / f"answer_{i}.png"),
            tables=[part.table],
        )
        for i, part in enumerate(answer.parts)
    ]


def best_sections(folder: Path) -> list[Section]:
    """Return the test scores of the best trial beside the baselines; nothing before its test."""
    report = RunFolder(folder).read_report()
    if not any(name.startswith("test/") for name in report.get("scores", {})):
        return []
    findings = report.get("findings", ())
    table = scores_table(report)
    return [Section("Test of the best trial", headline(report), sentences=findings, tables=[table])]


def read_snapshot(folder: Path) -> dict[str, Any]:
    """Return the settings of the search from sweep.yaml; empty without that file."""
    snapshot = folder / "sweep.yaml"
    if not snapshot.exists():
        return {}
    plain: Any = OmegaConf.to_container(OmegaConf.load(snapshot))
    return dict(plain)


def page_settings(study: optuna.Study, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the page shows: of the search, and what all trials share."""
    definition = study.user_attrs.get("definition", {})
    names = [name for name in PAGE_SETTINGS if name != "sampler" or not settings.get("seeds")]
    search = {name: settings[name] for name in names if settings.get(name)}
    goals = {name: definition[name] for name in ("objectives", "seed") if name in definition}
    monitor = {"monitor": f"{definition['monitor']} ({definition['mode']})"} if definition else {}
    base = {"config of all trials": definition["base"]} if "base" in definition else {}
    return {**search, **monitor, **goals, "space": group_space(definition), **base}


def provenance(study: optuna.Study) -> dict[str, Any]:
    """Return the time of the report, the commit of the search, and versions."""
    git = study.user_attrs.get("git") or {}
    changes = " with changes" if git.get("changed") else ""
    commit = {"commit": f"{git['commit']}{changes}"} if git.get("commit") else {}
    time = f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S %Z}"
    return {"made": time, **commit, **versions(), "optuna": optuna.__version__}
