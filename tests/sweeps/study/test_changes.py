"""Changes of a space with which a study can or cannot be continued."""

from typing import Any

import optuna
import pytest

from rnnlab.sweeps.space.dimensions import Space
from rnnlab.sweeps.study.changes import space_obstacles

PLAIN: dict[str, Any] = {
    "optimizer.lr": {"low": 1e-3, "high": 1e-1, "log": True},
    "model": ["gru", "lstm"],
    "model.hidden_size": {"low": 8, "high": 64},
    "seed": [3],
}


@pytest.mark.parametrize(
    ("key", "raw", "obstacle"),
    [
        ("optimizer.lr", {"low": 1e-4, "high": 1.0, "log": True}, None),
        ("optimizer.lr", {"low": 1e-3, "high": 1e-1}, "another scale (log)"),
        ("optimizer.lr", [1e-3, 1e-2], "another kind of values"),
        ("optimizer.lr", {"low": 0.01, "high": 0.01, "log": True}, None),
        ("model", ["gru", "lstm", "rnn"], "other choices"),
        ("model.hidden_size", {"low": 4, "high": 128, "step": 4}, None),
        ("model.hidden_size", {"low": 8.0, "high": 64.0}, "another kind of values"),
        ("trainer.gradient_clip_val", [0.1, 1.0], None),
    ],
)
def test_what_optuna_cannot_change_is_an_obstacle(key: str, raw: Any, obstacle: str | None) -> None:
    study = optuna.create_study()
    Space.parse(PLAIN).suggest(study.ask())
    changed = Space.parse({**PLAIN, key: raw})
    assert list(space_obstacles(changed, study)) == (
        [f"space.{key} has {obstacle}"] * bool(obstacle)
    )
    if not obstacle:
        changed.suggest(study.ask())
    else:
        with pytest.raises(ValueError, match=r"Cannot set|dynamic"):
            changed.suggest(study.ask())
