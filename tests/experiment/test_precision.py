"""Every precision of the Trainer with every task, on the CPU."""

from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from rnnlab.config.schema import TrainerConfig, parse
from rnnlab.errors import ConfigError
from rnnlab.experiment.checks import check_light
from rnnlab.experiment.run import check, run
from tests.helpers.configs import small

ONE_OF_EACH_TASK = ("imdb", "sine", "text_file", "numbers", "echo")
PRECISIONS = get_args(get_type_hints(TrainerConfig)["precision"])
LIMITS = [f"trainer.limit_{split}_batches=2" for split in ("train", "val", "test")]
SETTINGS = ("trainer.max_epochs=1", *LIMITS, "baselines=false", "seed=1")
REFUSED = "16-mixed"  # on the CPU, and with a fused optimizer and clipping, the defaults


pytestmark = pytest.mark.usefixtures("no_plots")


def scores(data: str, folder: Path, precision: str, *overrides: str) -> dict[str, float]:
    folder.mkdir(exist_ok=True)
    words = (*SETTINGS, f"trainer.precision={precision}", *overrides)
    return run(small(data, folder, *words)).report["scores"]


@pytest.mark.slow
@pytest.mark.parametrize("data", ONE_OF_EACH_TASK)
def test_the_precision_of_trainer_gpu_trains_and_tests(data: str, tmp_path: Path) -> None:
    mixed = scores(data, tmp_path / "mixed", "bf16-mixed")
    assert mixed["test/loss"] == pytest.approx(
        scores(data, tmp_path / "full", "32-true")["test/loss"], rel=0.05
    )


@pytest.mark.slow
@pytest.mark.parametrize("data", ONE_OF_EACH_TASK)
@pytest.mark.parametrize("precision", sorted({*PRECISIONS} - {REFUSED, "32-true", "bf16-mixed"}))
def test_other_precisions_train_and_test(data: str, precision: str, tmp_path: Path) -> None:
    if (data, precision) == ("sine", "bf16-true"):
        with pytest.raises(ConfigError, match=r"choose trainer\.precision=bf16-mixed"):
            scores(data, tmp_path, precision)
        return
    assert scores(data, tmp_path / "other", precision)["test/loss"] == pytest.approx(
        scores(data, tmp_path / "full", "32-true")["test/loss"], rel=0.05
    )


def test_scaled_gradients_of_a_fused_optimizer_are_rejected(tmp_path: Path) -> None:
    words = [f"trainer.precision={REFUSED}", "trainer.accelerator=gpu"]
    with pytest.raises(ConfigError, match=r"set optimizer\.fused=false"):
        check_light(parse(small("sine", tmp_path, *words)))
    check_light(parse(small("sine", tmp_path, *words, "optimizer.fused=false")))


def test_a_precision_of_gpus_is_not_replaced_on_the_cpu(tmp_path: Path) -> None:
    words = [f"trainer.precision={REFUSED}", "optimizer.fused=false"]
    with pytest.raises(ConfigError, match=r"; choose trainer\.precision=bf16-mixed$"):
        check(small("sine", tmp_path, *words))
    check(small("sine", tmp_path, "trainer.precision=bf16-mixed"))


def test_gradients_are_clipped_in_mixed_precision(tmp_path: Path) -> None:
    """A threshold of almost nothing leaves plain SGD where it is."""
    words = ("optimizer=sgd", "scheduler=none", "optimizer.lr=1.0")
    clipped = scores("sine", tmp_path, "bf16-mixed", *words, "trainer.gradient_clip_val=1e-9")
    free = scores("sine", tmp_path, "bf16-mixed", *words, "optimizer.lr=1e-9")
    assert clipped["test/loss"] == pytest.approx(free["test/loss"], rel=1e-4)
