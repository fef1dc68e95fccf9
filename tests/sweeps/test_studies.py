"""Studies: a grid with several seeds, named levels and budgets, and the question they answer."""

import json
import re
from functools import cache
from math import comb
from pathlib import Path
from typing import Any

import pytest
from benchmarks.studies import BEGIN, END, PAGE, EndedStudy, update_page

from rnnlab.config.compose import compose_checked
from rnnlab.config.schema import parse
from rnnlab.errors import ConfigError
from rnnlab.experiment.build import build_model, build_task
from rnnlab.metrics.significance import SIGNIFICANCE_LEVEL
from rnnlab.report.folder import RunFolder
from rnnlab.spec import DataSpec
from rnnlab.sweeps.main import main
from rnnlab.sweeps.schema import SweepConfig
from rnnlab.sweeps.settings import read_sweep, sweep_names
from rnnlab.sweeps.space.dimensions import Space
from rnnlab.sweeps.studies import FULL
from rnnlab.sweeps.study.definition import prepare
from tests.helpers.configs import CONF, ROOT
from tests.helpers.sweep_sessions import Session, until

STUDIES = [name for name in sweep_names(ROOT) if name.startswith("study_")]
SINE = [  # a study of a sweep file without one, whose runs take less than a second
    *("data=sine", "model=rnn,gru", "model.hidden_size=4", "trainer=cpu", "seeds=3", "name=tiny"),
    *("answer.compare=[model]", "budget.epochs=1", "baselines=false", "data.num_series=10"),
    *("data.num_eval_series=5", "data.steps=60", "data.first_target=40", "data.seq_len=16"),
]


def read(*words: str) -> SweepConfig:
    return read_sweep(ROOT, ["sweep=study_gru_lstm", *words])


def problem(*words: str) -> str:
    with pytest.raises(ConfigError) as error:
        read(*words)
    (line,) = str(error.value).splitlines()
    return line


# The studies of the package.


@cache
def packaged(name: str, budget: str) -> SweepConfig:
    return read_sweep(ROOT, [f"sweep={name}", f"budget={budget}"])


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_each_study_has_a_small_and_a_full_budget(name: str) -> None:
    small, full = packaged(name, "small"), packaged(name, FULL)
    assert (small.name, full.name) == (f"{name}-small", name)
    assert small.answer == full.answer
    assert small.answer, "it answers its question"
    assert small.n_trials < full.n_trials
    for sweep in (small, full):
        assert len(prepare(sweep, CONF).points()) in (0, sweep.n_trials)


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("budget", ["small", FULL])
def test_the_seeds_of_a_study_are_enough_to_show_a_difference(name: str, budget: str) -> None:
    """With n pairs the p-value is at least 2 / 2^n; it is adjusted for all pairs of levels."""
    sweep = packaged(name, budget)
    if sweep.answer is None or sweep.seeds is None:
        return
    space = Space.parse(sweep.space)
    settings = [{**point, **space.to_settings(point)} for point in space.points()]
    for factor in sweep.answer["compare"]:
        levels = {str(point[factor]) for point in settings if factor in point}
        assert comb(len(levels), 2) * 2 / 2**sweep.seeds < SIGNIFICANCE_LEVEL, factor


@pytest.mark.slow
def test_the_networks_of_the_study_of_cells_have_equal_parameters() -> None:
    num_tokens = 72  # of the King James Bible: characters
    spec = prepare(read_sweep(ROOT, ["sweep=study_cells", "budget=small"]), CONF)
    counts = {}
    for point in spec.points():
        if point["seed"] == 0:
            config = parse(compose_checked(CONF, spec.to_overrides(point, 0)))
            data = DataSpec(output_size=num_tokens, num_tokens=num_tokens)
            network = build_model(config, build_task(config, data))
            counts[point["network"]] = sum(p.numel() for p in network.parameters())
    assert len(counts) == 6
    assert max(counts.values()) / min(counts.values()) <= 1.01, counts


# Settings.


def test_a_budget_replaces_what_it_names_and_the_command_line_has_the_last_word() -> None:
    small = read("budget=small")
    assert "model.hidden_size=32" in small.base
    assert (small.seeds, small.n_trials, small.budget) == (8, 16, {"epochs": 2})
    typed = read("budget=small", "seeds=3", "model.hidden_size=4", "budget.epochs=1")
    assert typed.base[-1] == "model.hidden_size=4"
    assert (typed.seeds, typed.n_trials, typed.budget) == (3, 6, {"epochs": 1})
    assert read("budget=small", "model.num_layers=1,2").n_trials == 32, "one more factor"
    assert read("budget=small", "n_trials=4").n_trials == 4, "the first four"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["budget=tiny"], "budget=tiny: this search has no such budget; .*full, small"),
        (["seeds=2_000_000_000"], "seeds=2000000000: must be less than or equal to 1000"),
        (["seed=abc"], "seed=abc: must be a valid integer"),
        (["data.vocab_size=range(1,90_000)"], "space: a grid of 3,599,960 points is too large"),
        (["answer.compare=model"], "answer.compare=model: must be a valid list"),
        (["answer.gradients=[cliprate]"], "answer.gradients.0=cliprate: must be 'clip_rate'"),
        (["answer.compare=[3]"], "answer.compare.0=3: must be a valid string"),
        (["base=1.5", "budget=small"], "base=1.5: must be a valid list"),
        (["budget=small", "+budgets.small.base=3"], "budgets.small.base=3: must be a list"),
        (["budget=small", "+budgets.small.slots=3"], "budgets.small.slots: a budget cannot change"),
        (["model=gru"], "answer: model is not varied by the space; the space has one point only"),
        (["seeds=1"], "seeds=1: must be greater than or equal to 2"),
        (["sampler=grid"], "sampler: with seeds=20 every point .* or set seeds=null"),
        (["pruner=asha"], "pruner: with seeds=20 every point"),
        (["repeats=6"], "repeats: with seeds=20 every point"),
        (["answer.compare=[modle]"], "answer: modle is not varied .* did you mean model"),
        (["answer.within=data"], "answer: data is not varied"),
        (["answer.within=model"], "answer.within=model: is compared, too"),
        (["answer.compare=[]"], "answer: must compare settings or ask for importance"),
        (["seeds=null"], r"answer.compare=\[model\]: a comparison needs several seeds.*seeds=6"),
        (["seed=1,2"], "seed=1,2: seed is a setting of the search"),
        (["space.seed=1,2"], "space.seed: seeds=20 chooses the seeds"),
        (["optimizer.lr=interval(0.1,1)"], "space.optimizer.lr: has no steps .* for a grid"),
        (["answer.cost=money"], "answer.cost=money: must be .*seconds"),
    ],
)
def test_what_a_study_cannot_be_is_refused(words: list[str], text: str) -> None:
    assert re.search(text, problem(*words)), problem(*words)


def test_a_setting_that_all_levels_replace_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"model.hidden_size=8: the levels of space.network set"):
        read_sweep(ROOT, ["sweep=study_cells", "model.hidden_size=8"])
    read_sweep(
        ROOT,
        [
            "sweep=study_cells",
            "model.hidden_size=8",
            "~space.network",
            "model=rnn,gru",
            "answer.compare=[model]",
        ],
    )


def test_more_seeds_continue_a_study() -> None:
    few, more = (prepare(read(f"seeds={n}"), CONF) for n in (3, 5))
    assert few.definition == more.definition
    assert more.points()[: len(few.points())] == few.points(), "seed after seed"


# From the command line to the page.


def answer_of(folder: Path) -> dict[str, Any]:
    summary = json.loads((folder / "summary.json").read_text())
    return dict(summary["answer"])


def wait_for_trial(session: Session, number: int) -> None:
    line = re.compile(rf"^trial +{number} ", re.MULTILINE)
    until(lambda: line.search(session.log.read_text()), 300)


def scores_of(answer: dict[str, Any]) -> list[tuple[str, float, str]]:
    levels = answer["parts"][0]["values"]["levels"]
    return [(one["configuration"], one["mean"], one["verdict"]) for one in levels]


@pytest.mark.slow
@pytest.mark.usefixtures("forked_workers")
def test_a_study_that_was_killed_twice_gives_the_same_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calm, wild = tmp_path / "calm", tmp_path / "wild"
    wild.mkdir()
    main(ROOT, [*SINE, f"output_dir={calm}"])
    printed = capsys.readouterr().out
    for trial in (0, 3):
        session = Session(wild, SINE)
        wait_for_trial(session, trial)
        session.kill()
    session = Session(wild, SINE)
    assert session.wait() == 0, session.log.read_text()
    answer, after = answer_of(calm / "tiny"), answer_of(wild / "outputs" / "sweeps" / "tiny")
    assert scores_of(after) == scores_of(answer)
    assert after["sentence"] == answer["sentence"]
    best, other = answer["parts"][0]["values"]["levels"]
    assert answer["sentence"].startswith(f"{best['configuration']} has the best mean test/mse")
    assert best["mean"] < other["mean"]
    assert f"answer   {answer['sentence']}" in printed
    page = (calm / "tiny" / "report.html").read_text()
    assert answer["sentence"] in page
    assert page.index(answer["sentence"]) < page.index("<table"), "it comes first"
    titles = re.findall("<h2>(.*?)</h2>", page)
    assert titles == ["model", "Settings", "Learning curves", "Trials"], "the seed is no setting"
    reports = [RunFolder(path).read_report() for path in sorted((calm / "tiny/trials").glob("0*"))]
    assert len(reports) == 6
    assert all("test/mse" in report["scores"] for report in reports)
    assert not (calm / "tiny" / "best").exists(), "no run reads the test split twice"


@pytest.mark.slow
@pytest.mark.usefixtures("forked_workers", "no_figures")
def test_a_study_of_importance_over_data_sets_has_no_best_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = ["trainer.limit_train_batches=2", "trainer.limit_val_batches=1", "slots=1", "n_trials=2"]
    points = "enqueue=[{data_set: sine}, {data_set: sine}]"
    words = ["sweep=study_importance", "budget=small", points, *tiny, f"output_dir={tmp_path}"]
    main(ROOT, words)
    printed = capsys.readouterr().out
    folder = tmp_path / "study_importance-small"
    assert not (folder / "best").exists(), "the test split is not read"
    assert not re.search("^(best|test|next) ", printed, re.MULTILINE)
    titles = re.findall("<h2>(.*?)</h2>", (folder / "report.html").read_text())
    assert titles == ["Importance of the settings", "Settings", "Learning curves", "Trials"]


def test_the_page_of_the_answers_keeps_those_of_studies_that_are_not_there() -> None:
    def study(name: str, sentence: str) -> EndedStudy:
        answer = {"parts": [{"sentence": sentence}], "notes": ["1 of 9 runs diverged"]}
        return EndedStudy(name, f"python sweep.py sweep={name} budget=small", answer, Path())

    page = f"head\n{BEGIN}{END}\ntail\n"
    page = update_page(page, [study("study_a", "A wins."), study("study_b", "B wins.")])
    page = update_page(page, [study("study_b", "B loses.")])
    assert "`python sweep.py sweep=study_a budget=small`\n\n> A wins.\n\n1 of 9 runs" in page
    assert "> B loses." in page
    assert "B wins" not in page
    assert page.startswith("head\n")
    assert page.endswith(f"{END}\ntail\n")
    assert BEGIN in PAGE.read_text(), "the page has the place"
