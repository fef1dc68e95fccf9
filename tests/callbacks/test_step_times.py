"""The parts of a step add up, and every suggestion works as it is typed."""

from itertools import product
from pathlib import Path

import pytest

from rnnlab.callbacks.step_times import measure_steps, suggest_faster_settings
from rnnlab.config.schema import parse
from rnnlab.experiment.build import build_trainer
from tests.helpers.configs import compose

# Of three steps, the first one slow, and a validation after them.
DURATIONS = {
    "run_training_batch": [9.0, 0.5, 0.5],
    "[_TrainingEpochLoop].train_dataloader_next": [9.0, 0.1, 0.3, 0.0],
    "[Strategy]SingleDeviceStrategy.batch_to_device": [9.0, 0.01, 0.03, 7.0],
    "[LightningModule]GRU.optimizer_step": [9.0, 0.4, 0.4],
    "[Strategy]SingleDeviceStrategy.training_step": [9.0, 0.1, 0.1],
    "[Strategy]SingleDeviceStrategy.backward": [9.0, 0.2, 0.2],
    "[Callback]Spy.on_before_optimizer_step": [9.0, 0.02, 0.02],
    "[Callback]Spy.on_train_batch_end": [9.0, 0.05, 0.07],
    "[Strategy]SingleDeviceStrategy.validation_step": [5.0] * 9,
}


def test_the_parts_are_means_without_the_first_step_and_the_validation() -> None:
    assert measure_steps(DURATIONS) == pytest.approx(
        {"data": 0.22, "forward": 0.1, "backward": 0.2, "optimizer": 0.08, "logging": 0.08}
    )
    assert measure_steps({"run_training_batch": [1.0]}) == {}


@pytest.mark.parametrize("part", ["data", "forward", "backward", "optimizer", "logging"])
def test_suggestions_work_as_typed(part: str) -> None:
    words = ("kernel=torch", "optimizer.fused=false", "threads=1")
    settings = set[str]()
    for extra, device in product(((), words), ("cpu", "cuda")):
        config = compose("data=sine", *extra)
        settings.update(suggest_faster_settings(part, config, device, threads=1))
    assert settings
    for setting in settings:
        parse(compose("data=sine", setting))


def test_a_run_without_profiler_enters_contexts_that_do_nothing(tmp_path: Path) -> None:
    config = parse(compose("data=sine", "trainer=cpu"))
    profiler = build_trainer(config, tmp_path, [], []).profiler  # type: ignore[attr-defined]
    with profiler.profile("step"), profiler.profile("nested"):
        pass
    with pytest.raises(KeyError), profiler.profile("step"):
        raise KeyError
    assert profiler.summary() == ""
