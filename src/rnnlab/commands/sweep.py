"""Search for the hyper-parameters of a recurrent network.

    rnnlab sweep sweep=imdb_gru
    rnnlab sweep sweep=imdb_gru n_trials=100 slots=2 data.path=reviews.csv
    rnnlab sweep --config-dir my_conf sweep=sine_gru model=my_model

The same as `python sweep.py` in a checkout. The searches are the files of sweeps/. The search
itself is rnnlab.sweeps.main.
"""

from collections.abc import Sequence
from pathlib import Path

from rnnlab.commands import run_program
from rnnlab.config.paths import find_root, split_config_dir
from rnnlab.config.program import hide_passwords
from rnnlab.documents.output import prints_json, publish
from rnnlab.runtime.progress import print_progress


def main(arguments: Sequence[str]) -> None:
    """Search, or print the help text."""
    conf, overrides = split_config_dir(arguments)
    if {"-h", "--help"} & set(overrides):
        from rnnlab.sweeps.help import sweep_help

        print(sweep_help(find_root()))
        return
    print_progress(hide_passwords(f"search: {' '.join(overrides)}"))
    from rnnlab.sweeps.main import main as search

    folder = search(find_root(), overrides, conf)
    if prints_json():
        publish_search(folder)


def publish_search(folder: Path) -> None:
    """Publish summary.json of a search, and the run that was scored on the test split."""
    from rnnlab.documents.contents import describe_run, list_warnings
    from rnnlab.report.folder import RunFolder
    from rnnlab.sweeps.result import SearchResult

    result = SearchResult(folder)
    best = RunFolder(result.best_run)
    is_tested = best.report.is_file()
    content = {
        "folder": folder.absolute(),
        "search": result.summary,
        "best_run": describe_run(best) if is_tested else None,
    }
    publish(content, list_warnings(best) if is_tested else ())


if __name__ == "__main__":
    run_program(main)
