"""Search for the hyper-parameters of a recurrent network.

    rnnlab sweep sweep=imdb_gru
    rnnlab sweep sweep=imdb_gru n_trials=100 slots=2 data.path=reviews.csv
    rnnlab sweep --config-dir my_conf sweep=sine_gru model=my_model

The same as `python sweep.py` in a checkout. The searches are the files of sweeps/. The search
itself is rnnlab.sweeps.main.
"""

from collections.abc import Sequence

from rnnlab.commands import run_program
from rnnlab.config.paths import find_root, split_config_dir
from rnnlab.config.program import hide_passwords
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

    search(find_root(), overrides, conf)


if __name__ == "__main__":
    run_program(main)
