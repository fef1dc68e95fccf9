"""Hooks of each batch that a callback does not use."""

from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
from lightning.pytorch.callbacks import LambdaCallback
from lightning.pytorch.demos.boring_classes import BoringModel

from rnnlab.callbacks.batch_hooks import STEP_HOOKS
from rnnlab.config.schema import parse
from rnnlab.experiment.build import build_trainer
from tests.helpers.configs import compose


class Count(L.Callback):
    """Counts the ends of batches."""

    def __init__(self) -> None:
        self.ends = 0

    def on_train_batch_end(self, *values: Any) -> None:
        self.ends += 1


class DerivedCount(Count):
    """Inherits its only hook."""


def test_hooks_that_a_callback_has_are_called_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[int] = []
    idle: list[str] = []
    for name in STEP_HOOKS:
        monkeypatch.setattr(L.Callback, name, lambda *values, name=name: idle.append(name))
    own, derived = Count(), DerivedCount()
    other = LambdaCallback(on_train_batch_start=lambda *values: starts.append(values[-1]))
    words = ("trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=3")
    config = parse(compose("data=sine", *words, "trainer.limit_val_batches=1"))
    trainer = build_trainer(config, tmp_path, [own, derived, other], [])
    trainer.fit(BoringModel())
    assert (own.ends, derived.ends, starts, idle) == (3, 3, [0, 1, 2], [])
