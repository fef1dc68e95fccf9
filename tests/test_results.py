"""The page of results: commands of finished runs, mean and spread, and rows that are kept."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from benchmarks.commands import study_command, train_command
from benchmarks.results import (
    MIN_SEEDS,
    Recipe,
    find_recipes,
    readme_table,
    write_page,
)
from benchmarks.studies import find_studies

from rnnlab.comparison.runs import find_runs
from rnnlab.config.schema import make_config
from rnnlab.errors import ConfigError
from rnnlab.report.folder import FORMAT_VERSION, RunFolder
from rnnlab.runtime.files import write_json
from rnnlab.sweeps.settings import read_sweep
from tests.helpers.configs import ROOT, compose
from tests.helpers.pages import example_report


def write_run(place: Path, *words: str, score: float = 0.5, **report: Any) -> None:
    """Write the folder of a finished run of a command, with a score of its test."""
    plain = compose(*words)
    folder = RunFolder(place / str(len([*place.glob("*")])))
    folder.path.mkdir(parents=True)
    folder.write_config(asdict(make_config(plain)))
    facts: dict[str, Any] = {"status": "finished", "targets_sha256": "a"}
    facts |= {"scores": {"test/mse": score}}
    facts |= {"seed": plain["seed"], "name": plain["name"], "format_version": FORMAT_VERSION}
    device = {"kind": "cpu", "threads": 1, "cores": 2}
    facts |= {"device": device, "kernel": {"name": "native"}}
    folder.write_report(example_report(**{**facts, **report}))


def command_of(place: Path) -> str:
    return train_command(find_runs([str(place)])[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        "data=sine model=rnn",
        "data=rotten_tomatoes model=bilstm data.seq_len=40 optimizer.lr=0.004",
        "data=kjv model=deep_lstm data.tokens=characters task.embedding_size=32 optimizer=sgd "
        "callbacks=ema",
        "experiment=ptb_gru data.batch_size=40",
    ],
)
def test_the_command_of_a_run_has_its_settings(words: str, tmp_path: Path) -> None:
    write_run(tmp_path, *words.split())
    command = command_of(tmp_path)
    assert command.startswith("python train.py ")
    assert set(command.split()[2:]) == set(words.split())


@pytest.mark.slow
def test_one_command_trains_all_seeds_and_folds(tmp_path: Path) -> None:
    for seed in (2, 0, 1):
        for fold in (0, 1):
            words = ("experiment=sms_spam", "data.path=/place/spam.csv", f"data.fold={fold}")
            write_run(tmp_path, *words, f"seed={seed}")
    (recipe,) = find_recipes([tmp_path])[0]
    assert recipe.command == (
        "python train.py -m experiment=sms_spam data.path=<spam.csv> seed=0,1,2 data.fold=0,1"
    )
    assert recipe.count == "3 x 2 folds"


def test_a_number_of_epochs_is_left_to_the_data_only_if_it_is_the_automatic_one(
    tmp_path: Path,
) -> None:
    budget = {"budget": {"steps_per_epoch": 100}}  # auto: 15 epochs
    for epochs in (15, 16):
        write_run(tmp_path / str(epochs), "data=sine", f"trainer.max_epochs={epochs}", **budget)
    assert command_of(tmp_path / "15") == "python train.py data=sine model=gru"
    assert (
        command_of(tmp_path / "16") == "python train.py data=sine model=gru trainer.max_epochs=16"
    )


def test_a_setting_that_this_commit_does_not_have_is_an_error(tmp_path: Path) -> None:
    write_run(tmp_path, "data=sine")
    config = RunFolder(tmp_path / "0").config
    config.write_text(config.read_text() + "forgotten: 1\n")
    with pytest.raises(ConfigError, match=r"`python|data=sine model=gru` differs in forgotten"):
        command_of(tmp_path)


def sine_recipes(place: Path, seeds: int, model: str = "gru", **report: Any) -> list[Recipe]:
    """Return the recipe of some seeds, whose scores are 0.4, 0.5, ..."""
    for seed in range(seeds):
        words = ("data=sine", f"model={model}", f"seed={seed}")
        write_run(place, *words, score=0.4 + 0.1 * seed, **report)
    return find_recipes([place])[0]


def test_fewer_than_three_seeds_are_a_row_that_stays_until_there_are_three(tmp_path: Path) -> None:
    other = "| `other` | mse | 0.3 | - | 1 | 9 | abc | `python train.py` |"
    page = f"<!-- fewer seeds -->\n{other}\n<!-- end of fewer seeds -->\n"
    page = write_page(page, sine_recipes(tmp_path, MIN_SEEDS - 1), [], "")
    assert "| `sine-gru` | mse | 0.4500 +- 0.0707 | naive 0.5000 | 2 | 1 | abc+ |" in page
    assert other in page
    assert "### sine-gru" not in page
    page = write_page(page, sine_recipes(tmp_path / "all", MIN_SEEDS), [], "Beside other programs.")
    before, _, after = page.partition("<!-- fewer seeds -->")
    assert "| `sine-gru` | mse | **0.5000 +- 0.1000** | naive 0.5000 | 3 |" in before
    assert "python train.py -m data=sine model=gru seed=0,1,2\n" in before
    assert "| persistence | 0.7500 |" in before
    assert "Beside other programs." in before
    assert "sine-gru" not in after
    assert other in after


def test_a_better_baseline_is_bold_and_a_limit_is_no_baseline(tmp_path: Path) -> None:
    baselines = {"naive": {"test/mse": 0.45}, "noise floor": {"test/mse": 0.1}}
    recipes = sine_recipes(tmp_path, 3, baselines=baselines)
    assert "| 0.5000 +- 0.1000 | **naive 0.4500** |" in write_page("", recipes, [], "")
    assert readme_table(recipes).splitlines()[2:] == [
        "| sine | mse | 0.5000 +- 0.1000 | **naive 0.4500** |"
    ]


def test_networks_that_were_tested_on_other_targets_are_in_another_row(tmp_path: Path) -> None:
    recipes = [*sine_recipes(tmp_path / "a", 3), *sine_recipes(tmp_path / "b", 3, "rnn")]
    assert (
        readme_table(recipes).splitlines()[0] == "| data | metric | `rnn` | `gru` | best baseline |"
    )
    assert len(readme_table(recipes).splitlines()) == 2 + 1
    others = sine_recipes(tmp_path / "c", 3, "lstm", evaluated_targets={"test": 7})
    for run in others[0].runs:
        dict.__setitem__(run.report, "targets_sha256", "b")  # type: ignore[arg-type]
    assert len(readme_table([*recipes, *others]).splitlines()) == 2 + 2


def test_two_recipes_of_one_name_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path, "data=sine")
    write_run(tmp_path, "data=sine", "data.seq_len=5")
    with pytest.raises(ConfigError, match=r"two recipes have the name sine-gru: .*name=<other>"):
        find_recipes([tmp_path])


def test_the_trials_of_a_search_are_no_recipes(tmp_path: Path) -> None:
    write_run(tmp_path, "data=sine")
    (tmp_path / "0" / "trial.json").write_text("{}")
    assert find_recipes([tmp_path])[0] == []


SPAM = ("sweep=study_bidirectional", "budget=small", "data=sms_spam", "data.path=/a/spam.xz")


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("sweep=study_gru_lstm", "budget=small"),
        ("sweep=study_clip", "budget=small", "seed=1000"),
        (*SPAM, "answer.metric=test/f1", "name=spam"),
    ],
)
def test_the_command_of_a_study_has_its_settings(words: tuple[str, ...]) -> None:
    sweep = {**asdict(read_sweep(ROOT, words)), "output_dir": "elsewhere", "slots": 2}
    del sweep["answer"]["covariate"]  # as if it had been added later
    command = study_command(sweep)
    expected = {word.replace("/a/spam.xz", "<spam.xz>") for word in words}
    assert set(command.split()[2:]) == expected


def test_a_study_counts_when_all_its_runs_have_ended(tmp_path: Path, capsys: Any) -> None:
    sweep = asdict(read_sweep(ROOT, ["sweep=study_gru_lstm", "budget=small"]))
    answer = {"sentence": "A wins.", "parts": [{"sentence": "A wins.", "values": {}}], "notes": []}
    for name, count in (("a", 16), ("b", 15)):
        (tmp_path / name).mkdir()
        write_json(tmp_path / name / "sweep.yaml", sweep)
        summary = {"name": name, "answer": answer, "counts": {"complete": 14, "failed": count - 14}}
        write_json(tmp_path / name / "summary.json", summary)
    studies = find_studies([tmp_path])
    assert [study.name for study in studies] == ["a"]
    assert "15 of 16 runs have ended" in capsys.readouterr().out
    page = write_page("", [], studies, "")
    assert "```bash\npython sweep.py sweep=study_gru_lstm budget=small\n```\n\n> A wins." in page
