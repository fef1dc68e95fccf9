"""Write the answers of studies into docs/studies.md.

    python sweep.py sweep=study_gru_lstm budget=small
    python -m benchmarks.studies outputs/sweeps

The answers come from summary.json in the folders of the studies. A study that is not there, or that
has not run all its points, keeps the answer that the page has.
"""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from benchmarks.commands import study_command
from rnnlab.sweeps.report.records import END_STATES

PAGE = Path(__file__).parents[1] / "docs" / "studies.md"
BEGIN, END = "<!-- answers -->\n", "<!-- end of answers -->"
SECTION = re.compile(r"^### (\S+)\n.*?(?=^### |\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class EndedStudy:
    """A study that has run all its points.

    Attributes:
        name: of the study, with its budget.
        command: that runs it.
        answer: entry of summary.json.
        folder: of the study.
    """

    name: str
    command: str
    answer: Mapping[str, Any]
    folder: Path

    def read_reports(self) -> list[dict[str, Any]]:
        """Return the reports of its runs."""
        files = sorted(self.folder.glob("trials/*/report.json"))
        return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def find_studies(folders: Sequence[Path]) -> list[EndedStudy]:
    """Return the studies below some folders that have run all their points, by name.

    Raises:
        ConfigError: no command of this commit has the settings of a study.
    """
    studies = dict[str, EndedStudy]()
    for file in sorted(file for folder in folders for file in folder.rglob("summary.json")):
        summary = json.loads(file.read_text(encoding="utf-8"))
        sweep: Any = OmegaConf.to_container(OmegaConf.load(file.parent / "sweep.yaml"))
        ended = sum(count for name, count in summary["counts"].items() if name in END_STATES)
        if summary["answer"] and summary["answer"]["parts"] and ended >= sweep["n_trials"]:
            study = EndedStudy(
                summary["name"], study_command(sweep), summary["answer"], file.parent
            )
            studies[study.name] = study
        elif summary["answer"] is not None:
            print(f"{file.parent}: left out, {ended} of {sweep['n_trials']} runs have ended")
    return [studies[name] for name in sorted(studies)]


def write_section(study: EndedStudy) -> str:
    """Return the section of a study: its command, and the answer as it is printed."""
    sentences = [f"> {part['sentence']}" for part in study.answer["parts"]]
    notes = [f"{note}." for note in study.answer["notes"]]
    lines = [f"### {study.name}", f"`{study.command}`", *sentences, *notes]
    return "\n\n".join(lines) + "\n\n"


def update_page(page: str, studies: Sequence[EndedStudy]) -> str:
    """Return the page with new answers."""
    before, rest = page.split(BEGIN)
    previous, after = rest.split(END)
    sections = {match[1]: match[0] for match in SECTION.finditer(previous)}
    sections |= {study.name: write_section(study) for study in studies}
    return before + BEGIN + "\n" + "".join(sections.values()) + END + after


def main() -> None:
    """Read the command line, and update the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, help="of the searches, such as outputs/sweeps")
    studies = find_studies([parser.parse_args().folder])
    PAGE.write_text(update_page(PAGE.read_text(encoding="utf-8"), studies), encoding="utf-8")
    print(f"{PAGE}: {', '.join(study.name for study in studies) or 'no study has ended'}")


if __name__ == "__main__":
    main()
