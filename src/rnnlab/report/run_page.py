"""report.html of a run: its scores, figures, tables and texts, data, settings, environment."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from rnnlab.metrics.directions import HIGHER_IS_BETTER, best_baseline
from rnnlab.report.console import format_score, list_facts, plain_table, scores_table
from rnnlab.report.folder import RunFolder
from rnnlab.report.html import render_markdown
from rnnlab.report.model_card import data_license, data_name
from rnnlab.report.page import ResultPage, Section
from rnnlab.report.summary import run_label
from rnnlab.report.tables import NumberTable

MAX_FIGURE_BYTES = 1_350_000  # of all figures; in base64 they are a third larger
MAX_PAGE_TEXT = 60_000  # characters of a text on the page
MAX_CLASS_ROWS = 60  # rows of the table by class
FIGURES = {  # file -> title and explanation, in the order of the page
    "learning_curves": ("Learning curves", ""),
    "forecasts": ("Forecasts", ""),
    "confusion_matrix": ("Confusion matrix", ""),
    "step_accuracy": ("Accuracy by step", ""),
    "bleu_by_length": ("BLEU by length", ""),
    "attention": ("Attention", ""),
    "attention_pooling": ("Attention of the pooling", ""),
    "attention_layers": ("Attention of the layers", ""),
    "loss_by_frequency": ("Loss by frequency", ""),
    "errors_by_step": ("Errors by step", ""),
    "forecast_errors": ("Forecast errors", ""),
    "coverage": ("Coverage of the intervals", ""),
    "token_frequencies": ("Token frequencies", ""),
    "internals": ("States and gates", "Of one test sequence; the features that change most."),
    "gradient_health": (
        "Gradient health",
        "Left: the norm before clipping, over the steps of each epoch. Right: how much the last "
        "state of a layer depends on its earlier states.",
    ),
    "gradient_profile": (
        "Gradients by step",
        "How strongly the last output and the loss depend on earlier inputs: a steep fall to the "
        "left means that early inputs cannot be learned.",
    ),
}


class RunDescription(NamedTuple):
    """What the page of a run needs beside its report.

    Attributes:
        settings: dotted name -> value.
        changes: names of the settings that differ from their defaults.
        files: figures and texts of this run.
        repeat: command that repeats it.
    """

    settings: Mapping[str, Any]
    changes: frozenset[str]
    files: Sequence[Path]
    repeat: str


def run_page(
    report: Mapping[str, Any], folder: RunFolder, description: RunDescription
) -> ResultPage:
    """Return the page of a run that has finished."""
    model, data = report["model"], data_name(report["data"])
    task = report.get("task", "").replace("_", " ")
    subtitle = f"{model['class']} ({model['parameters']:,} parameters) on {data}: {task}"
    commit = report["git"].get("commit", "")[:12]
    return ResultPage(
        run_label(report),
        subtitle.removesuffix(": "),
        headline(report),
        [part for part in run_sections(report, folder, description) if part is not None],
        {
            "made": f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S %Z}",
            **({"commit": commit} if commit else {}),
            **{name: report["versions"].get(name, "") for name in ("rnnlab", "torch")},
        },
    )


def run_title(report: Mapping[str, Any]) -> str:
    """Return run, model and data, for the title of a figure."""
    return f"{run_label(report)}: {report['model']['class']} on {data_name(report['data'])}"


def run_sections(
    report: Mapping[str, Any], folder: RunFolder, description: RunDescription
) -> Iterator[Section | None]:
    """Yield the sections in the order of the page; None for one without content."""
    figures = [path for path in description.files if path.suffix == ".png" and path.exists()]
    texts = [path for path in description.files if path.suffix == ".md" and path.exists()]
    yield score_section(report)
    yield Section("Repeat", "The same data, settings and seed:", command=description.repeat)
    verdict = report.get("gradient_health", {}).get("verdict", ())
    yield from figure_sections(figures, {"gradient_health": verdict})
    yield class_section(report)
    yield from map(text_section, texts)
    yield data_section(report)
    yield settings_section(description)
    yield environment_section(report, folder)
    yield files_section(folder)


def headline(report: Mapping[str, Any]) -> str:
    """Return the test score of the monitored metric beside the best baseline."""
    metric = report["monitor"].partition("/")[2]
    scores = report["scores"]
    split = "test" if f"test/{metric}" in scores else "val"
    name = f"{split}/{metric}"
    if name not in scores:
        return ""
    sentence = f"{name} is {format_score(scores[name])}"
    best = best_baseline(report["baselines"], name)
    if best is None:
        return f"{sentence}; there is no baseline to compare with."
    better = scores[name] > best[1] if metric in HIGHER_IS_BETTER else scores[name] < best[1]
    word = "better than" if better else "not better than"
    return f"{sentence}, {word} the best baseline, {best[0]}, with {format_score(best[1])}."


def score_section(report: Mapping[str, Any]) -> Section:
    """Return the scores with the baselines, and the conclusions."""
    table = scores_table(report)
    missing = report.get("missing_baselines", {}).items()
    sentences = [
        *report.get("findings", ()),
        *(f"No baseline {name}: {reason}" for name, reason in missing),
    ]
    others = [plain_table(title, rows) for title, rows in report.get("tables", {}).items() if rows]
    return Section("Scores", sentences=sentences, tables=[table, *others])


def figure_sections(
    paths: Sequence[Path], verdicts: Mapping[str, Sequence[str]]
) -> Iterator[Section]:
    """Yield a section for each figure, in the order of FIGURES; large ones are only named.

    The verdicts are sentences beside a figure, by the name of its file.
    """
    order = [*FIGURES]
    ranks = {path: order.index(path.stem) if path.stem in FIGURES else 6 for path in paths}
    size = 0
    for path in sorted(paths, key=lambda path: (ranks[path], path.stem)):
        default = (path.stem.replace("_", " ").capitalize(), "")
        title, remark = FIGURES.get(path.stem, default)
        length = path.stat().st_size
        if size + length > MAX_FIGURE_BYTES:
            yield Section(title, f"Too large for this page: see {path.name} in the run's folder.")
            continue
        size += length
        yield Section(title, remark, path, sentences=verdicts.get(path.stem, ()))


def class_section(report: Mapping[str, Any]) -> Section | None:
    """Return precision, recall and F1 of each class, of a classification."""
    classes = report.get("details", {}).get("by_class", {})
    if not classes:
        return None
    table = NumberTable(["class", *next(iter(classes.values()))])
    for name, scores in [*classes.items()][:MAX_CLASS_ROWS]:
        table.add_row(
            name, *(f"{v:,}" if type(v) is int else format_score(v) for v in scores.values())
        )
    rest = len(classes) - MAX_CLASS_ROWS
    remark = f"The first {MAX_CLASS_ROWS} classes; report.json has {rest} more." if rest > 0 else ""
    return Section("Classes", remark, tables=[table])


def text_section(path: Path) -> Section:
    """Return the section of a Markdown text of the run, such as samples or translations."""
    title, _, text = path.read_text(encoding="utf-8").partition("\n")
    remark = "" if len(text) <= MAX_PAGE_TEXT else f"The beginning; {path.name} has the rest."
    html = render_markdown(text[:MAX_PAGE_TEXT])
    return Section(title.lstrip("# "), remark, html=html, is_folded=len(text) > 3000)


def data_section(report: Mapping[str, Any]) -> Section:
    """Return source, version, hash, sizes and notes of the data."""
    data = report["data"]
    notes = {f"note {i}": note for i, note in enumerate(data["notes"], start=1)}
    targets = report["evaluated_targets"].items()
    facts = {
        "source": data["source"],
        "name": data_name(data),
        "version": data["version"],
        "sha256": data["sha256"],
        "targets": ", ".join(f"{count:,} {split}" for split, count in data["sizes"].items()),
        "evaluated": ", ".join(f"{count:,} {split}" for split, count in targets),
        "licence": data_license(data),
        **notes,
    }
    return Section("Data", facts={name: value for name, value in facts.items() if value})


def settings_section(description: RunDescription) -> Section:
    """Return all settings; those that differ from the defaults are highlighted."""
    facts = {name: format_setting(value) for name, value in description.settings.items()}
    return Section(
        "Settings",
        "Highlighted: differs from the default of its class. config.yaml has the same settings.",
        facts=facts,
        marks=description.changes & facts.keys(),
    )


def format_setting(value: Any) -> str:
    """Return the value of a setting as it is typed.

    >>> format_setting(None), format_setting(True), format_setting([1, 2])
    ('null', 'true', '[1, 2]')
    """
    words = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def environment_section(report: Mapping[str, Any], folder: RunFolder) -> Section:
    """Return cost, device, versions and commit."""
    device, git = report["device"], report["git"]
    changes = " with changes" if git.get("changed") else ""
    facts = {
        **list_facts(report, folder),
        "device": ", ".join(f"{name} {value}" for name, value in device.items()),
        "versions": ", ".join(f"{name} {version}" for name, version in report["versions"].items()),
        "commit": f"{git['commit']}{changes}" if git.get("commit") else "",
    }
    return Section("Environment", facts={name: value for name, value in facts.items() if value})


def files_section(folder: RunFolder) -> Section:
    """Return the files beside the page, to open from there."""
    names = sorted(path.name for path in folder.path.iterdir() if path.is_file())
    visible = [name for name in names if not name.startswith(".")]
    return Section("Files", "Beside this page:", links={name: name for name in visible})
