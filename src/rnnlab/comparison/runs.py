"""Finished runs of the disk, with the values that a comparison reads."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import Any

from rnnlab.errors import ConfigError, about_file
from rnnlab.report.folder import RunFolder
from rnnlab.report.seeds import repeat_of, settings_of

REPORT = "report.json"


@dataclass(frozen=True)
class FinishedRun:
    """A run whose training and test have ended.

    Attributes:
        folder: of the run.
        report: content of report.json.
        settings: flat settings of its config, dotted name -> value as JSON; see
            rnnlab.report.seeds.settings_of.
    """

    folder: Path
    report: Mapping[str, Any]
    settings: Mapping[str, str]

    @property
    def repeat(self) -> str:
        """What differs between repeats of one configuration: the seeds, and the fold."""
        return repeat_of(self.settings)

    @property
    def seed(self) -> str:
        """Seed and fold of the run, in short."""
        fold = self.settings.get("data.fold", "null")
        return f"seed {self.report['seed']}" + (f", fold {fold}" if fold != "null" else "")


def find_runs(places: Sequence[str]) -> tuple[list[FinishedRun], list[str]]:
    """Return the finished runs in folders, and notes on those that are left out.

    Args:
        places: folders of runs or of searches, folders above them, or patterns such as
            `outputs/sine-*`.

    Raises:
        ConfigError: there is no such folder, or it has no finished run.
    """
    runs, notes = list[FinishedRun](), list[str]()
    for folder in list_folders(places):
        try:
            runs.append(read_run(RunFolder(folder)))
        except ConfigError as error:  # it is damaged, not finished, or of another version
            notes.append(str(error))
    if not runs:
        reason = "; ".join(notes) or "they have no report.json"
        raise ConfigError(about_file(", ".join(places), f"no finished run ({reason})"))
    return runs, notes


def read_run(folder: RunFolder) -> FinishedRun:
    """Return a finished run.

    Raises:
        ConfigError: it is not finished, damaged, or another version of rnnlab wrote it.
    """
    report = folder.read_report()
    if report.get("status") != "finished":
        raise ConfigError(
            about_file(folder.path, f"is {report.get('status', 'damaged')}, not finished")
        )
    config = folder.read_config()  # checks the version
    return FinishedRun(folder.path, report, settings_of(config, report))


def list_folders(places: Sequence[str]) -> list[Path]:
    """Return the folders with a report below some places, each once, in a fixed order.

    Raises:
        ConfigError: a place does not exist.
    """
    folders = dict[Path, None]()
    for place in places:
        paths = [Path(place)] if Path(place).exists() else sorted(map(Path, glob(place)))  # noqa: PTH207, absolute, too
        if not paths:
            raise ConfigError(
                about_file(place, f"there is no such folder, looked for in {Path.cwd()}")
            )
        for path in paths:
            folders |= dict.fromkeys(sorted(report.parent for report in _find_reports(path)))
    return list(folders)


def _find_reports(path: Path) -> Iterator[Path]:
    """Yield the reports of runs below a path; the copy of a search's best trial is not a run."""
    if path.is_file():
        path = path.parent
    if (path / REPORT).is_file():
        yield path / REPORT
        return
    for report in path.rglob(REPORT):
        if report.parent.name != "best":
            yield report
