"""The settings that each data set accepts: users' configs depend on their names and defaults."""

import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from rnnlab.config.signature import RUNTIME, configurable_parameters, locate
from rnnlab.data.datasets.translation.numbers import NumbersDataModule
from tests.helpers.configs import CONF

FILE = Path(__file__).parent / "accepted_settings.json"
ACCEPTED: dict[str, dict[str, Any]] = json.loads(FILE.read_text())


@pytest.mark.parametrize("data", ACCEPTED)
def test_accepted_settings_and_defaults_are_unchanged(data: str) -> None:
    """A new setting is added to accepted_settings.json together with its default."""
    target = OmegaConf.load(CONF / "data" / f"{data}.yaml")._target_
    parameters, open_ended = configurable_parameters(locate(target), RUNTIME["data"])
    assert not open_ended
    defaults = {
        name: "required" if default is ... else default
        for name, (_, default) in sorted(parameters.items())
    }
    assert json.loads(json.dumps(defaults)) == ACCEPTED[data]


def test_a_setting_that_the_data_set_determines_is_not_accepted() -> None:
    parameters, _ = configurable_parameters(NumbersDataModule, frozenset())
    assert not NumbersDataModule.fixed_settings & parameters.keys()
    inherited, _ = configurable_parameters(NumbersDataModule.__bases__[0], frozenset())
    assert NumbersDataModule.fixed_settings < inherited.keys()
