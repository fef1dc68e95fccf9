"""Objects from the plain values of a config."""

from fractions import Fraction
from typing import Any

from torch.optim import SGD

from rnnlab.experiment.build import partial_from


def test_a_component_gets_its_settings_and_what_the_run_adds() -> None:
    factory = partial_from({"_target_": "torch.optim.SGD", "lr": 0.5})
    assert factory.func is SGD
    assert factory.keywords == {"lr": 0.5}


def test_a_component_has_copies_of_the_values_of_the_config() -> None:
    names: dict[str, Any] = {"_target_": "builtins.dict", "names": ["a"]}
    partial_from(names)()["names"].append("b")
    assert names["names"] == ["a"]


def test_a_component_inside_a_component_is_built_too() -> None:
    half = {"_target_": "fractions.Fraction", "numerator": 1, "denominator": 2}
    assert partial_from({"_target_": "builtins.dict", "one": half})() == {"one": Fraction(1, 2)}
    assert partial_from({"_target_": "builtins.dict", "many": [half]})() == {
        "many": [Fraction(1, 2)]
    }


def test_a_component_may_choose_not_to_build_what_is_inside() -> None:
    half = {"_target_": "fractions.Fraction", "numerator": 1}
    built = partial_from({"_target_": "builtins.dict", "_recursive_": False, "one": half})()
    assert built == {"one": half}
