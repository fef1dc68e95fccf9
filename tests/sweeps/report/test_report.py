import csv
import json
import math
import re
import shlex
from html.parser import HTMLParser
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Any

import matplotlib.image
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.metrics.significance import (
    ConfigurationScores,
    compare_repeats,
    seeds_needed,
    sign_flip_p,
)
from rnnlab.plots.figures import save_figure
from rnnlab.report.page import Section
from rnnlab.runtime.console import PlainConsole
from rnnlab.sweeps.report.importance import setting_importance
from rnnlab.sweeps.report.page import Page, write_search_page
from rnnlab.sweeps.report.plots.parallel import score_colours
from rnnlab.sweeps.report.plots.slices import FIRST_SETTINGS, order_dimensions
from rnnlab.sweeps.report.ranking import best_trial, compare_configurations, pareto_front
from rnnlab.sweeps.report.records import DimensionRecord, Objective, SearchRecord, TrialRecord
from rnnlab.sweeps.report.report import write_report
from rnnlab.sweeps.report.search_records import (
    read_curves,
    record_state,
    search_records,
    trial_command,
)
from rnnlab.sweeps.report.summary import print_summary
from tests.helpers import example_sweep as a_sweep
from tests.helpers.pages import check_offline

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> tuple[optuna.Study, Path, list[Path]]:
    """A search with trials of every state, and its report."""
    folder = tmp_path_factory.mktemp("outputs") / "sine_gru"
    study = a_sweep.a_search()
    a_sweep.write_curves(study, folder)
    (folder / "sweep.yaml").write_text("# a search\nquestion: Is <b>0.003</b> best?\n")
    repeats = a_sweep.repeats_of({1: {0: 0.1, 1: 0.2}, 2: {0: 0.3, 1: 0.5}})
    return study, folder, write_report(study, folder, repeats)


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_report_is_whole(reported: tuple[optuna.Study, Path, list[Path]]) -> None:
    _, folder, files = reported
    names = {file.relative_to(folder).as_posix() for file in files}
    drawn = ("history", "curves", "importance", "parallel", "slices", "repeats", "failures")
    assert names == {
        *("trials.csv", "report.html", "summary.json"),
        *(f"report/{name}.png" for name in drawn),
    }
    for file in files:
        assert file.stat().st_size > 0
        if file.suffix == ".png":
            assert matplotlib.image.imread(file).std() > 0.01, f"{file.name} is empty"
    left = [file.name for file in folder.rglob(".*")]
    assert not left, "what was being written has its name now"


def test_the_table_has_every_trial(reported: tuple[optuna.Study, Path, list[Path]]) -> None:
    study, folder, _ = reported
    rows = rows_of(folder)
    assert [int(row["number"]) for row in rows] == list(range(len(study.trials)))
    first, pruned, lost = rows[1], rows[4], rows[5]
    assert float(first["val/mse"]) == study.trials[1].value
    assert float(first["optimizer.lr"]) == study.trials[1].params["optimizer.lr"]
    assert first["model.forget_bias"] == "", "a GRU has none"
    assert (first["seconds"], first["epochs"], first["parameters"]) == ("2.5", "8", "12345")
    assert (first["failure"], first["message"], first["attempts"]) == ("", "", "1")
    assert shlex.split(first["command"])[-1] == "seed=1"
    assert (pruned["state"], pruned["epochs"]) == ("pruned", "3")
    assert float(pruned["val/mse"]) == study.trials[4].intermediate_values[3]
    assert (lost["state"], lost["failure"], lost["val/mse"]) == ("infeasible", "diverged", "")
    assert [row["state"] for row in rows[-2:]] == ["running", "waiting"]


def test_the_summary_is_for_programs(reported: tuple[optuna.Study, Path, list[Path]]) -> None:
    study, folder, _ = reported
    told = json.loads((folder / "summary.json").read_text())
    best = best_trial(study)
    assert best is not None
    assert told["best"]["number"] == best.number
    assert told["best"]["values"] == {"val/mse": best.value}
    assert told["best"]["params"] == best.params
    assert told["best"]["command"] == trial_command(best)
    assert told["front"] is None
    ended = {"complete": 16, "pruned": 5, "infeasible": 2, "failed": 1}
    assert told["counts"] == {**ended, "running": 1, "waiting": 1}
    assert told["failures"] == {"diverged": 2, "crash": 1}
    shares = told["importance"]["shares"]
    assert shares.keys() == a_sweep.SPACE.keys()
    assert sum(shares.values()) == pytest.approx(1)
    assert told["comparison"]["configurations"][0]["number"] == 1
    assert told["comparison"]["pairs"] == 2


class Elements(HTMLParser):
    """The tags and texts of a page; what is left open at the end."""

    EMPTY = ("meta", "img")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else(reported: tuple[optuna.Study, Path, list[Path]]) -> None:
    study, folder, files = reported
    page = (folder / "report.html").read_text()
    elements = Elements(page)
    assert not elements.open
    images = [attributes["src"] for tag, attributes in elements.found if tag == "img"]
    assert len(images) == sum(file.suffix == ".png" for file in files)
    assert all(str(source).startswith("data:image/png;base64,") for source in images)
    assert not re.search(r"https?://|src=\"(?!data:)|href=|@import|url\(", page)
    assert sum(tag == "tr" and "class" in given for tag, given in elements.found) == len(
        study.trials
    )


def test_the_page_escapes_what_it_shows(reported: tuple[optuna.Study, Path, list[Path]]) -> None:
    assert "Is &lt;b&gt;0.003&lt;/b&gt; best?" in (reported[1] / "report.html").read_text()


def test_a_hostile_message_stays_text(tmp_path: Path) -> None:
    bad = '"><script>alert(1)</script>$name &amp;'
    values = {"name": bad, "command": bad, "message": bad, "failure": bad, "params": {bad: bad}}
    trial = TrialRecord(
        0, "complete", (1.0,), 1.0, *[values["params"]], 1.0, 1, 1, bad, bad, 1, bad
    )
    search = SearchRecord(
        bad,
        bad,
        (Objective(bad, "min"),),
        (DimensionRecord(bad, 0, 0, False, (bad,)),),
        (trial,),
        (0,),
    )
    figure = tmp_path / "figure.png"
    figure.write_bytes(b"")
    long = {f"{bad}{i}": bad for i in range(20)}
    settings = {bad: {bad: bad}, "long": long, "space": {bad: bad}}
    page = Page(search, bad, settings, [Section(bad, bad, figure)], {bad: bad})
    text = write_search_page(page, tmp_path / "report.html").read_text()
    assert text.count("<summary>") == 2, "the long setting and the failure"
    assert "<script>alert" not in text
    assert not Elements(text).open
    assert [tag for tag, _ in Elements(text).found].count("script") == 1
    assert "&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;$name &amp;amp;" in text


@pytest.mark.parametrize(
    "states",
    [[], ["waiting"], ["running"], ["failed"] * 3, ["pruned"], ["infeasible"], ["complete"]],
    ids=lambda states: "-".join(states) or "none",
)
def test_a_report_can_be_made_at_any_time(states: list[str], tmp_path: Path) -> None:
    study = a_sweep.new_study()
    for state in states:
        a_sweep.add(study, state, params={} if state == "waiting" else None)
    files = write_report(study, tmp_path / "early")
    assert {file.name for file in files} >= {"trials.csv", "report.html", "summary.json"}
    page = (tmp_path / "early" / "report.html").read_text()
    assert not Elements(page).open
    assert "at least 5 are needed" in page
    assert len(rows_of(tmp_path / "early")) == len(states)
    told = json.loads((tmp_path / "early" / "summary.json").read_text())
    assert (told["best"] is not None) == (states == ["complete"])


def test_the_page_begins_with_the_answer_and_has_the_test_of_the_best(
    reported: tuple[optuna.Study, Path, list[Path]], tmp_path: Path
) -> None:
    answer = r'class="answer">The best of 16 complete trials is trial \d+: val/mse .* 2 seeds'
    assert re.search(answer, (reported[1] / "report.html").read_text())
    study = a_sweep.new_study()
    for _ in range(2):
        a_sweep.add(study, "complete")
    scores = {"val/mse": 0.5, "test/mse": 0.625}
    report = {"name": "s", "seed": 0, "monitor": "val/mse", "scores": scores}
    report |= {"baselines": {"naive": {"test/mse": 0.75}}}
    (tmp_path / "best").mkdir()
    (tmp_path / "best" / "report.json").write_text(json.dumps(report))
    write_report(study, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "so the difference may be chance: repeats=&lt;number&gt; measures it" in page
    assert "test/mse is 0.6250, better than the best baseline, naive, with 0.7500." in page
    assert "<h2>Failures</h2>" not in page, "none failed"
    check_offline(page)


def test_a_later_report_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    study = a_sweep.new_study()
    a_sweep.add(study, "running")
    early = write_report(study, tmp_path)
    a_sweep.add(study, "failed")
    later = write_report(study, tmp_path)
    assert set(early) < set(later)
    assert len(rows_of(tmp_path)) == 2


def test_one_parameter_and_one_that_is_fixed(tmp_path: Path) -> None:
    study = a_sweep.new_study()
    space = {"model": optuna.distributions.CategoricalDistribution(["gru"])}
    space["optimizer.lr"] = a_sweep.SPACE["optimizer.lr"]
    for number in range(6):
        params = {"model": "gru", "optimizer.lr": 10 ** -(1 + number / 2)}
        a_sweep.add(study, params=params, space=space)
    write_report(study, tmp_path)
    assert "fewer than two settings" in (tmp_path / "report.html").read_text()


def test_best_is_feasible_complete_and_first() -> None:
    study = a_sweep.new_study()
    assert best_trial(study) is None
    a_sweep.add(study, "pruned", [0.001])
    a_sweep.add(study, values=[0.5])
    a_sweep.add(study, values=[0.25])
    a_sweep.add(study, values=[0.25])
    broken = optuna.trial.create_trial(value=0.01, constraints={"out of memory": 1.0})
    study.add_trial(broken)
    best = best_trial(study)
    assert best is not None
    assert best.number == 2
    assert record_state(study.trials[4]) == "infeasible"


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12),
    st.tuples(*[st.sampled_from(["minimize", "maximize"])] * 2),
)
def test_the_front_is_optunas(values: list[tuple[int, int]], directions: tuple[str, str]) -> None:
    study = optuna.create_study(directions=list(directions))
    study.add_trials([optuna.trial.create_trial(values=list(pair)) for pair in values])
    numbers = {trial.number for trial in pareto_front(study)}
    assert numbers == {trial.number for trial in study.best_trials}
    best = best_trial(study)
    assert best is not None
    assert best.number in numbers
    better = max if directions[0] == "maximize" else min
    assert best.values[0] == better(pair[0] for pair in values)


@pytest.mark.slow
def test_two_objectives(tmp_path: Path) -> None:
    study = a_sweep.new_study(["val/accuracy:max", "seconds"], ("maximize", "minimize"))
    study.set_user_attr("definition", {**a_sweep.DEFINITION, "monitor": "val/accuracy"})
    for pair in ([0.5, 1.0], [0.75, 30.0], [0.7, 40.0], [0.8, 90.0]):
        a_sweep.add(study, values=pair)
    a_sweep.add(study, "pruned", [0.6])
    files = write_report(study, tmp_path / "two")
    assert {"pareto.png", "history.png"} < {file.name for file in files}
    told = json.loads((tmp_path / "two" / "summary.json").read_text())
    assert told["best"] is None
    assert [trial["number"] for trial in told["front"]] == [0, 1, 3]
    pruned = rows_of(tmp_path / "two")[4]
    assert (pruned["val/accuracy"], pruned["seconds"]) == ("0.6", "5.5"), "what it cost"


def test_a_command_survives_a_shell() -> None:
    words = ["data=sine", "model.name='a b'", "+x=[1, 2]", "note=$HOME"]
    trial = optuna.trial.create_trial(value=1.0, user_attrs={"overrides": words})
    assert shlex.split(trial_command(trial)) == ["python", "train.py", *words]
    assert trial_command(optuna.trial.create_trial(value=1.0)) == ""


def test_importance_says_why_it_is_not_known() -> None:
    study = a_sweep.new_study()
    for _ in range(4):
        a_sweep.add(study)
    assert setting_importance(study).shares == {}
    assert "4 trials are complete, and at least 5" in setting_importance(study).remark
    a_sweep.add(study)
    assert "first guess from 5" in setting_importance(study).remark
    for _ in range(50):
        a_sweep.add(study)
    found = setting_importance(study)
    assert next(iter(found.shares)) == "optimizer.lr", "the score is a function of it"
    assert found.remark == ""

    alike = a_sweep.new_study()
    for _ in range(8):
        a_sweep.add(alike, values=[0.5])
    assert "same score" in setting_importance(alike).remark


def test_curves_count_epochs_where_an_epoch_has_several_validations(tmp_path: Path) -> None:
    study = a_sweep.new_study()
    a_sweep.add(study)
    a_sweep.add(study, "pruned")
    a_sweep.write_curves(study, tmp_path, per_epoch=4)
    file = tmp_path / "trials" / "0001" / "metrics.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:7]) + "100,7,,0.0")  # pruned after 3; then cut off by a kill
    curves = read_curves(tmp_path, [0, 1, 2], "val/mse")
    assert [epoch for epoch, _ in curves[0]][:5] == [0.25, 0.5, 0.75, 1.0, 1.25]
    assert curves[0][-1][0] == 8.0
    assert [epoch for epoch, _ in curves[1]] == [0.25, 0.5, 0.75]
    assert curves[2] == ()


def test_the_four_knobs_come_first() -> None:
    names = ["model", *reversed(FIRST_SETTINGS), "model.dropout"]
    ordered = order_dimensions([DimensionRecord(name, 0, 1) for name in names])
    assert [d.name for d in ordered] == [*FIRST_SETTINGS, "model", "model.dropout"]


def test_dimensions_follow_the_space_and_grow_with_it(tmp_path: Path) -> None:
    study = a_sweep.new_study()
    params = {"optimizer.lr": 1e-3}
    for low, high in ((1e-3, 1e-1), (1e-4, 1e-2)):
        space = {"optimizer.lr": optuna.distributions.FloatDistribution(low, high, log=True)}
        a_sweep.add(study, params=params, space=space)
    a_sweep.add(study, params=a_sweep.drawn(3))
    found = {d.name: d for d in search_records(study, tmp_path).dimensions}
    assert list(found) == ["model", "model.forget_bias", *list(a_sweep.SPACE)[2:]]
    assert found["optimizer.lr"] == DimensionRecord("optimizer.lr", 1e-4, 1e-1, log=True)
    assert found["model"].coordinate("lstm") == 1


def a_plain_search(scores: list[float], mode: str = "min") -> SearchRecord:
    trials = [TrialRecord(i, "complete", (score,)) for i, score in enumerate(scores)]
    return SearchRecord("s", "score", (Objective("score", mode),), (), tuple(trials), ())


def test_the_best_so_far_has_steps_where_something_better_came() -> None:
    scores = [math.inf, 3.0, 5.0, 2.0, 2.0, 1.0]
    assert a_plain_search(scores).running_best(0) == [(1, 3.0), (3, 2.0), (5, 1.0)]
    assert a_plain_search(scores[1:], "max").running_best(0) == [(0, 3.0), (1, 5.0)]


def test_a_few_trials_that_learnt_nothing_leave_colours_for_the_others() -> None:
    scores = [0.1 + i / 1000 for i in range(40)]
    colours = score_colours(a_plain_search([*scores, 1e6, math.inf]))
    assert colours.get_clim() == pytest.approx((0.1, 0.136))
    best, middle, worst = (tuple(colours.to_rgba(score)) for score in (0.1, 0.12, 1e6))
    assert len({best, middle, worst}) == 3
    up = score_colours(a_plain_search([*scores, -1e6], "max"))
    assert up.get_clim() == pytest.approx((0.103, 0.139))


def test_two_processes_may_draw_the_same_picture(tmp_path: Path) -> None:
    class Made:
        """A figure; while it is written, another process writes the same one."""

        other: "Made | None" = None
        axes = ()

        def findobj(self, _: type) -> list[Any]:
            return []

        @property
        def canvas(self) -> "Made":
            return self

        def print_png(self, path: Path) -> None:
            path.write_text("whole")
            if self.other:
                save_figure(self.other, tmp_path / "history.png")

    first = Made()
    first.other = Made()
    save_figure(first, tmp_path / "history.png")
    assert [file.name for file in tmp_path.iterdir()] == ["history.png"]


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=8))
def test_the_p_value_is_the_share_of_all_signs(differences: list[float]) -> None:
    size = abs(sum(differences))
    flipped = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((-1, 1), repeat=len(differences))
    ]
    tolerance = 1e-9 * (1 + sum(map(abs, differences)))
    least = sum(total >= size + tolerance for total in flipped) / len(flipped)
    most = sum(total >= size - tolerance for total in flipped) / len(flipped)
    assert least <= sign_flip_p(differences) <= most
    assert sign_flip_p(differences) >= 2 / 2 ** len(differences)


def test_known_p_values() -> None:
    assert sign_flip_p([1.0] * 6) == 2 / 64
    assert sign_flip_p([1.0, -1.0]) == 1.0
    assert sign_flip_p([0.0] * 5) == 1.0
    darwin = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    assert sign_flip_p(darwin) == pytest.approx(1726 / 2**15), "Fisher 1935, section 21"
    many = [1.0, 2.0, -0.5] * 10
    assert sign_flip_p(many) == pytest.approx(0.0005, abs=0.0005), "more than can be counted"


def test_too_few_seeds_tell_nothing() -> None:
    assert 2 / 2 ** seeds_needed() < 0.05 < 2 / 2 ** (seeds_needed() - 1)
    few = compare_configurations(
        a_sweep.repeats_of({7: {0: 0.1, 1: 0.2, 2: 0.3}, 3: {0: 0.5, 1: 0.6, 2: 0.7}})
    )
    assert few.p_value == 0.25
    assert few.gain == pytest.approx(0.4)
    assert "With 3 shared seeds that tells nothing yet" in few.sentence
    assert "0.25; at least 6 seeds are needed" in few.sentence


def test_a_winner_that_really_is_one() -> None:
    scores = {3: dict.fromkeys(range(8), 0.8), 7: {seed: 0.9 + seed / 100 for seed in range(8)}}
    told = compare_configurations(a_sweep.repeats_of(scores, "maximize"))
    assert [one.number for one in told.configurations] == [7, 3]
    assert told.p_value == 2 / 2**8
    assert told.sentence.startswith("Trial 7 (0.935 ± 0.024, 8 seeds)")
    assert "really beats it" in told.sentence
    assert told.configurations[0].spread == pytest.approx(0.0244949)


def test_a_winner_by_chance_is_called_so() -> None:
    first = [0.1, 0.3, 0.1, 0.3, 0.1, 0.3, 0.1]
    scores = {3: dict(enumerate(first)), 7: dict.fromkeys(range(7), 0.2)}
    told = compare_configurations(a_sweep.repeats_of(scores))
    assert told.p_value == 1.0
    assert "may be chance" in told.sentence


def test_only_shared_seeds_are_paired() -> None:
    scores = {3: {0: 0.1, 1: 0.2, 5: None}, 7: {1: 0.3, 2: 0.4}, 9: {8: None}}
    told = compare_configurations(a_sweep.repeats_of(scores))
    assert (told.pairs, told.gain) == (1, pytest.approx(0.1))
    assert [one.number for one in told.configurations] == [3, 7, 9]
    assert "trial 3 (0.15 ± 0.071, 2 seeds, 1 without a score)" in told.sentence.lower()
    apart = compare_configurations(a_sweep.repeats_of({3: {0: 0.1}, 7: {1: 0.3}}))
    assert (apart.p_value, apart.gain) == (None, None)
    assert "share no seed" in apart.sentence


def test_nothing_to_compare() -> None:
    assert compare_configurations(a_sweep.repeats_of({})).sentence == "No repeat has a score yet."
    alone = compare_configurations(a_sweep.repeats_of({7: {0: 0.1, 1: 0.3}}))
    assert "nothing to compare it with" in alone.sentence
    assert math.isnan(compare_repeats([ConfigurationScores(1, {})], "min").configurations[0].mean)


def test_the_end_of_a_search_on_the_terminal(
    reported: tuple[optuna.Study, Path, list[Path]],
) -> None:
    study, folder, _ = reported
    best = best_trial(study)
    assert best is not None
    output = StringIO()
    console = PlainConsole(file=output, width=60)
    print_summary(study, folder, console)
    lines = output.getvalue().splitlines()
    assert lines[0].startswith("trials   ")
    assert "2 diverged, 1 crash" in lines[0]
    assert f"trial {best.number}: val/mse" in lines[1]
    assert lines[2] == f"repeat   {trial_command(best)}", "in one line, to be copied"
    assert lines[-1] == f"report   {folder / 'report.html'}"


def test_the_end_of_a_search_that_found_nothing(tmp_path: Path) -> None:
    output = StringIO()
    console = PlainConsole(file=output, width=60)
    print_summary(a_sweep.new_study(), tmp_path, console)
    assert "no trial is complete" in output.getvalue()


def test_colours_are_logarithmic_where_the_axis_of_the_scores_is() -> None:
    import matplotlib.colors as mc

    wide, narrow = (a_plain_search(scores) for scores in ([0.01, 0.02, 0.5], [0.4, 0.45, 0.5]))
    assert isinstance(score_colours(wide).norm, mc.LogNorm)
    assert not isinstance(score_colours(narrow).norm, mc.LogNorm)
    assert not isinstance(score_colours(a_plain_search([0.0, 0.1, 5.0])).norm, mc.LogNorm)
