"""A finished run with a longer training equals a run that was that long from the start."""

from pathlib import Path
from typing import Any

import pytest
import torch

from rnnlab.config.messages import check_resume
from rnnlab.errors import ConfigError
from rnnlab.experiment.run import Run, check, run
from tests.helpers.configs import small
from tests.helpers.processes import run_forked

TINY = {"num_series": 4, "num_eval_series": 2, "steps": 24, "first_target": 12}  # 8 steps an epoch
EARLY = ["mode=max", "callbacks.early_stopping.patience=1", "optimizer.lr=0.01"]
END = ["trainer.max_epochs=2", "trainer.max_steps=12"]
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_plots")]


def train(folder: Path, name: str, *words: str) -> Run:
    words = ("baselines=false", "task.head_dropout=0.3", *words, f"run_dir={folder / name}")
    return run(small("sine", folder, *words, **TINY, seq_len=6, batch_size=10))


def extend(done: Run, **limits: Any) -> Run:
    return run({"resume": str(done.folder.path), "trainer": limits})


def states(done: Run) -> list[dict[str, torch.Tensor]]:
    paths = (done.folder.best, done.folder.last)
    return [torch.load(path, weights_only=True)["state_dict"] for path in paths]


@pytest.mark.parametrize("scheduler", ["none", "exponential", "plateau"])
def test_an_extended_run_equals_a_longer_one(scheduler: str, tmp_path: Path) -> None:
    whole = train(tmp_path, "whole", f"scheduler={scheduler}", "trainer.max_epochs=4")
    short = train(tmp_path, "short", f"scheduler={scheduler}", "trainer.max_epochs=2")
    longer = extend(short, max_epochs=4)
    for ours, theirs in zip(states(longer), states(whole), strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    for key in ("scores", "best", "epochs", "limits", "budget"):
        assert longer.report[key] == whole.report[key]
    assert longer.folder.metrics.read_text() == whole.folder.metrics.read_text()
    (segment,) = longer.report["segments"]
    assert segment["scores"] == short.report["scores"]
    assert segment["epochs"] == 2
    assert whole.report["segments"] == []
    again = run({"resume": str(longer.folder.path)})
    assert again.report == longer.report


def test_an_extension_that_is_interrupted_goes_on(tmp_path: Path) -> None:
    whole = train(tmp_path, "whole", "scheduler=none", "trainer.max_epochs=4")
    short = train(tmp_path, "short", "scheduler=none", "trainer.max_epochs=2")
    from rnnlab.experiment import extension

    limits = {"resume": str(short.folder.path), "trainer": {"max_epochs": 4}}
    extension.store_limits(short.folder, check(limits))  # and killed here
    longer = run({"resume": str(short.folder.path)})
    assert longer.report["scores"] == whole.report["scores"]
    assert len(longer.report["segments"]) == 1


def test_a_segment_begins_with_a_new_epoch(tmp_path: Path) -> None:
    short = train(
        tmp_path, "short", "scheduler=none", "trainer.max_epochs=2", "trainer.max_steps=12"
    )
    with pytest.raises(ConfigError, match=r"needs 3 epochs.*max_epochs=3 too"):
        extend(short, max_steps=18)
    longer = extend(short, max_steps=18, max_epochs=3)
    last = torch.load(longer.folder.last, weights_only=True)
    assert last["global_step"] == 18
    assert longer.report["epochs"] == 3


@pytest.mark.parametrize(
    ("words", "limits", "message"),
    [
        (["scheduler=one_cycle"], {"max_epochs": 9}, "scheduler=one_cycle: computes .*init_from="),
        (["scheduler=cosine"], {"max_epochs": 9}, "scheduler=cosine: computes"),
        (["scheduler=none"], {"max_epochs": 1}, "trainer.max_epochs=1: the run has trained 2 ep"),
        (["scheduler=none", "trainer.max_steps=9"], {"max_epochs": 9}, "trainer.max_steps=9: the"),
        (
            ["scheduler=none", "callbacks=early_stopping", *EARLY],
            *({"max_epochs": 9}, "callbacks: EarlyStopping has ended this training"),
        ),
    ],
)
def test_what_cannot_be_extended_is_said(
    words: list[str], limits: dict[str, int], message: str, tmp_path: Path
) -> None:
    done = train(tmp_path, "run", "trainer.max_epochs=2", *words)
    before = {path: path.read_bytes() for path in done.folder.path.rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match=message):
        extend(done, **limits)
    assert before == {path: path.read_bytes() for path in before}


def test_a_new_run_starts_from_the_weights_of_another(tmp_path: Path) -> None:
    words = ("scheduler=none", "trainer.max_epochs=2")
    first = train(tmp_path, "first", *words)
    second = train(
        tmp_path, "second", *words, f"init_from={first.folder.path}", "optimizer.lr=1e-30"
    )
    before, after = states(first)[0], states(second)[0]
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert second.report["scores"] == first.report["scores"]
    assert second.report["init_from"] == {
        "folder": str(first.folder.path),
        "checkpoint": "best.ckpt",
        "step": first.report["best"]["step"],
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.hidden_size=5"], r"init_from=.*: model.hidden_size is 8 there and 5 here"),
        (
            ["model=lstm"],
            r"init_from=.*: model.* is .*GRU there and .*LSTM here",
        ),
    ],
)
def test_weights_of_another_network_are_refused(
    words: list[str], message: str, tmp_path: Path
) -> None:
    first = train(tmp_path, "first", "trainer.max_steps=1")
    with pytest.raises(ConfigError, match=message):
        train(tmp_path, "second", f"init_from={first.folder.path}", *words)
    assert not (tmp_path / "second" / "checkpoints").exists()


def test_weights_for_another_vocabulary_are_refused(tmp_path: Path) -> None:
    words = ("baselines=false", "trainer.max_steps=1", "test=false")
    first = run(small("text_file", tmp_path, *words, f"run_dir={tmp_path / 'first'}"))
    text = tmp_path / "text.txt"
    text.write_text(text.read_text().replace("w", "v"))
    with pytest.raises(ConfigError, match=r"init_from=.*: its vocabulary is another one"):
        run(small("text_file", tmp_path, *words, f"init_from={first.folder.path}"))


def test_limits_are_typed_behind_a_resume(tmp_path: Path) -> None:
    import sys

    done = train(tmp_path, "run", "scheduler=none", "trainer.max_epochs=1")
    check_resume(["resume=x", "trainer.max_epochs=2", "+trainer.max_time=00:00:10:00"])
    root = Path(__file__).parents[2]
    command = [sys.executable, str(root / "train.py"), f"resume={done.folder.path}"]
    for word, epochs in (("trainer.max_epochs=2", 2), ("hydra.verbose=false", 2)):
        process = run_forked([*command, word], capture_output=True, text=True)
        assert process.returncode == 0, process.stderr
        assert "segments     1 epochs, val/mse" in process.stdout
        assert done.folder.read_report()["epochs"] == epochs
