"""Start of a command: its first line, and its processor time."""

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.pairs import Results, Row
from benchmarks.programs import ROOT
from benchmarks.runs import Settings
from benchmarks.usage import Usage, measure_command

SHORT = (
    *("data=sine", "trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=1"),
    *("trainer.limit_val_batches=1", "trainer.limit_test_batches=1"),
)
WRONG = ("data=sine", "optimizer.lr=-1")
FIRST_LINE_SECONDS = 1.0
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def startup(settings: Settings) -> Results:
    """Measure a run of one batch and a setting that is refused; compare with another checkout."""
    checkouts = [ROOT, *([settings.against] if settings.against else [])]
    usages: dict[Path, list[tuple[Usage, Usage]]] = {checkout: [] for checkout in checkouts}
    for turn in range(settings.repeats + 1):
        for checkout in checkouts if turn % 2 else reversed(checkouts):
            pair = measure_start(checkout)
            if turn:  # the first one reads the files of the packages
                usages[checkout].append(pair)
    yield from describe_ours(usages[ROOT])
    yield from compare_checkouts(list(usages.values()))


def measure_start(checkout: Path) -> tuple[Usage, Usage]:
    """Return what a run of one batch and a refused setting use."""
    with TemporaryDirectory() as folder:
        script, path = checkout / "train.py", Path(folder)
        run = measure_command(script, SHORT, path, ONE_THREAD)
        return run, measure_command(script, WRONG, path, ONE_THREAD, fails=True)


def describe_ours(usages: list[tuple[Usage, Usage]]) -> Results:
    """Return the rows of this checkout."""
    first_line = "wall seconds until train.py prints its first line"
    run, wrong = zip(*usages, strict=True)
    yield seconds_row(first_line, [usage.first_line for usage in run], FIRST_LINE_SECONDS)
    yield seconds_row("CPU seconds of a run of one batch, data=sine", [u.cpu for u in run])
    yield seconds_row("CPU seconds until a wrong setting is refused", [u.cpu for u in wrong])


def seconds_row(what: str, values: list[float], bar: float | None = None) -> Row:
    """Return a row of seconds, at most the bar."""
    return Row("startup", what, "", "", values, bar, at_least=False, unit="s")


def compare_checkouts(usages: list[list[tuple[Usage, Usage]]]) -> Results:
    """Return the ratios of CPU seconds, other checkout / this one."""
    if len(usages) < 2:
        yield "startup: the comparison with another checkout needs --against FOLDER"
        return
    for i, what in enumerate(("a run of one batch", "a refused setting")):
        ours, other = ([pair[i].cpu for pair in side] for side in usages)
        values = [b / a for a, b in zip(ours, other, strict=True)]
        text = f"CPU seconds of {what}: other checkout / this one"
        numbers = [f"{sum(side) / len(side):.2f} s" for side in (ours, other)]
        yield Row("startup", text, numbers[0], numbers[1], values, None, at_least=True)
