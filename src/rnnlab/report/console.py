"""Console output of a run: a header of five lines, and a table of scores at the end."""

from collections.abc import Mapping, Sequence
from typing import Any

from rnnlab.report.folder import RunFolder
from rnnlab.report.summary import run_label
from rnnlab.report.tables import NumberTable
from rnnlab.report.test_reads import READS_ADVICE
from rnnlab.runtime.console import PlainConsole


def header(
    report: Mapping[str, Any], folder: RunFolder, data: str, has_auto_budget: bool = False
) -> None:
    """Print the run with its folder, data, model, kernel, and the length of the training."""
    console = PlainConsole()
    model, device = report["model"], report["device"]
    kind = f"{device['count']} x {device.get('gpu', device['kind'])}"
    lines = {
        "run": f"{run_label(report)}: {folder.path}",
        "data": data,
        "model": f"{model['class']}, {model['parameters']:,} parameters, on {kind}",
        "kernel": "{name} ({reason})".format(**report["kernel"]),
        "cpu": threads_line(report["threads"]),
        "budget": budget_line(report["budget"], has_auto_budget),
    }
    for name, line in lines.items():
        console.print(f"{name:<7}{line}", soft_wrap=True)
    for note in report["data"]["notes"]:
        console.print(f"       ({note})", soft_wrap=True)


def threads_line(threads: Mapping[str, Any]) -> str:
    """Return the number of threads, and the reason.

    >>> threads_line({"number": 1, "reason": "the network is small"})
    '1 thread (the network is small)'
    """
    return f"{threads['number']} thread{'s' if threads['number'] > 1 else ''} ({threads['reason']})"


def budget_line(budget: Mapping[str, int], is_automatic: bool) -> str:
    """Return epochs and steps of the training.

    >>> budget_line({"epochs": 15, "steps_per_epoch": 107, "steps": 1605}, True)
    '15 epochs of 107 steps, 1,605 in all (chosen for the size of the data; trainer.max_epochs=15)'
    """
    line = "{epochs:,} epochs of {steps_per_epoch:,} steps, {steps:,} in all".format(**budget)
    hint = f" (chosen for the size of the data; trainer.max_epochs={budget['epochs']})"
    return line + (hint if is_automatic else "")


def print_results(
    report: Mapping[str, Any], folder: RunFolder, console: PlainConsole | None = None
) -> None:
    """Print the scores with the baselines below them, and the cost of the run."""
    console = console or PlainConsole()
    console.print(scores_table(report))
    for title, rows in report.get("tables", {}).items():
        console.print(plain_table(title, rows))
    for name, reason in report.get("missing_baselines", {}).items():
        console.print(f"no baseline {name}: {reason}", soft_wrap=True)
    for sentence in report.get("findings", []):
        console.print(sentence, soft_wrap=True)
    for sentence in report.get("gradient_health", {}).get("verdict", []):
        console.print(f"{'health':<13}{sentence}", soft_wrap=True)
    for name, line in list_facts(report, folder).items():
        console.print(f"{name:<13}{line}", soft_wrap=True)


def print_next(command: str, console: PlainConsole | None = None) -> None:
    """Print the command to type next; nothing if there is none."""
    if command:
        (console or PlainConsole()).print(f"{'next':<13}{command}", soft_wrap=True)


def scores_table(report: Mapping[str, Any]) -> NumberTable:
    """Return a table of the best validation, the test, and each baseline on the last split."""
    scores = report["scores"]
    metrics = dict.fromkeys(name.split("/", 1)[1] for name in scores)
    result = NumberTable(["", *metrics], title=run_label(report))
    is_tested = any(name.startswith("test/") for name in scores)
    rows = {"best val": ("val", scores), **({"test": ("test", scores)} if is_tested else {})}
    split = "test" if is_tested else "val"
    rows |= {name: (split, members) for name, members in report["baselines"].items()}
    for name, (split, members) in rows.items():
        values = (members.get(f"{split}/{metric}") for metric in metrics)
        result.add_row(name, *map(format_score, values))
    return result


def plain_table(title: str, rows: Sequence[Mapping[str, Any]]) -> NumberTable:
    """Return a table of rows with the same keys; what is undefined is a dash."""
    result = NumberTable([*rows[0]], title=title)
    for row in rows:
        cells = (v if isinstance(v, str) else format_score(v) for v in row.values())
        result.add_row(*cells)
    return result


def format_score(value: float | None) -> str:
    """Format a number with four digits after the point; None is a dash.

    >>> format_score(0.88124), format_score(0.00001234), format_score(4.56e12), format_score(None)
    ('0.8812', '1.23e-05', '4.5600e+12', '-')
    """
    if value is None:
        return "-"
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:.4f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.4e}"


def list_facts(report: Mapping[str, Any], folder: RunFolder) -> dict[str, str]:
    """Return the facts below the table, a line each."""
    speed, targets = report["speed"], report["evaluated_targets"]
    memory = ", ".join(f"{name} {value:,.0f} MiB" for name, value in report["peak_memory"].items())
    lines = {
        "parameters": f"{report['model']['parameters']:,}",
        "checkpoint": checkpoint_line(report.get("best")),
        "targets": ", ".join(f"{count:,} {split}" for split, count in targets.items()),
        "test reads": reads_line(report.get("test_reads")),
        "segments": segments_line(report),
        "seconds": seconds_line(report["seconds"]),
        "speed": speed_line(speed) if speed else "",
        "peak memory": memory,
        "folder": str(folder.path),
    }
    return {name: line for name, line in lines.items() if line}


def reads_line(reads: Mapping[str, int] | None) -> str:
    """Return how often the test split was read; empty for the first time.

    >>> reads_line({"run": 1, "total": 3, "runs": 2}).partition(":")[0]
    '3 of this test split, by 2 runs of the folder'
    """
    if not reads or reads["total"] < 2:
        return ""
    runs = f"{reads['runs']:,} runs" if reads["runs"] > 1 else "one run"
    return f"{reads['total']:,} of this test split, by {runs} of the folder: {READS_ADVICE}"


def checkpoint_line(best: Mapping[str, int] | None) -> str:
    """Return which network has the scores of the table; empty without a validation.

    >>> checkpoint_line({"step": 376, "epoch": 7})
    'step 376, epoch 8'
    """
    return f"step {best['step']:,}, epoch {best['epoch'] + 1}" if best else ""


def segments_line(report: Mapping[str, Any]) -> str:
    """Return the score of each segment of a run that was extended; empty for other runs.

    >>> first = {"epochs": 5, "scores": {"val/mse": 0.25}, "best": {"step": 40, "epoch": 4}}
    >>> segments_line({"monitor": "val/mse", **first, "epochs": 9, "segments": [first]})
    '5 epochs, val/mse 0.2500 at step 40; 9 epochs, val/mse 0.2500 at step 40'
    """
    if not report.get("segments"):
        return ""
    segments, monitor = [*report["segments"], report], report["monitor"]
    return "; ".join(
        f"{part['epochs']} epochs, {monitor} {format_score(part['scores'].get(monitor))}"
        f" at step {(part['best'] or {}).get('step', '-')}"
        for part in segments
    )


def seconds_line(seconds: Mapping[str, float]) -> str:
    """Return the wall time of each stage, and of all.

    >>> seconds_line({"fit": 20.0, "test": 1.5})
    'fit 20.0, test 1.5, in all 21.5'
    """
    stages = {**seconds, "in all": sum(seconds.values())}
    return ", ".join(f"{name} {value:.1f}" for name, value in stages.items())


def speed_line(speed: Mapping[str, float]) -> str:
    """Return the training speed in sequences and time steps."""
    samples, steps = speed["samples_per_second"], speed["tokens_per_second"]
    return f"{samples:,.0f} samples/s, {steps:,.0f} steps/s in training"
