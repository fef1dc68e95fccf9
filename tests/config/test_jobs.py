"""Overrides with several values (`-m`), as Hydra's sweeper gets them."""

import pytest

from rnnlab.config.jobs import complete_jobs
from tests.helpers.configs import CONF, compose


@pytest.mark.parametrize("group", ["logger", "callbacks", "experiment", "debug"])
def test_a_group_is_switched_off_for_all_runs(group: str) -> None:
    words = complete_jobs(CONF, ["model=gru,rnn", "data=sine", f"{group}=null"])
    assert words == ["model=gru,rnn", "data=sine", f"~{group}"]


def test_a_group_is_switched_off_for_one_of_the_runs() -> None:
    words = complete_jobs(CONF, ["data=sine", "logger=null,csv"])
    assert words == ["data=sine", "logger=[],csv"]
    without = [compose("data=sine", word) for word in ("logger=[]", "logger=null")]
    assert without[0] == without[1]
    assert "logger" not in without[0]
