r"""Write docs/RESULTS.md and the table of the README from the reports of finished runs.

    python train.py model=gru data=imdb
    python train.py -m model=rnn,lstm,gru data=sine
    python train.py experiment=imdb_official data.path=<folder with train.csv and test.csv>
    python train.py -m experiment=sms_spam data.path=<SMSSpamCollection> data.fold=0,1,2,3,4
    python train.py experiment=ett_96 data.path=<folder with ETTh1.csv>
    python train.py experiment=ett_96_segment data.path=<folder with ETTh1.csv>
    python train.py experiment=weather_96 data.path=<weather.csv of Jena 2020>
    python train.py experiment=weather_96_segment data.path=<weather.csv of Jena 2020>
    python train.py -m experiment=ptb_lstm,ptb_gru,ptb_rnn data.path=<folder with ptb.train.txt>
    python train.py experiment=multi30k_de_en data.path=<folder with train.de and train.en>
    python train.py experiment=multi30k_de_en data.path=<the same> task.attention=none \
        name=multi30k-de-en-bilstm-no-attention
    python train.py experiment=numbers_en_de
    python train.py -m data=stocks data.forecast=return,volatility name='stocks-${data.forecast}'
    python -m benchmarks.results outputs                  # --example-only: only the README example

Runs that differ only in their seed or fold become one row with mean and spread.
"""

import argparse
import io
import json
import statistics
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rnnlab.experiment.next_step import next_command
from rnnlab.report.console import format_score, print_next, print_results
from rnnlab.report.folder import RunFolder
from rnnlab.report.seeds import configuration_of, settings_of
from rnnlab.runtime.console import PlainConsole

ROOT = Path(__file__).parents[1]
EXAMPLE = "imdb-gru"  # the run whose output is on the first screen of the README

MAIN = ("test/noise_ratio", "test/bleu")  # headline metrics, if they are not the monitored metric
BESIDE = ("test/f1", "test/mcc", "test/mae", "test/chrf")

Report = dict[str, Any]


def find_reports(folder: Path) -> dict[str, list[Report]]:
    """Return the reports of finished, tested runs below a folder, grouped by config."""
    groups: dict[str, list[Report]] = defaultdict(list)
    for path in sorted(folder.rglob("report.json")):
        report = json.loads(path.read_text(encoding="utf-8"))
        if report["status"] == "finished" and any(n.startswith("test/") for n in report["scores"]):
            settings = settings_of(RunFolder(path.parent).read_config(), report)
            groups[json.dumps(configuration_of(settings), sort_keys=True)].append(report)
    return groups


def fit_seconds(report: Report) -> float:
    """Return seconds of the fit; for a resumed run the training time over all sessions."""
    return float(max(report["seconds"]["fit"], report["speed"].get("training_seconds", 0.0)))


def row(reports: list[Report]) -> str:
    """Return one row of the table."""
    first = reports[0]
    metrics = headline_metrics(first)
    baselines = [
        f"{name} {values_of([r['baselines'][name] for r in reports], metrics)}"
        for name, scores in first["baselines"].items()
        if metrics[0] in scores
    ]
    cells = [
        f"`{first['name']}`",
        f"{first['data']['source']} ({first['evaluated_targets']['test']:,} test)",
        " / ".join(metric.removeprefix("test/") for metric in metrics),
        values_of([report["scores"] for report in reports], metrics),
        ", ".join(baselines),
        str(len(reports)),
        f"{statistics.median(fit_seconds(report) for report in reports):,.0f}",
        ", ".join(sorted({commit(report["git"]) for report in reports})),
    ]
    return "| " + " | ".join(cells) + " |"


def headline_metrics(report: Report) -> list[str]:
    """Return the headline metric of the test split, and one or two more."""
    scores, monitor = report["scores"], report["monitor"].replace("val/", "test/")
    main = next((name for name in MAIN if name in scores), monitor)
    return [main, *[name for name in BESIDE if name in scores and name != main][:2]]


def values_of(scores: list[dict[str, float]], metrics: list[str]) -> str:
    """Return mean and spread of each metric; a dash if it is not defined."""
    cells = []
    for metric in metrics:
        values = [members[metric] for members in scores if metric in members]
        cells.append(spread(values) if values else "-")
    return " / ".join(cells)


def commit(git: dict[str, Any]) -> str:
    """Return the short commit, with a plus if files were modified.

    >>> commit({"commit": "0123456789", "changed": True})
    '01234567+'
    """
    return str(git.get("commit", "?"))[:8] + ("+" if git.get("changed") else "")


def spread(values: list[float]) -> str:
    """Return mean and standard deviation over seeds.

    >>> spread([0.5]), spread([0.4, 0.6])
    ('0.5000', '0.5000 +- 0.1414')
    """
    mean = format_score(statistics.mean(values))
    return mean if len(values) == 1 else f"{mean} +- {format_score(statistics.stdev(values))}"


def table(groups: Iterable[list[Report]]) -> str:
    """Return the Markdown table, sorted by name."""
    header = "| run | data | metric | score | baselines | runs | fit, s | commit |"
    rows = [row(reports) for reports in sorted(groups, key=lambda g: str(g[0]["name"]))]
    return "\n".join([header, "|---|---|---|---|---|---|---|---|", *rows])


def example_output(folder: Path) -> str | None:
    """Return the final output of the latest `make run` as a code block."""
    runs = [RunFolder(path.parent) for path in sorted(folder.rglob(f"{EXAMPLE}/*/report.json"))]
    complete = [run for run in runs if run.read_report()["status"] == "finished"]
    if not complete:
        return None
    run = complete[-1]
    console = PlainConsole(file=io.StringIO(), width=88)
    printed_folder = RunFolder(Path("outputs", EXAMPLE, run.path.name))
    print_results(run.read_report(), printed_folder, console)
    print_next(next_command(run).replace(str(run.path), str(printed_folder.path)), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def insert(text: str, mark: str, content: str) -> str:
    """Replace the text between `<!-- mark -->` and `<!-- end of mark -->`."""
    begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n\n{content}\n\n{end}{rest.partition(end)[2]}"


def write_example(folder: Path) -> None:
    """Update the example output in the README from the latest `make run`."""
    readme = ROOT / "README.md"
    if example := example_output(folder):
        text = insert(readme.read_text(encoding="utf-8"), "example", example)
        readme.write_text(text, encoding="utf-8")


def write_results(groups: dict[str, list[Report]]) -> None:
    """Write docs/RESULTS.md and the table of the README."""
    content = table(groups.values())
    device = next(iter(groups.values()))[0]["device"]
    note = (
        f"On {device['cores']} cores ({device['kind']}); written by `python -m benchmarks.results` "
        "from the reports of the runs. The commands are at the top of benchmarks/results.py."
    )
    readme = ROOT / "README.md"
    text = insert(readme.read_text(encoding="utf-8"), "results", f"{note}\n\n{content}")
    readme.write_text(text, encoding="utf-8")
    results = f"# Results\n\n{note}\n\n{content}\n"
    (ROOT / "docs" / "RESULTS.md").write_text(results, encoding="utf-8")
    print(content)


def main() -> None:
    """Read the reports and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the runs, such as outputs")
    parser.add_argument(
        "--example-only", action="store_true", help="update only the example output in the README"
    )
    options = parser.parse_args()
    groups = find_reports(options.folder)
    if not groups:
        raise SystemExit(f"{options.folder}: no finished run with test scores in this folder")
    write_example(options.folder)
    if not options.example_only:
        write_results(groups)


if __name__ == "__main__":
    main()
