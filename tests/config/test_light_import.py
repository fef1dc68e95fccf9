"""Signatures that are read from the source are those of the classes."""

import re
import sys

import pytest

from rnnlab.config import schema
from rnnlab.config.light_import import Stub, locate_light
from rnnlab.config.schema import parse
from rnnlab.config.signature import RUNTIME, configurable_parameters, locate
from rnnlab.errors import ConfigError
from tests.helpers.configs import CONF, compose

TARGETS = sorted(
    {
        (file.parent.name, target)
        for file in CONF.rglob("*.yaml")
        for target in re.findall(r"_target_: (rnnlab\.\S+)", file.read_text())
    }
)


@pytest.mark.parametrize(("section", "target"), TARGETS)
def test_a_skeleton_has_the_settings_of_the_class(section: str, target: str) -> None:
    runtime = RUNTIME.get(section, frozenset())
    skeleton, real = (
        configurable_parameters(find(target), runtime) for find in (locate_light, locate)
    )
    assert skeleton[1] == real[1]
    assert skeleton[0].keys() == real[0].keys()
    for name, (annotation, default) in skeleton[0].items():
        if annotation is not Stub:
            assert (annotation, default) == real[0][name], name


@pytest.mark.parametrize("target", ["torch.optim.AdamW", "rnnlab.models.GUR", "rnnlab.x.Y", "GRU"])
def test_what_the_source_does_not_tell_is_left_to_the_import(target: str) -> None:
    assert locate_light(target) is None


def test_invalid_values_are_answered_without_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(target: str) -> None:
        raise AssertionError(f"{target} was imported")

    monkeypatch.delitem(sys.modules, "lightning")
    monkeypatch.setattr(schema, "locate", refuse)
    monkeypatch.setattr(schema, "locate_torch", refuse)
    with pytest.raises(ConfigError) as error:
        parse(compose("model.hidden_size=0", "data.seq_len=x", "callbacks.last.every_seconds=0"))
    lines = str(error.value).splitlines()
    assert [line.partition("=")[0] for line in lines] == [
        "data.seq_len",
        "model.hidden_size",
        "callbacks.last.every_seconds",
    ]


def test_a_value_that_only_torch_refuses_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "lightning")
    with pytest.raises(ConfigError, match=r"optimizer\.lr=fast: must be a valid number"):
        parse(compose("optimizer.lr=fast"))
