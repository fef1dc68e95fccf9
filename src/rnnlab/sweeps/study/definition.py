"""What a study is about, so that trials of different questions never end in one study."""

from collections.abc import Mapping, Sequence
from typing import Any

from rnnlab.config.keys import flat

PLACES = ("output_dir", "run_dir", "resume", "test", "baselines")  # no say in a score


def define(
    space: Mapping[str, Any], base: Mapping[str, Any], objectives: Sequence[str], seed: int
) -> dict[str, Any]:
    """The definition of a study, plain.

    Args:
        space: normalised.
        base: the config that all trials share.
        objectives: names.
        seed: of the study.
    """
    settings = {key: value for key, value in flat(dict(base)).items() if key not in PLACES}
    return {
        "space": flat(dict(space)),
        "base": settings,
        "monitor": base["monitor"],
        "mode": base["mode"],
        "objectives": list(objectives),
        "seed": seed,
    }


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What has changed, a line each.

    >>> differences({"seed": 0, "base": {"a": 1}}, {"seed": 0, "base": {"a": 2, "b": 3}})
    ['base.a: 1 -> 2', 'base.b: (none) -> 3']
    """
    one, two = flat(dict(then)), flat(dict(now))
    keys = sorted(one.keys() | two.keys())
    changed = [key for key in keys if one.get(key, ...) != two.get(key, ...)]
    return [f"{key}: {_shown(one, key)} -> {_shown(two, key)}" for key in changed]


def _shown(plain: Mapping[str, Any], key: str) -> str:
    return str(plain[key]) if key in plain else "(none)"
