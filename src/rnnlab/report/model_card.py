"""Model card of a run: README.md in its folder, with the metadata of the Hugging Face hub.

The format is described at https://huggingface.co/docs/hub/model-cards.
"""

import math
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from rnnlab.metrics.directions import HIGHER_IS_BETTER
from rnnlab.report.console import format_score
from rnnlab.report.folder import RunFolder
from rnnlab.report.markdown import escape_markdown
from rnnlab.report.seeds import runs_by_seed, spread
from rnnlab.runtime.files import write_text

CARD_FILE = "README.md"
HUB_TASKS = {  # our task -> the hub's
    "classification": "text-classification",
    "language_modeling": "text-generation",
    "translation": "translation",
    "forecasting": "time-series-forecasting",
    "step_classification": "token-classification",
}
DESCRIPTIONS = {  # what the network does
    "classification": "It reads a sequence and predicts its class, with probabilities.",
    "language_modeling": "It predicts the next token of a text, and generates texts.",
    "translation": "It reads a sentence and writes its translation.",
    "forecasting": "It reads the past of a series and forecasts its next values.",
    "step_classification": "It reads a sequence and predicts a class for each of its steps.",
}
USE_EXAMPLES = {  # how to use it; run.predict(...) for others
    "language_modeling": 'run.generate("The beginning of a text")',
    "translation": 'run.translate(["A sentence."])',
    "forecasting": 'run.predict("history.csv")  # a file or table with the columns of the training',
    "classification": 'run.predict(["A text."])',
}


def write_model_card(report: Mapping[str, Any], task: str, folder: RunFolder) -> Path:
    """Write the card of a finished run."""
    return write_text(folder.path / CARD_FILE, model_card(report, task, folder))


def model_card(report: Mapping[str, Any], task: str, folder: RunFolder) -> str:
    """Return the card: metadata, description, scores, data, use, training and limitations."""
    lines = [
        "---",
        card_metadata(report, task),
        "---",
        "",
        f"# {escape_markdown(report['name'])}",
        "",
        f"A recurrent network (`{report['model']['class']}`, {report['model']['parameters']:,} "
        f"parameters) for {task.replace('_', ' ')}, trained with rnnlab "
        f"{report['versions'].get('rnnlab', '')}. {DESCRIPTIONS.get(task, '')}".rstrip(),
        *section("Scores", score_lines(report, folder)),
        *section("Data", data_lines(report["data"])),
        *section("Use", use_lines(folder, task)),
        *section("Training", training_lines(report)),
        *section("Limitations", limitation_lines(report)),
    ]
    return "\n".join(lines) + "\n"


def section(title: str, lines: Iterator[str]) -> list[str]:
    """Return a section of the card."""
    return ["", f"## {title}", "", *lines]


def card_metadata(report: Mapping[str, Any], task: str) -> str:
    """Return the metadata of the card as YAML, with the test scores as results."""
    from huggingface_hub import EvalResult, ModelCardData

    data = report["data"]
    results = [
        EvalResult(
            task_type=HUB_TASKS.get(task, task),
            dataset_type=dataset_id(data),
            dataset_name=data_name(data),
            dataset_split="test",
            metric_type=name.removeprefix("test/"),
            metric_value=value,
        )
        for name, value in report["scores"].items()
        if name.startswith("test/") and math.isfinite(value)
    ]
    card = ModelCardData(
        datasets=[dataset_id(data)] if data["source"] == "hub" else None,
        model_name=report["name"],
        eval_results=results or None,
        library_name="rnnlab",
        pipeline_tag=HUB_TASKS.get(task),
        tags=["rnn", report["model"]["class"].lower(), "pytorch", "lightning"],
    )
    return str(card.to_yaml())


def score_lines(report: Mapping[str, Any], folder: RunFolder) -> Iterator[str]:
    """Yield a table of the test scores, with their spread over seeds and the baselines."""
    scores = {name: v for name, v in report["scores"].items() if name.startswith("test/")}
    if not scores:
        yield "The network was not tested."
        return
    names = [name.removeprefix("test/") for name in scores]
    yield f"| test | {' | '.join(names)} |"
    yield f"|---|{'---|' * len(names)}"
    yield table_row("this network", (format_score(value) for value in scores.values()))
    runs = runs_by_seed(report, folder)
    if len(runs) > 1:
        cells = (format_spread(spread(list(runs.values()), name)) for name in scores)
        yield table_row(f"mean of {len(runs)} seeds", cells)
    for label, values in report["baselines"].items():
        yield table_row(escape_markdown(label), (format_score(values.get(n)) for n in scores))
    count, better = report["evaluated_targets"].get("test", 0), set(names) & HIGHER_IS_BETTER
    higher = f"; higher is better for {', '.join(sorted(better))}" if better else ""
    yield ""
    yield f"{count:,} test targets, read once{higher}. {seeds_sentence(report['seed'], list(runs))}"
    yield ""
    for sentence in report.get("findings", ()):
        yield f"- {escape_markdown(sentence)}"


def table_row(label: str, cells: Iterator[str]) -> str:
    """Return a row of a Markdown table."""
    return f"| {label} | {' | '.join(cells)} |"


def format_spread(values: tuple[float, float] | None) -> str:
    """Return mean and standard deviation.

    >>> format_spread((0.9, 0.01)), format_spread(None)
    ('0.9000 ± 0.0100', '-')
    """
    return " ± ".join(map(format_score, values)) if values else "-"


def seeds_sentence(seed: int, seeds: list[int]) -> str:
    """Return which seeds the table is about."""
    if len(seeds) == 1:
        return f"One run with seed {seed}: the spread over seeds is not known."
    others = ", ".join(map(str, sorted(seeds)))
    return (
        f"This network has seed {seed}; the mean is over runs with the seeds {others} that were in "
        "the same folder, ± is their standard deviation."
    )


def data_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield source, sizes, checksum, licence and repairs of the data."""
    sizes = ", ".join(f"{count:,} {split}" for split, count in data["sizes"].items())
    release = f" {data['version']}" if data["version"] else ""
    yield f"- source: {data['source']}, {escape_markdown(data_name(data))}{release}"
    yield f"- targets: {sizes}"
    yield f"- SHA-256: `{data['sha256']}`"
    yield f"- licence: {data_license(data)}"
    yield from (f"- {escape_markdown(note)}" for note in data["notes"])


def data_name(data: Mapping[str, Any]) -> str:
    """Return the name of the data; of a user's own file without its folder, for others to read."""
    name: str = data["name"]
    return Path(name).name if data["source"] == "local" else name


def dataset_id(data: Mapping[str, Any]) -> str:
    """Return an id of the data as the hub accepts it; of data of the hub its own one.

    >>> dataset_id({"name": "stanfordnlp/imdb", "source": "hub"})
    'stanfordnlp/imdb'
    >>> dataset_id({"name": "my (1) sales.csv", "source": "local"})
    'my-1-sales.csv'
    """
    if data["source"] == "hub":
        return str(data["name"])
    return re.sub(r"[^A-Za-z0-9_.]+", "-", data_name(data)).strip("-.") or "data"


def data_license(data: Mapping[str, Any]) -> str:
    """Return the licence of the data, as far as it is known."""
    if data["source"] == "generated":
        return "none, the data is generated"
    if data["source"] != "embedded":
        return "not known to rnnlab; see the terms of the source"
    try:
        facts: Any = metadata(data["name"])
    except PackageNotFoundError:
        return "not known to rnnlab; see the terms of the source"
    text = facts.get("License-Expression") or facts.get("License") or ""
    classifiers = [c for c in facts.get_all("Classifier") or () if c.startswith("License")]
    name = text if text and "\n" not in text else "".join(classifiers[:1]).split(" :: ")[-1]
    return f"{name or 'not stated'} (of the package {data['name']})"


def use_lines(folder: RunFolder, task: str) -> Iterator[str]:
    """Yield how to load the network."""
    name = folder.path.name
    yield "```python"
    yield "import rnnlab"
    yield ""
    yield f'run = rnnlab.load("{name}")  # this folder: it needs neither data nor cache'
    yield USE_EXAMPLES.get(task, "run.predict(...)")
    yield "run.model  # the LightningModule"
    yield "```"
    yield ""
    yield f"    rnnlab evaluate {name}    # the test scores again"


def training_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield budget, time, device, versions and commit."""
    device, git = report["device"], report["git"]
    kind = device.get("gpu", device["kind"])
    best = report["best"]
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    yield f"- {report['epochs']:,} epochs in {sum(report['seconds'].values()):,.0f} s, {kind}"
    if best:
        place = f"step {best['step']:,} (epoch {best['epoch'] + 1})"
        yield f"- the weights of {place}, with the best {report['monitor']}"
    yield f"- {versions}"
    if commit := git.get("commit"):
        yield f"- commit {commit}{', with changes' if git.get('changed') else ''}"
    yield "- `config.yaml` has every setting, `report.json` every figure"


def limitation_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the scores do not say."""
    yield "- The scores hold for data like the test split above, not for other sources or times."
    if missing := report.get("missing_baselines"):
        names = "; ".join(f"{name} ({reason})" for name, reason in missing.items())
        yield f"- Baselines that could not be computed: {escape_markdown(names)}."
    if not report["baselines"]:
        yield "- There is no baseline to compare with."
    yield "- The network was not examined for bias against groups of people."
