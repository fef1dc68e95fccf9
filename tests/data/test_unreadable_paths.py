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


def test_half_a_surrogate_is_no_date(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"date": "\\ud800", "x": 1}\n' * 40)
    with pytest.raises(DataError, match=r"a\.jsonl.*date"):
        build_data(parse(compose("data=csv_series", f"data.path={path}"))).setup()
