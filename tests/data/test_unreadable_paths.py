"""Paths that the system cannot read are errors in words, for every data set with files."""

import os
import socket
from pathlib import Path

import pytest

from rnnlab.config.schema import parse
from rnnlab.errors import ConfigError, DataError
from rnnlab.experiment.build import build_data
from tests.helpers.configs import compose

DATA = ["csv_series", "ett", "imdb", "parallel_text", "stocks", "text_file", "weather", "sms_spam"]


def unreadable(kind: str, folder: Path) -> str:
    """A path that is no file with data."""
    path = folder / kind
    if kind == "loop":
        path.symlink_to(path)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(path))
    elif kind == "deep":
        path = folder / "deep.jsonl"
        path.write_text("[" * 100_000)
    elif kind == "empty":
        path.write_bytes(b"")
    return {"long": "a" * 5000, "user": "~no-such-user/x.csv", "device": "/dev/null"}.get(
        kind, str(path)
    )


@pytest.mark.parametrize("name", DATA)
def test_what_cannot_be_read_is_an_error(name: str, tmp_path: Path) -> None:
    for kind in ("loop", "pipe", "socket", "deep", "empty", "long", "user", "device"):
        if (name, kind) == ("text_file", "deep"):
            continue  # brackets are a text
        plain = compose(f"data={name}", "trainer=cpu")
        plain["data"]["path"] = unreadable(kind, tmp_path)
        with pytest.raises((ConfigError, DataError)):
            build_data(parse(plain)).prepare_data()


@pytest.mark.parametrize(
    ("name", "setting"),
    [*((name, "path") for name in DATA), ("csv_series", "test_path"), ("text", "target_path")],
)
def test_a_missing_file_is_named_with_its_setting(name: str, setting: str, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("date,x\n2024-01-01,1\n")
    plain = compose("data=parallel_text" if name == "text" else f"data={name}", "trainer=cpu")
    plain["data"] |= {"path": str(tmp_path / "there"), setting: str(tmp_path / "missing")}
    with pytest.raises(DataError) as error:
        build_data(parse(plain)).prepare_data()
    (problem,) = error.value.problems
    assert problem == f"data.{setting}={tmp_path / 'missing'}: there is no such file"
    assert (problem.setting, problem.value) == (f"data.{setting}", str(tmp_path / "missing"))


def test_half_a_surrogate_is_no_date(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"date": "\\ud800", "x": 1}\n' * 40)
    with pytest.raises(DataError, match=r"a\.jsonl.*date"):
        build_data(parse(compose("data=csv_series", f"data.path={path}"))).setup()
