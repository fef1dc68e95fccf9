"""What a search may vary: both spellings, conditions, and the words that repeat a draw."""

import json
from typing import Any

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.config.overrides import format_override
from rnnlab.errors import ConfigError
from rnnlab.sweeps.space.dimensions import Space
from rnnlab.sweeps.space.distributions import Choices, Range

CELLS = {
    "model.forget_bias": {"low": 0.0, "high": 2.0, "when": "model=lstm,bilstm"},
    "model": ["gru", "lstm", "bilstm"],
    "optimizer.lr": {"low": 1e-4, "high": 1e-2, "log": True},
    "model.nonlinearity": {"choices": ["tanh", "relu"], "when": {"cell": "rnn", "model": "gru"}},
    "cell": {"choices": ["rnn", "other"], "when": "model=gru"},
}


def distribution(raw: Any) -> Any:
    return Space.parse({"x": raw}).dimensions["x"].distribution


def problems(space: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as error:
        Space.parse(space)
    return str(error.value).splitlines()


def draws(space: Space, count: int = 200) -> list[tuple[optuna.Trial, dict[str, Any]]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    trials = [study.ask() for _ in range(count)]
    return [(trial, space.suggest(trial)) for trial in trials]


# Both spellings.


@pytest.mark.parametrize(
    ("hydra", "typed_spelling"),
    [
        ("interval(0.1, 10)", {"low": 0.1, "high": 10.0}),
        ("tag(log, interval(1e-4, 1e-1))", {"low": 1e-4, "high": 1e-1, "log": True}),
        ("interval(1, 5)", {"low": 1.0, "high": 5.0}),
        ("int(interval(1, 5))", {"low": 1, "high": 5}),
        ("tag(log, int(interval(8, 64)))", {"low": 8, "high": 64, "log": True}),
        ("range(16, 80, 16)", {"low": 16, "high": 64, "step": 16}),
        ("range(5, 1, -2)", {"low": 3, "high": 5, "step": 2}),
        ("range(0, 0.5, 0.1)", {"low": 0.0, "high": 0.4, "step": 0.1}),
        ("choice(gru, lstm)", {"choices": ["gru", "lstm"]}),
        ("gru,lstm", ["gru", "lstm"]),
        ("32,64", [32, 64]),
        ("null,'1',1", [None, "1", 1]),
        ("[1,2],[3]", [[1, 2], [3]]),
        ("gru", {"value": "gru"}),
        ("0.5", 0.5),
    ],
)
def test_hydra_and_typed_spelling_mean_the_same(hydra: str, typed_spelling: Any) -> None:
    assert distribution(hydra) == distribution(typed_spelling)


def test_integers_give_an_integer_dimension_and_one_float_a_float_one() -> None:
    assert distribution({"low": 1, "high": 4}) == Range(1, 4, False, 1)
    assert isinstance(distribution({"low": 0, "high": 1.5}).low, float)
    assert isinstance(distribution({"low": 0, "high": 1, "step": 0.5}).high, float)


def test_a_range_ends_where_the_jobs_of_hydra_end() -> None:
    assert distribution("range(0, 1, 0.25)").grid() == [0.0, 0.25, 0.5, 0.75]


def test_steps_have_no_binary_rounding_errors() -> None:
    steps = distribution({"low": 0.0, "high": 0.6, "step": 0.1})
    assert steps.grid() == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    assert steps.from_optuna(0.1 + 0.2) == 0.3


# Errors.


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"low": 2, "high": 1}, ".low=2: must not be above high=1"),
        ({"low": 0, "high": 1, "log": True}, ".low=0: must be above 0 with log=true"),
        (
            {"low": 1, "high": 3, "log": True, "step": 1},
            ".step=1: cannot be combined with log=true; drop one of them",
        ),
        (
            {"low": 0.0, "high": 0.55, "step": 0.1},
            ".high=0.55: is no whole number of steps of 0.1 above low=0.0; the nearest is high=0.6",
        ),
        ({"low": 0, "high": 1, "step": 0}, ".step=0: must be above 0"),
        ({"low": 0}, ".high: must be given"),
        ({"low": float("nan"), "high": 1}, ".low=nan: must be a finite number"),
        ({"low": 0, "high": float("inf")}, ".high=inf: must be a finite number"),
        ({"low": "a", "high": True}, ".low=a: must be a finite number"),
        ({"low": 0, "high": 1, "log": "yes"}, ".log=yes: must be true or false"),
        ({"low": 0, "hihg": 1}, ".hihg: no such field; did you mean high?"),
        ({"choices": [1], "low": 0}, "={choices: [1], low: 0}: choices and low exclude each other"),
        ({"choices": []}, ".choices=[]: there must be at least one choice"),
        ({"choices": 3}, ".choices=3: must be a list"),
        ([64, 64], "=[64, 64]: 64 is there twice"),
        ([1, True], "=[1, true]: true is there twice"),
        ([[1, 2], "[1,2]"], "is there twice"),
        ([float("nan"), 1], "nan is not a finite number"),
        ("tag(log, interval(0, 1))", ".low=0.0: must be above 0 with log=true"),
        ("tag(lgo, interval(1, 2))", "=tag(lgo, interval(1, 2)): unknown tag lgo"),
        (
            "tag(log, choice(1, 2))",
            "=tag(log, choice(1, 2)): tag log is only allowed with interval",
        ),
        ("range(3, 3)", "=range(3, 3): is empty"),
        ("glob(*)", "=glob(*): is not a list of values"),
        ("interval(1", "=interval(1: Hydra cannot read it"),
        ({"low": 0, "high": 1, "when": 3}, ".when=3: must be such as model=lstm"),
    ],
)
def test_an_invalid_dimension_is_an_error(raw: Any, message: str) -> None:
    assert any(f"space.x{message}" in line or message in line for line in problems({"x": raw}))


def test_all_problems_are_reported_at_once_each_with_its_key() -> None:
    lines = problems(
        {
            "optimizer.lr": {"low": 1, "high": 0, "step": -1},
            "model": [],
            "9 lives": 3,
            "a.b": {"choices": [1, 2], "when": "modle=gru"},
        }
    )
    keys = ["optimizer.lr.low", "optimizer.lr.step", "model=[]", "9 lives", "a.b.when"]
    assert len(lines) == len(keys)
    assert all(line.startswith(f"space.{key}") for line, key in zip(lines, keys, strict=True))
    assert "did you mean model?" in lines[-1]


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"a": "z=1"}, "space.a.when=z=1: z is no dimension of the space"),
        ({"a": "b=7"}, "space.a.when=b=7: b is never 7; it must be one of 1, 2"),
        ({"a": "b=1", "b": "a=1"}, "the conditions form a cycle"),
        ({"a": "a=1"}, "space.a.when: the conditions form a cycle: a -> a"),
        ({"a": {"b": 1, "c": 2}, "b": "c=1"}, "space.a.when: can never hold"),
        ({"a": {"b": []}}, "names no value"),
    ],
)
def test_conditions_that_cannot_hold_are_errors(conditions: dict[str, Any], message: str) -> None:
    space = {key: {"choices": [1, 2]} for key in "abc"}
    for key, when in conditions.items():
        space[key]["when"] = when
    assert any(message in line for line in problems(space))


# Drawing.


def test_a_conditional_dimension_is_drawn_only_where_its_conditions_hold() -> None:
    for trial, values in draws(Space.parse(CELLS)):
        assert trial.params == values
        assert ("model.forget_bias" in values) == (values["model"] in ("lstm", "bilstm"))
        assert ("cell" in values) == (values["model"] == "gru")
        assert ("model.nonlinearity" in values) == (values.get("cell") == "rnn")


def test_what_a_condition_asks_is_drawn_first_and_the_rest_as_it_stands() -> None:
    order = list(Space.parse(CELLS).dimensions)
    assert order == ["model", "model.forget_bias", "optimizer.lr", "cell", "model.nonlinearity"]


def test_fixed_values_are_given_to_the_run_but_not_to_the_study() -> None:
    space = Space.parse({"model": "gru", "x": {"value": 3, "when": "model=gru"}, "y": [1, 2]})
    ((trial, values),) = draws(space, 1)
    assert values.keys() == {"model", "x", "y"}
    assert trial.params.keys() == {"y"}
    assert space.from_params(trial.params) == values


def test_lists_are_held_as_text_and_come_back_as_lists() -> None:
    space = Space.parse({"data.calendar": [["hour"], ["hour", "year"], []], "x": [None, True]})
    for trial, values in draws(space, 20):
        assert isinstance(values["data.calendar"], list)
        assert trial.params["data.calendar"] == format_override(values["data.calendar"])
        assert space.from_params(trial.params) == values
        assert space.to_params(values) == trial.params
        assert space.to_overrides(trial.params) == space.to_overrides(values)


# Words.

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
names = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True).filter(
    lambda name: name not in ("null", "true", "false", "nan", "inf")
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=5
)


@settings(max_examples=50)
@given(values)
def test_the_words_of_a_value_are_read_back_as_that_value(value: Any) -> None:
    override = OverridesParser.create().parse_override(f"task.x={format_override(value)}")
    assert not override.is_sweep_override()
    assert override.value() == value
    assert type(override.value()) is type(value)


@settings(max_examples=50)
@given(st.lists(scalars, min_size=1, max_size=4, unique=True))  # 1, 1.0 and true are the same
def test_a_drawn_choice_reaches_the_run_as_it_is(choices: list[Any]) -> None:
    space = Space.parse({"x": {"choices": choices}})
    for choice in choices:
        (word,) = space.to_overrides({"x": choice})
        assert OverridesParser.create().parse_override(word).value() == choice


# Points.


def test_a_point_outside_of_the_space_is_refused() -> None:
    space = Space.parse(CELLS)
    point = {"model": "gru", "optimizer.lr": 1, "model.forget_bias": 1.0, "optimizer.l": 3}
    with pytest.raises(ConfigError) as error:
        space.check(point, "enqueue[0]")
    lines = str(error.value).splitlines()
    assert lines[0] == "enqueue[0].optimizer.lr=1: must be a number from 0.0001 to 0.01"
    assert lines[1].startswith("enqueue[0].model.forget_bias=1.0: is only active if model=lstm")
    assert "did you mean optimizer.lr?" in lines[2]
    assert len(lines) == 3


def test_a_point_may_leave_dimensions_out() -> None:
    space = Space.parse(CELLS)
    space.check({}, "enqueue[0]")
    space.check({"model": "lstm", "model.forget_bias": 1}, "enqueue[0]")


def test_between_the_steps_is_outside() -> None:
    space = Space.parse({"x": {"low": 0, "high": 10, "step": 5}})
    with pytest.raises(ConfigError, match=r"from 0 to 10 in steps of 5"):
        space.check({"x": 3}, "enqueue[0]")


def test_an_enqueued_point_is_drawn_and_the_rest_is_sampled() -> None:
    space = Space.parse(CELLS)
    study = optuna.create_study()
    study.enqueue_trial(space.to_params({"model": "lstm", "optimizer.lr": 2e-3}))
    point = space.suggest(study.ask())
    assert (point["model"], point["optimizer.lr"]) == ("lstm", 2e-3)
    assert 0 <= point["model.forget_bias"] <= 2


def test_corners_visit_every_choice_and_both_ends_of_every_range() -> None:
    space = Space.parse(CELLS)
    corners = space.corners()
    for key, dimension in space.dimensions.items():
        values_at_corners = [corner[key] for corner in corners if key in corner]
        assert set(dimension.distribution.ends()) == set(values_at_corners)
    for corner in corners:
        space.check(corner, "corner")
        assert [k for k, d in space.dimensions.items() if d.is_active(corner)] == list(corner)
    assert len(corners) <= 6


def test_a_grid_is_drawn_completely() -> None:
    space = Space.parse({"x": {"low": 0.0, "high": 0.3, "step": 0.1}, "y": [[1], [2]], "z": "a"})
    grid = space.grid()
    study = optuna.create_study(sampler=optuna.samplers.GridSampler(grid, seed=0))
    points = []
    study.optimize(lambda trial: points.append(space.suggest(trial)) or 0.0, n_trials=8)
    pairs = {(point["x"], point["y"][0]) for point in points}
    assert pairs == {(x, y) for x in (0.0, 0.1, 0.2, 0.3) for y in (1, 2)}


def test_a_grid_of_a_continuous_dimension_is_refused() -> None:
    with pytest.raises(ConfigError) as error:
        Space.parse(CELLS).grid()
    lines = str(error.value).splitlines()
    assert any("space.optimizer.lr: has no steps" in line for line in lines)
    assert any("space.model.forget_bias: a grid cannot have" in line for line in lines)


# Opening a study again.


def test_equal_spaces_are_equal_in_whichever_spelling() -> None:
    one = Space.parse({"a": {"low": 1, "high": 3}, "b": {"choices": ["x"], "when": "a=2"}})
    other = Space.parse({"b": {"choices": ["x"], "when": {"a": [2]}}, "a": "int(interval(1,3))"})
    assert one.to_plain() == other.to_plain()


def test_the_plain_space_survives_json_and_is_read_back() -> None:
    space = Space.parse({**CELLS, "z": "a", "data.calendar": [["hour"], []]})
    plain = json.loads(json.dumps(space.to_plain()))
    assert Space.parse(plain) == Space.parse(space.to_plain())
    assert Space.parse(plain).to_plain() == space.to_plain()


def test_a_changed_range_changes_the_plain_space() -> None:
    one, other = (Space.parse({"x": {"low": 0, "high": high}}).to_plain() for high in (1, 1.0))
    assert json.dumps(one) != json.dumps(other)  # whole numbers, or real ones


def test_choices_do_not_confuse_numbers_and_booleans() -> None:
    assert Choices((True, "1")).from_optuna(True) is True
    with pytest.raises(ConfigError, match="must be one of true"):
        Choices((True, "1")).from_optuna(1)
