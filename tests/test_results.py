"""The page of results: commands of finished runs, mean and spread, and rows that are kept."""

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from benchmarks import results
from benchmarks.commands import study_command, train_command
from benchmarks.recorded_runs import read_records
from benchmarks.results import (
    MIN_SEEDS,
    Recipe,
    find_tested_runs,
    list_incomplete,
    make_recipes,
    make_record,
    update_page,
)
from benchmarks.results_page import ResultsPage, read_page, readme_table, write_page
from benchmarks.studies import EndedStudy, find_studies

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
    (recipe,) = find_recipes(tmp_path)
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


def test_a_name_of_its_own_is_part_of_the_command(tmp_path: Path) -> None:
    write_run(tmp_path, "data=sine", "name=mine")
    assert command_of(tmp_path) == "python train.py data=sine model=gru name=mine"


def test_a_setting_that_this_commit_does_not_have_is_an_error(tmp_path: Path) -> None:
    write_run(tmp_path, "data=sine")
    config = RunFolder(tmp_path / "0").config
    config.write_text(config.read_text() + "forgotten: 1\n")
    with pytest.raises(ConfigError, match=r"`python|data=sine model=gru` differs in forgotten"):
        command_of(tmp_path)


def find_recipes(place: Path, note: str = "") -> list[Recipe]:
    return make_recipes(find_tested_runs([place], note)[0])[0]


def sine_recipes(
    place: Path, seeds: int, model: str = "gru", score: float = 0.4, note: str = "", **report: Any
) -> list[Recipe]:
    """Return the recipe of some seeds, whose scores are 0.4, 0.5, ..."""
    for seed in range(seeds):
        words = ("data=sine", f"model={model}", f"seed={seed}")
        write_run(place, *words, score=score + 0.1 * seed, **report)
    return find_recipes(place, note)


def updated(
    text: str, recipes: list[Recipe], studies: list[EndedStudy] | None = None, note: str = ""
) -> str:
    """Return the text of a page with some recipes and studies."""
    return write_page(update_page(read_page(text), recipes, studies or [], note))


def table_of(recipes: list[Recipe]) -> list[str]:
    return readme_table(make_record(recipe) for recipe in recipes).splitlines()


def section_of(text: str, name: str) -> str:
    """Return a section of a page, with its heading."""
    return text.partition(f"\n### {name}\n")[2].partition("\n##")[0]


def test_fewer_than_three_seeds_are_a_row_that_stays_until_there_are_three(tmp_path: Path) -> None:
    other = "| `other` | mse | 0.3 | - | 1 | 9 | abc | `python train.py` |"
    page = f"<!-- fewer seeds -->\n{other}\n<!-- end of fewer seeds -->\n"
    page = updated(page, sine_recipes(tmp_path, MIN_SEEDS - 1))
    assert "| `sine-gru` | mse | 0.4500 +- 0.0707 | naive 0.5000 | 2 | 1 | abc+ |" in page
    assert other in page
    assert "### sine-gru" not in page
    page = updated(page, sine_recipes(tmp_path / "all", MIN_SEEDS, note="Beside other programs."))
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
    assert "| 0.5000 +- 0.1000 | **naive 0.4500** |" in updated("", recipes)
    assert table_of(recipes)[2:] == ["| sine | mse | 2 | 0.5000 +- 0.1000 | **naive 0.4500** |"]


def test_networks_that_were_tested_on_other_targets_are_in_another_row(tmp_path: Path) -> None:
    recipes = [*sine_recipes(tmp_path / "a", 3), *sine_recipes(tmp_path / "b", 3, "rnn")]
    assert (
        table_of(recipes)[0] == "| data | metric | test targets | `rnn` | `gru` | best baseline |"
    )
    assert len(table_of(recipes)) == 2 + 1
    others = sine_recipes(tmp_path / "c", 3, "lstm", evaluated_targets={"test": 7})
    assert len(table_of([*recipes, *others])) == 2 + 2
    others = sine_recipes(tmp_path / "d", 3, "lstm", targets_sha256="b")  # the number is the same
    assert len(table_of([*recipes, *others])) == 2 + 2
    page = updated("", [*recipes, *others])
    assert len(readme_table(read_page(page).recipes.values()).splitlines()) == 2 + 2
    others = sine_recipes(tmp_path / "e", 3, "lstm", targets_sha256=None)
    assert len(table_of([*recipes, *others])) == 2 + 1


def test_results_that_are_not_given_stay_as_they_are(tmp_path: Path) -> None:
    recipes = [
        *sine_recipes(tmp_path / "a", 3, "rnn", note="On an idle machine."),
        *sine_recipes(tmp_path / "b", 1, "lstm", note="On an idle machine."),
    ]
    study = write_study(tmp_path / "studies", "study_b")
    page = updated("", recipes, [study], "On an idle machine.")
    assert updated(page, []) == page
    assert update_page(read_page(page), [], [], "Unused.") == read_page(page)
    other = write_study(tmp_path / "studies", "study_a")
    others = sine_recipes(tmp_path / "c", 3, note="Beside others.")
    page = updated(page, others, [other], "Beside others.")
    for name in ("sine-rnn", "study_b"):
        assert section_of(page, name).strip().endswith(". On an idle machine.")
    for name in ("sine-gru", "study_a"):
        assert section_of(page, name).strip().endswith(". Beside others.")
    assert [line[4:] for line in page.splitlines() if line.startswith("### ")] == [
        *("sine-gru", "sine-rnn"),
        *("study_a", "study_b"),
    ]
    overview, _, after = page.partition("## Recipes")
    assert [line[2:12] for line in overview.splitlines() if "`sine" in line] == [
        "`sine-gru`",
        "`sine-rnn`",
    ]
    (single,) = [line for line in after.splitlines() if line.startswith("| `sine-lstm` ")]
    assert single.endswith("| `python train.py data=sine model=lstm` | On an idle machine. |")
    assert readme_table(read_page(page).recipes.values()).splitlines()[2:] == [
        "| sine | mse | 2 | 0.5000 +- 0.1000 | 0.5000 +- 0.1000 | naive 0.5000 |"
    ]


def test_a_recipe_and_a_study_that_are_given_again_are_replaced(tmp_path: Path) -> None:
    study = write_study(tmp_path / "studies", "study_a")
    recipes = sine_recipes(tmp_path / "a", 3, note="On an idle machine.")
    page = updated("", recipes, [study], "On an idle machine.")
    study = write_study(tmp_path / "studies", "study_a", sentence="B wins.")
    recipes = sine_recipes(tmp_path / "b", 3, score=0.6, note="Beside others.")
    page = updated(page, recipes, [study], "Beside others.")
    assert page.count("\n### sine-gru\n") == page.count("| `sine-gru` |") == 1
    assert "| `sine-gru` | mse | 0.7000 +- 0.1000 | **naive 0.5000** | 3 |" in page
    assert "| network | 0.7000 +- 0.1000 |" in section_of(page, "sine-gru")
    assert "> B wins." in section_of(page, "study_a")
    assert not [text for text in ("0.5000 +-", "A wins", "idle machine") if text in page]


@pytest.mark.parametrize(("before", "after"), [(3, 2), (3, 1), (4, 3), (2, 1)])
def test_more_seeds_are_not_replaced_by_fewer(tmp_path: Path, before: int, after: int) -> None:
    page = read_page(updated("", sine_recipes(tmp_path / "a", before)))
    (recipe,) = sine_recipes(tmp_path / "b", after, score=0.1)
    assert update_page(page, [recipe], [], "") == page
    (message,) = list_incomplete(page, [recipe])
    assert message.startswith(f"sine-gru: has {after} seeds, and docs/RESULTS.md has the results ")
    assert f"of {before}, which stay; train it with more values of seed: python" in message


def test_enough_seeds_need_no_message(tmp_path: Path) -> None:
    page = read_page(updated("", sine_recipes(tmp_path / "a", 3)))
    assert list_incomplete(page, sine_recipes(tmp_path / "b", 3)) == []
    empty = ResultsPage({}, {}, {})
    assert list_incomplete(empty, sine_recipes(tmp_path / "c", 3)) == []
    (message,) = list_incomplete(empty, sine_recipes(tmp_path / "d", 2))
    assert message.startswith("sine-gru: has 2 of 3 seeds, so it is not in the table")


def test_the_command_adds_to_the_page_and_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page, readme = tmp_path / "RESULTS.md", tmp_path / "README.md"
    monkeypatch.setattr(results, "PAGE", page)
    monkeypatch.setattr(results, "README", readme)
    monkeypatch.setattr(results, "RECORDS", tmp_path / "runs.jsonl")
    page.write_text(updated("", sine_recipes(tmp_path / "a", 3)))
    readme.write_text("Before.\n<!-- results -->\n<!-- end of results -->\nAfter.\n")
    sine_recipes(tmp_path / "b", 3, "rnn", score=0.1)
    sine_recipes(tmp_path / "b", 2, score=0.1)
    words = ["results", str(tmp_path / "b"), "--note", "Beside others."]
    monkeypatch.setattr("sys.argv", words)
    results.main()
    assert [line for line in readme.read_text().splitlines() if line.startswith("| sine")] == [
        "| sine | mse | 2 | 0.2000 +- 0.1000 | 0.5000 +- 0.1000 | naive 0.5000 |"
    ]
    assert readme.read_text().startswith("Before.\n<!-- results -->\n\n| data |")
    assert readme.read_text().endswith("\n\n<!-- end of results -->\nAfter.\n")
    assert section_of(page.read_text(), "sine-rnn").endswith(". Beside others.\n")
    output = capsys.readouterr().out
    assert "sine-gru: has 2 seeds, and docs/RESULTS.md has the results of 3, which stay" in output
    assert "2 recipes with 3 or more seeds, 0 with fewer, 0 studies" in output


def test_a_page_that_cannot_be_kept_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, readme = tmp_path / "RESULTS.md", tmp_path / "README.md"
    monkeypatch.setattr(results, "PAGE", page)
    monkeypatch.setattr(results, "README", readme)
    monkeypatch.setattr(results, "RECORDS", tmp_path / "runs.jsonl")
    text = updated("", sine_recipes(tmp_path / "a", 3))
    monkeypatch.setattr("sys.argv", ["results", str(tmp_path / "a")])
    renamed = text.replace("sine-gru", "sine")  # another recipe of the same cell
    for old, message in ((text.replace("### sine", "sine"), "Restore"), (renamed, "one cell")):
        page.write_text(old)
        readme.write_text("As it was.")
        with pytest.raises(SystemExit, match=message):
            results.main()
        assert (page.read_text(), readme.read_text()) == (old, "As it was.")
        assert not (tmp_path / "runs.jsonl").exists()


@pytest.fixture
def add_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Function that runs the command on a folder, with a page of its own; returns its output."""
    for name in ("PAGE", "README"):
        (tmp_path / name).write_text("<!-- results -->\n<!-- end of results -->\n")
        monkeypatch.setattr(results, name, tmp_path / name)
    monkeypatch.setattr(results, "RECORDS", tmp_path / "runs.jsonl")

    def add(place: Path, note: str = "") -> str:
        monkeypatch.setattr("sys.argv", ["results", str(place), "--note", note])
        results.main()
        return capsys.readouterr().out

    return add


def test_seeds_may_be_given_one_after_another(
    tmp_path: Path, add_results: Callable[..., str]
) -> None:
    sine_recipes(tmp_path / "rnn", 1, "rnn")
    assert "sine-rnn: has 1 of 3 seeds" in add_results(tmp_path / "rnn")
    for seed, score in enumerate((0.4, 0.5, 0.6)):
        place = tmp_path / f"seed-{seed}"
        write_run(place, "data=sine", "model=gru", f"seed={seed}", score=score)
        add_results(place, f"Day {seed}.")
        shutil.rmtree(place)
    page = (tmp_path / "PAGE").read_text()
    assert "| `sine-gru` | mse | **0.5000 +- 0.1000** | naive 0.5000 | 3 | 1 | abc+ |" in page
    assert "python train.py -m data=sine model=gru seed=0,1,2\n" in page
    assert section_of(page, "sine-gru").endswith(". Day 0. Day 1. Day 2.\n")
    assert "| `sine-rnn` | mse | 0.4000 |" in page.partition("<!-- fewer seeds -->")[2]
    runs = read_records(tmp_path / "runs.jsonl")
    assert [run.report["name"] for run in runs] == [*["sine-gru"] * 3, "sine-rnn"]


def test_a_seed_that_is_given_again_replaces_its_record(
    tmp_path: Path, add_results: Callable[..., str]
) -> None:
    for number, score in enumerate((0.4, 0.8)):
        write_run(tmp_path / str(number), "data=sine", "seed=1", score=score)
        add_results(tmp_path / str(number))
    assert "| `sine-gru` | mse | 0.8000 |" in (tmp_path / "PAGE").read_text()
    assert [run.report["seed"] for run in read_records(tmp_path / "runs.jsonl")] == [1]


@pytest.mark.parametrize(
    ("words", "report", "reason"),
    [
        (["data.batch_size=7"], {}, "data.batch_size"),
        ([], {"targets_sha256": "b"}, "test targets"),
    ],
)
def test_recorded_runs_of_another_test_are_no_seeds_of_a_recipe(
    words: list[str],
    report: dict[str, Any],
    reason: str,
    tmp_path: Path,
    add_results: Callable[..., str],
) -> None:
    write_run(tmp_path / "a", "data=sine", score=0.4, **report)
    add_results(tmp_path / "a")
    write_run(tmp_path / "b", "data=sine", "seed=1", *words, score=0.8)
    output = add_results(tmp_path / "b")
    assert f"sine-gru: recorded runs with another {reason} are left out\n" in output
    assert "| `sine-gru` | mse | 0.8000 |" in (tmp_path / "PAGE").read_text()


def test_a_record_names_no_folder(tmp_path: Path, add_results: Callable[..., str]) -> None:
    words = ("experiment=ett_96", f"data.path={tmp_path}/ETTh1.csv")
    write_run(tmp_path / "a", *words, data={"source": "local", "name": f"{tmp_path}/ETTh1.csv"})
    add_results(tmp_path / "a")
    text = (tmp_path / "runs.jsonl").read_text()
    assert str(tmp_path) not in text
    assert "data.path=<ETTh1.csv>" in (tmp_path / "PAGE").read_text()


def test_a_damaged_record_is_said_with_its_line(
    tmp_path: Path, add_results: Callable[..., str]
) -> None:
    write_run(tmp_path / "a", "data=sine")
    (tmp_path / "runs.jsonl").write_text('{"report": {"na')
    with pytest.raises(SystemExit, match=r"runs\.jsonl:1: is damaged; restore it with git"):
        add_results(tmp_path / "a")


def test_two_recipes_of_one_name_are_refused(tmp_path: Path) -> None:
    write_run(tmp_path, "data=sine")
    write_run(tmp_path, "data=sine", "data.seq_len=5")
    with pytest.raises(ConfigError, match=r"two recipes have the name sine-gru: .*name=<other>"):
        find_recipes(tmp_path)


def test_the_trials_of_a_search_are_no_recipes(tmp_path: Path) -> None:
    write_run(tmp_path, "data=sine")
    (tmp_path / "0" / "trial.json").write_text("{}")
    assert find_recipes(tmp_path) == []


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


def write_study(place: Path, name: str, ended: int = 16, sentence: str = "A wins.") -> EndedStudy:
    """Write the folder of a study of 16 runs, and return it as one that has ended."""
    sweep = asdict(read_sweep(ROOT, ["sweep=study_gru_lstm", "budget=small"]))
    answer = {"sentence": sentence, "parts": [{"sentence": sentence, "values": {}}], "notes": []}
    counts = {"complete": 14, "failed": ended - 14}
    (place / name).mkdir(parents=True, exist_ok=True)
    write_json(place / name / "sweep.yaml", sweep)
    write_json(place / name / "summary.json", {"name": name, "answer": answer, "counts": counts})
    return EndedStudy(name, "python sweep.py", answer, place / name)


def test_a_study_counts_when_all_its_runs_have_ended(tmp_path: Path, capsys: Any) -> None:
    for name, ended in (("a", 16), ("b", 15)):
        write_study(tmp_path, name, ended)
    studies = find_studies([tmp_path])
    assert [study.name for study in studies] == ["a"]
    assert "15 of 16 runs have ended" in capsys.readouterr().out
    page = updated("", [], studies)
    assert "```bash\npython sweep.py sweep=study_gru_lstm budget=small\n```\n\n> A wins." in page
