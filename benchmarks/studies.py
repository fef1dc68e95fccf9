"""Write the answers of studies into docs/studies.md.

    python sweep.py sweep=study_gru_lstm budget=small
    python -m benchmarks.studies outputs/sweeps

The answers come from summary.json in the folders of the studies. A study that is not there keeps
the answer that the page has.
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "studies.md"
BEGIN, END = "<!-- answers -->\n", "<!-- end of answers -->"
SECTION = re.compile(r"^### (\S+)\n.*?(?=^### |\Z)", re.MULTILINE | re.DOTALL)


def read_answers(folder: Path) -> dict[str, dict[str, Any]]:
    """Return name -> answer of the studies in a folder that have run all their points."""
    summaries = [json.loads(path.read_text()) for path in folder.glob("study_*/summary.json")]
    answers = {summary["name"]: summary["answer"] for summary in summaries}
    return {name: answer for name, answer in answers.items() if answer and answer["parts"]}


def write_section(name: str, answer: dict[str, Any]) -> str:
    """Return the section of a study: its command, and the answer as it is printed."""
    study, _, budget = name.partition("-")
    command = f"python sweep.py sweep={study}" + (f" budget={budget}" if budget else "")
    lines = [part["sentence"] for part in answer["parts"]]
    notes = [f"{note}." for note in answer["notes"]]
    return "\n\n".join([f"### {name}", f"`{command}`", *(f"> {s}" for s in lines), *notes]) + "\n\n"


def update_page(page: str, answers: dict[str, dict[str, Any]]) -> str:
    """Return the page with new answers."""
    before, rest = page.split(BEGIN)
    previous, after = rest.split(END)
    sections = {match[1]: match[0] for match in SECTION.finditer(previous)}
    sections |= {name: write_section(name, answer) for name, answer in answers.items()}
    return before + BEGIN + "\n" + "".join(sections.values()) + END + after


def main() -> None:
    """Read the command line, and update the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, help="of the searches, such as outputs/sweeps")
    answers = read_answers(parser.parse_args().folder)
    PAGE.write_text(update_page(PAGE.read_text(encoding="utf-8"), answers), encoding="utf-8")
    print(f"{PAGE}: {', '.join(sorted(answers)) or 'no study has ended'}")


if __name__ == "__main__":
    main()
