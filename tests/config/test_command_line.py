"""What a user types: quoting, settings that no YAML lists, words that are no settings."""

import shlex
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rnnlab.commands.describe import read_settings
from rnnlab.commands.train import complete_words, is_plain
from rnnlab.config.command_line import split_flags
from rnnlab.config.messages import constructor_names
from rnnlab.config.overrides import parse_override
from rnnlab.config.quoting import FUNCTION, quote_override, type_as_text
from rnnlab.errors import ConfigError
from tests.helpers.configs import CONF, choices, compose
from tests.helpers.named_settings import named_settings

COLUMNS = st.text(min_size=1, max_size=8).filter(lambda name: name.isprintable())


def refusal(*words: str) -> str:
    """The message for a command line of train.py."""
    with pytest.raises(ConfigError) as error:
        complete_words(CONF, words)
    return str(error.value)


# Texts that Hydra's parser cannot read.


@pytest.mark.parametrize(
    "path",
    [
        *("sales (1).csv", "j\u00fcrgen/a.csv", "~/a.csv", "a=b.csv", "x[1].csv", "it's.csv"),
        *(
            "\u6570\u636e/\u9500\u91cf.csv",
            'a#b&c!d"e.csv',
            "{x}.csv",
            "[1].csv",
            "a b.csv",
            "a;b.csv",
        ),
        *("C:\\new\\x.csv", "x,".replace(",", "\u3001"), "a'\u00fc\\'", "100%.csv", "(a,b).csv"),
    ],
)
def test_a_path_is_taken_as_it_is_typed(path: str) -> None:
    assert compose(f"data.path={path}")["data"]["path"] == path


@pytest.mark.parametrize(
    ("typed", "columns"),
    [
        ("[\u9500\u91cf]", ["\u9500\u91cf"]),
        ("[CO(GT),PT08.S1(CO)]", ["CO(GT)", "PT08.S1(CO)"]),
        ("[T (degC), rel. Feuchte [%],c=d]", ["T (degC)", "rel. Feuchte [%]", "c=d"]),
        ("[Umsatz \u20ac,'Temp, \u00b0C',\"q,r\"]", ["Umsatz \u20ac", "Temp, \u00b0C", "q,r"]),
        ("[it's,b's]", ["it's", "b's"]),
        ("[CO(a,b),x]", ["CO(a,b)", "x"]),
    ],
)
def test_columns_are_taken_as_they_are_typed(typed: str, columns: list[str]) -> None:
    plain = compose("data=csv_series", "data.path=x", f"data.target_columns={typed}")
    assert plain["data"]["target_columns"] == columns


@pytest.mark.parametrize(
    "text",
    [
        *("model=gru", "model=gru,lstm", "x.y=[1,2,{a:b}]", "x='a b',\"c\"", "x=range(1,10,2)"),
        *("x=tag(log,interval(1e-4,1))", "x=${oc.env:HOME}/a", "x=", "~x", "+x=null", "x=glob(*)"),
        *("x=a\\,b", "optimizer.lr=interval(1", "x@y=z", 'hydra.run.dir="."', "x=choice(a,'b c')"),
    ],
)
def test_what_hydra_reads_keeps_its_meaning(text: str) -> None:
    assert quote_override(text) == text


def test_an_interpolation_within_a_text_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "/there")
    plain = compose("data.path=${oc.env:HERE}/sales (1).csv")
    assert plain["data"]["path"] == "/there/sales (1).csv"


def test_several_values_are_quoted_one_by_one() -> None:
    override = parse_override("data.path=m\u00fcller (1).csv,b.csv")
    assert override.is_sweep
    assert override.text == "data.path='m\u00fcller (1).csv',b.csv"


@given(COLUMNS)
@example("a,b").via("a comma separates values")
@example("1_000").via("a number")
@example("choice(1).csv").via("a function of Hydra")
@settings(max_examples=300)
def test_what_an_error_says_to_type_is_one_text(value: str) -> None:
    (word,) = shlex.split(type_as_text("data.path", value))
    assert parse_override(word).value == value


@pytest.mark.slow
@given(COLUMNS)
@settings(max_examples=300)
def test_a_text_is_read_as_typed_or_refused(value: str) -> None:
    """Never silently another text; values of other types are left to the check of types."""
    try:
        override = parse_override(f"x={value}")
    except ConfigError:
        return
    plain = value.strip(" ")
    if isinstance(override.value, str) and not set(plain) & set("\\'\"") and "," not in plain:
        assert override.value == plain or FUNCTION.match(plain)


# Settings of a constructor.


@pytest.mark.parametrize(
    "word",
    [
        *("optimizer.betas=[0.8,0.9]", "trainer.max_time=00:01:00:00", "callbacks.best.mode=max"),
        *("+optimizer.betas=[0.8,0.9]", "++optimizer.betas=[0.8,0.9]", "+optimizer.lr=0.1"),
    ],
)
def test_a_setting_of_the_constructor_needs_no_plus(word: str) -> None:
    key, _, value = word.lstrip("+").partition("=")
    node: Any = compose(word)
    for name in key.split("."):
        node = node[name]
    assert str(node).replace(" ", "") == value
    (text,) = complete_words(CONF, [word])
    assert text.lstrip("+") == word.lstrip("+")


def test_a_setting_of_the_constructor_needs_no_plus_beside_an_experiment_or_in_a_description() -> (
    None
):
    words = ["data.encoding=cp1252", "data.duplicates=first"]
    plain = compose("experiment=weather_96", *words)
    _, described = read_settings(CONF, ["data=csv_series", "data.path=x", *words])
    for data in (plain["data"], described["data"]):
        assert (data["encoding"], data["duplicates"]) == ("cp1252", "first")


@pytest.mark.slow
def test_a_setting_is_added_in_each_run_of_a_list() -> None:
    words = ["-m", "model=gru,lstm", "optimizer.betas=[0.8,0.9]", "seed=0,1"]
    assert complete_words(CONF, words) == [*words[:2], f"++{words[2]}", words[3]]
    assert "model.foo: no such setting" in explained(*words, "model.foo=1")


def explained(*words: str) -> str:
    """The message for an error of Hydra."""
    from rnnlab.config.messages import explain

    with pytest.raises(Exception) as error:  # noqa: PT011, of many classes
        complete_words(CONF, words)
    return explain(error.value)


SECTIONS = ("data", "model", "task", "optimizer", "scheduler", "trainer", "callbacks", "logger")


def accepted_by(group: str, choice: str) -> set[str]:
    """The first keys that a choice of a group lists, or its constructor accepts."""
    section = compose(f"{group}={choice}", *REQUIRED.get(choice, ()))[group]
    return {*section, *constructor_names(f"{group}.x", section)}


REQUIRED = dict.fromkeys(("csv_series", "text_classification"), ("data.path=x",))


@pytest.mark.slow
def test_every_setting_that_an_error_or_a_page_names_can_be_typed() -> None:
    """`x.y=` in a message or on a page composes as it is written, for one choice at least."""
    settings_of, left = defaultdict(set), named_settings(SECTIONS)
    assert ("data", "date_format") in left
    for group in SECTIONS:
        for choice in choices(group) or [""]:
            keys = {key for g, key in left if g == group}
            if not keys:
                break
            accepted = accepted_by(group, choice)
            settings_of[group, choice] = {key for key in keys if key.split(".")[0] in accepted}
            left -= {(group, key) for key in settings_of[group, choice]}
    assert not left, "no choice accepts them"
    for (group, choice), keys in settings_of.items():
        whole = {key for key in keys if "." not in key}  # callbacks.best=null and ...best.monitor=
        for part in filter(None, (whole, keys - whole)):
            words = [f"{group}.{key}=1" for key in sorted(part)]
            compose(f"{group}={choice}", *REQUIRED.get(choice, ()), *words)


# Words that are no settings.


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        (
            "gru imdb",
            [
                "gru: a setting is typed as key=value; did you mean model=gru?",
                "imdb: a setting is typed as key=value; did you mean data=imdb?",
            ],
        ),
        (
            "--model gru",
            ["--model gru: no such flag; settings are typed as key=value, did you mean model=gru?"],
        ),
        (
            "--lr=0.1 -m",
            [
                "--lr=0.1: no such flag; settings are typed as key=value, "
                "did you mean optimizer.lr=0.1?"
            ],
        ),
        (
            "data.path=my sales.csv",
            [
                "sales.csv: a setting is typed as key=value; if it belongs to data.path=my, "
                "type 'data.path=my sales.csv'"
            ],
        ),
        (
            "model=gru,lstm",
            [
                "model=gru,lstm: several values, but this is one run; to train with each, add -m: "
                "python train.py -m model=gru,lstm"
            ],
        ),
    ],
)
def test_words_that_are_no_settings_are_explained(command: str, lines: list[str]) -> None:
    assert refusal(*command.split()).splitlines() == lines


def test_flags_of_hydra_are_kept() -> None:
    words = ["--cfg", "job", "-m", "seed=1", "--info=all", "~callbacks.ema"]
    flags, overrides = split_flags(CONF, words)
    assert flags == ["--cfg", "job", "-m", "--info=all"]
    assert overrides == ["seed=1", "~callbacks.ema"]


@pytest.mark.parametrize(
    ("command", "is_composed_once"),
    [
        ("", True),
        ("model=gru +data.encoding=cp1252 ++seed=1 ~callbacks.ema", True),
        *((f"data=sine {word}", False) for word in ("-m", "--cfg=job", "-sc", "model")),
        *((f"{sign}hydra.verbose=true", False) for sign in ("", "+", "++")),
        ("hydra/launcher=basic", False),
        ("~hydra.sweeper", False),
    ],
)
def test_flags_and_settings_of_hydra_need_its_main_function(
    command: str, is_composed_once: bool, tmp_path: Path
) -> None:
    assert is_plain(CONF, command.split()) == is_composed_once
    assert not is_plain(tmp_path, command.split())  # a user's directory may set those of Hydra


@pytest.mark.parametrize("group", ["experiment", "debug", "logger", "callbacks"])
def test_a_group_that_may_be_empty_can_be_switched_off(group: str) -> None:
    assert group not in compose(f"{group}=null")
