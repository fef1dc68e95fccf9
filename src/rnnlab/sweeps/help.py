"""The output of `python sweep.py --help`."""

from pathlib import Path
from typing import Any

from rnnlab.sweeps.schema import GROUPS
from rnnlab.sweeps.settings import sweep_names


def sweep_help(root: Path) -> str:
    """Return the help text, with all searches and all choices of the groups."""
    folder = root / "sweeps"
    questions = {name: read_question(folder / f"{name}.yaml") for name in sweep_names(root)}
    width = max(map(len, questions), default=0)
    searches = "\n".join(f"  {name:<{width}}  {text}" for name, text in questions.items())
    choices = {group: ", ".join(group_choices(folder / group)) for group in GROUPS}
    groups = "\n".join(f"  {group:<8}  {names}" for group, names in choices.items())
    return HELP.format(searches=searches, groups=groups)


def group_choices(folder: Path) -> list[str]:
    """Return the names of the YAML files of a group."""
    return sorted(file.stem for file in folder.glob("*.yaml"))


def read_question(file: Path) -> str:
    """Return the question of a search."""
    from omegaconf import OmegaConf

    cfg: Any = OmegaConf.load(file)
    return str(cfg.get("question", ""))


HELP = """\
Search for the hyper-parameters of a run. After an interruption, the same command continues.

  python sweep.py data=sine model=gru,lstm model.hidden_size=8,64   each combination once
  python sweep.py data=sine 'optimizer.lr=interval(1e-4,1e-1)'      20 trials of the sampler
  python sweep.py sweep=sine_gru                              run sweeps/sine_gru.yaml
  python sweep.py sweep=sine_gru n_trials=100 slots=2         change settings of the search
  python sweep.py sweep=sine_gru sampler=random pruner=none   choose another sampler and pruner
  python sweep.py sweep=sine_gru model.hidden_size=64         change a setting of all runs
  python sweep.py sweep=sine_gru 'optimizer.lr=tag(log,interval(1e-4,1e-1))' model=gru,lstm
  python sweep.py sweep=sine_gru optimizer.lr=0.01            fix a dimension
  python sweep.py sweep=sine_gru report=true                  write the report, also while it runs
  python sweep.py sweep=sine_gru --repair                     drop damaged lines of the journal
  python sweep.py sweep=sine_gru --json                       print one JSON document at the end

Searches (sweep=...):
{searches}

Groups (group=choice):
{groups}

Settings of the search (key=value); sweeps/default.yaml explains all of them:
  n_trials       total number of trials, including those of earlier calls
  slots          trials at the same time; auto: one per GPU, or one on the CPU
  storage        null: a journal file beside the results; sqlite:///<file>, postgresql+psycopg://...
  objectives     score, seconds, parameters, or a metric, such as val/loss:min
  budget         of a trial: budget.epochs, budget.samples or budget.seconds; or the name of one of
                 the budgets in the file, such as budget=small
  seeds          of a study: every point of the grid is run with each (docs/studies.md)
  answer         of a study: answer.compare, answer.metric ...
  enqueue        points that are tried first
  repeats        new seeds for each of the repeat_best best trials; six or more can be significant
  timeout        seconds for the search; trial_timeout for one trial
  on_change      refuse | new | force, if the space differs from that of the existing study
  name, seed, output_dir   of the search; its runs have their own

Every other override is one of train.py: several values make it a dimension of the space, a single
value applies to all runs. ~space.<key> removes a dimension. Several values are typed as

  a,b,c                          these values
  range(16,80,16)                16, 32, 48 and 64, without the end
  interval(0.1,0.5)              a real number; int(interval(1,4)): an integer
  tag(log,interval(1e-4,1e-1))   on a logarithmic scale
  {{low: 1e-4, high: 0.1, log: true}}   the same, as in a file

Without sweep=<name>, these values are the whole space. Up to 50 combinations are all tried
(sampler=grid pruner=none); a larger or continuous space has the settings of sweeps/default.yaml.
"""
