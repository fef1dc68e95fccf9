"""Write docs/RESULTS.md and the table of the README from the reports of finished runs.

    python train.py -m experiment=imdb_official,sine_rnn,sine_lstm,sine_gru seed=0,1,2
    python -m benchmarks.results outputs

Runs that differ in their seed alone become one row: mean and spread over seeds.
"""

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
NOT_COMPARED = ("seed", "run_dir", "resume", "output_dir")  # the data's seed follows the run's

Report = dict[str, Any]


def finished_runs(folder: Path) -> dict[str, list[Report]]:
    """Finished, tested reports below a folder; those of one config under one key."""
    groups: dict[str, list[Report]] = defaultdict(list)
    for path in sorted(folder.rglob("report.json")):
        report = json.loads(path.read_text(encoding="utf-8"))
        if report["status"] == "finished" and any(n.startswith("test/") for n in report["scores"]):
            groups[config_key(path.with_name("config.yaml"))].append(report)
    return groups


def config_key(path: Path) -> str:
    """The config as text, without what differs between the runs of a row."""
    config: Any = OmegaConf.to_container(OmegaConf.load(path))
    for name in NOT_COMPARED:
        config.pop(name, None)
    config["data"].pop("seed", None)
    config.pop("logger", None)
    return json.dumps(config, sort_keys=True)


def row(reports: list[Report]) -> str:
    """One line of the table."""
    first = reports[0]
    metric = first["monitor"].replace("val/", "test/")
    metric = "test/noise_ratio" if "test/noise_ratio" in first["scores"] else metric
    baselines = [
        f"{name} {scores[metric]:.4f}"
        for name, scores in first["baselines"].items()
        if metric in scores
    ]
    cells = [
        f"`{first['name']}`",
        f"{first['data']['source']} ({first['evaluated_targets']['test']:,} test)",
        metric,
        spread([report["scores"][metric] for report in reports]),
        ", ".join(baselines),
        str(len(reports)),
        f"{statistics.median(report['seconds']['fit'] for report in reports):,.0f}",
        ", ".join(sorted({report["git"].get("commit", "?")[:8] for report in reports})),
    ]
    return "| " + " | ".join(cells) + " |"


def spread(values: list[float]) -> str:
    """Mean and standard deviation over seeds.

    >>> spread([0.5]), spread([0.4, 0.6])
    ('0.5000', '0.5000 +- 0.1414')
    """
    mean = f"{statistics.mean(values):.4f}"
    return mean if len(values) == 1 else f"{mean} +- {statistics.stdev(values):.4f}"


def table(groups: Iterable[list[Report]]) -> str:
    """The Markdown table, in the order of names."""
    head = "| run | data | metric | score | baselines | seeds | fit, s | commit |"
    rows = [row(reports) for reports in sorted(groups, key=lambda g: str(g[0]["name"]))]
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *rows])


def insert(text: str, content: str) -> str:
    """The text with what stands between the two marks replaced."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{content}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    """Read the reports, write the two files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the runs, such as outputs")
    folder = parser.parse_args().folder
    groups = finished_runs(folder)
    if not groups:
        raise SystemExit(f"{folder}: no finished run with test scores below it")
    content = table(groups.values())
    device = next(iter(groups.values()))[0]["device"]
    note = (
        f"On {device['cores']} cores ({device['kind']}); written by `python -m benchmarks.results` "
        "from the runs' own reports."
    )
    readme = ROOT / "README.md"
    readme.write_text(
        insert(readme.read_text(encoding="utf-8"), f"{note}\n\n{content}"), encoding="utf-8"
    )
    results = f"# Results\n\n{note}\n\n{content}\n"
    (ROOT / "docs" / "RESULTS.md").write_text(results, encoding="utf-8")
    print(content)


if __name__ == "__main__":
    main()
