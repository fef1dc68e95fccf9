"""What a data set is, shown without training."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnlab.commands import describe as showing
from rnnlab.data.description import Description, MomentCounter, format_value, random_efficiency
from rnnlab.errors import ConfigError
from rnnlab.report.data_console import print_description
from tests.helpers.combinations import task_of
from tests.helpers.configs import CONF, ROOT, choices, small
from tests.helpers.processes import run_code, run_forked

SPLITS = ("train", "val", "test")
FIRST_OF_EACH_TASK = {task_of(name): name for name in reversed(choices("data"))}.values()
ONE_OF_EACH_TASK_IS_FAST = [
    pytest.param(name, marks=[] if name in FIRST_OF_EACH_TASK else pytest.mark.slow)
    for name in choices("data")
]


def described(name: str, folder: Path, **settings: Any) -> Description:
    data = showing.build_data_set(small(name, folder, **settings))
    data.prepare_data()
    data.setup("fit")
    return data.describe()


def door(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the door as a user does, in a folder of his own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "100"}
    command = [sys.executable, "-m", "rnnlab.data", *words]
    return run_forked(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


# Every data set.


@pytest.mark.parametrize("name", choices("data"))
def test_every_data_set_can_be_described(name: str, tmp_path: Path) -> None:
    found = described(name, tmp_path)
    assert set(found.splits) == set(SPLITS)
    for split, facts in found.splits.items():
        assert facts.targets == found.provenance.sizes[split]
        assert facts.lengths.min() >= 1
        assert 0 < facts.efficiency <= 1
        assert 0 < facts.random_efficiency <= 1
        assert (facts.tokens is None) != (facts.inputs is None)
        assert facts.examples
        if facts.tokens is not None:
            assert facts.tokens.sum() == facts.lengths.sum()
        if facts.inputs is not None:
            assert len(found.feature_names()) == len(facts.inputs.mean)
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize("name", ONE_OF_EACH_TASK_IS_FAST)
def test_every_data_set_has_a_page_and_pictures(name: str, tmp_path: Path, capsys) -> None:
    found = described(name, tmp_path)
    folder = tmp_path / "page"
    capsys.readouterr()  # what preparing has said
    showing.write_description(name, found, folder)
    printed = capsys.readouterr().out
    assert printed.startswith(f"data     {name}: {found.class_name}")
    assert found.provenance.sha256 in printed
    for split in SPLITS:
        assert f"\n{split} {found.splits[split].examples[0].row:,}\n" in printed
    pictures = list(folder.glob("*.png"))
    assert pictures
    assert all(picture.stat().st_size > 5_000 for picture in pictures)
    for file in folder.iterdir():
        assert f"written  {file}" in printed
    facts = json.loads((folder / "description.json").read_text())
    assert facts["data"]["sizes"] == dict(found.provenance.sizes)


# What is counted.


def reviews(folder: Path) -> dict[str, Any]:
    """Three splits whose tokens can be counted by hand."""
    tables = {"train": "a b,0\na b c d,1\na a,0\n", "val": "a z,1\n", "test": "z y x a,0\n"}
    for split, rows in tables.items():
        (folder / f"{split}.csv").write_text(f"text,label\n{rows}")
    return {"path": str(folder), "vocab_size": 4, "seq_len": 3, "batch_size": 2}


def test_tokens_classes_and_lengths_by_hand(tmp_path: Path) -> None:
    """The vocabulary is <pad> <unk> a b; of four tokens the first quarter and the end are kept."""
    found = described("imdb", tmp_path, **reviews(tmp_path))
    train, val, test = (found.splits[split] for split in SPLITS)
    assert list(found.input_names) == ["<pad>", "<unk>", "a", "b"]
    assert train.tokens is not None
    assert sorted(train.lengths.tolist()) == [2, 2, 3]
    assert train.original_lengths is not None
    assert sorted(train.original_lengths.tolist()) == [2, 2, 4]
    assert train.classes is not None
    assert train.classes.tolist() == [2, 1]
    assert val.unknown_share == pytest.approx(1 / 2)
    assert test.unknown_share == pytest.approx(2 / 3)  # "y x a" are read
    plain = found.to_dict()["splits"]["train"]
    assert plain["classes"] == {"negative": 2, "positive": 1}
    assert plain["cut"] == pytest.approx(1 / 3)
    assert plain["steps_uncut"]["max"] == 4


def test_an_example_is_shown_as_it_stands_and_as_it_is_read(tmp_path: Path) -> None:
    found = described("imdb", tmp_path, **reviews(tmp_path))
    (example,) = found.to_dict()["splits"]["test"]["examples"]
    assert example == {
        "row": 0,
        "shown": {"text": "z y x a"},
        "read": "<unk> <unk> a",
        "target": "negative",
    }


def test_the_classes_of_each_step_are_counted(tmp_path: Path) -> None:
    found = described("copying", tmp_path)
    classes = found.splits["train"].classes
    assert classes is not None
    assert classes.sum() == 100 * 3
    example = found.to_dict()["splits"]["val"]["examples"][0]
    assert example["shown"]["text"].startswith(example["target"])


def test_the_numbers_of_each_variable(tmp_path: Path) -> None:
    found = described("adding", tmp_path, num_train=2000)
    inputs, outputs = found.splits["train"].inputs, found.splits["train"].outputs
    assert inputs is not None
    assert outputs is not None
    np.testing.assert_allclose(inputs.mean, [0.5, 2 / 12], atol=0.01)
    np.testing.assert_allclose(inputs.high, [1, 1], atol=0.01)
    np.testing.assert_allclose(outputs.mean, [1], atol=0.05)
    assert found.feature_names() == ["number", "marker"]
    assert found.variable_names() == ["sum"]


def test_moments_are_those_of_all_pieces_together() -> None:
    values = np.random.default_rng(0).normal(1e4, 2, (300, 3)).astype(np.float32)
    values[::7, 1], values[:, 2] = np.nan, 5
    tally = MomentCounter()
    for piece in np.split(values, [1, 50, 200]):
        tally.add(piece)
    found = tally.moments()
    assert found is not None
    np.testing.assert_allclose(found.mean, np.nanmean(values, axis=0, dtype=np.float64))
    np.testing.assert_allclose(
        found.std, np.nanstd(values, axis=0, dtype=np.float64), rtol=1e-6, atol=1e-9
    )
    np.testing.assert_array_equal(found.low, np.nanmin(values, axis=0))
    np.testing.assert_array_equal(found.high, np.nanmax(values, axis=0))
    np.testing.assert_allclose(found.missing, [0, 43 / 300, 0])


def test_random_batches_are_padded_to_their_longest() -> None:
    assert random_efficiency(np.array([1, 9]), 2) == pytest.approx(10 / 18)
    assert random_efficiency(np.array([1, 9]), 1) == 1
    assert random_efficiency(np.array([3, 3, 3]), 2) == 1


def test_buckets_are_counted_from_the_real_batches(tmp_path: Path) -> None:
    data = showing.build_data_set(small("imdb", tmp_path))
    data.prepare_data()
    data.setup("fit")
    shapes = [batch.inputs.numel() for batch in data.val_dataloader()]
    facts = data.describe().splits["val"]
    assert facts.efficiency == pytest.approx(data.lengths("val").sum() / sum(shapes))


def test_of_a_long_split_every_nth_batch_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.setattr("rnnlab.data.description.MAX_BATCHES", 4)
    found = described("sine", tmp_path)
    facts = found.splits["train"]
    assert facts.batches == 28
    assert facts.read_batches == 4
    assert facts.targets == 880
    print_description("sine", found.to_dict(), [])
    assert "28 of 32 (4 counted)" in capsys.readouterr().out


def test_long_texts_and_arrays_are_shortened() -> None:
    assert format_value("x" * 1000) == "x" * 240 + " ..."
    assert format_value(torch.arange(3.0)) == "0 1 2"
    assert format_value(np.stack([np.arange(9), np.zeros(9)], axis=1)) == (
        "0 1 2 3 ... 5 6 7 8; 0 0 0 0 ... 0 0 0 0"
    )


# The door.


@pytest.mark.slow
def test_the_door_shows_and_trains_nothing(tmp_path: Path) -> None:
    words = ("data.num_series=4", "data.num_eval_series=2", "data.noise=0.2", "output_dir=here")
    process = door(tmp_path, "sine", *words)
    assert process.returncode == 0, process.stderr
    assert "noise_variance 0.04" in process.stdout
    written = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    names = ("description.json", "series.png", "values.png")
    assert written == [f"here/data/sine/{name}" for name in names]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["imbd"], r"data=imbd: did you mean imdb\? choices: "),
        (["sine", "data.seq_le=3"], r"data\.seq_le: no such setting; did you mean seq_len\?"),
    ],
)
def test_an_invalid_argument_is_one_clear_line(
    words: list[str], message: str, tmp_path: Path
) -> None:
    process = door(tmp_path, *words)
    assert process.returncode == 2
    assert not process.stdout
    (line,) = process.stderr.splitlines()
    assert re.match(f"error {message}", line)
    assert not list(tmp_path.iterdir())


def test_settings_are_held_against_the_constructor() -> None:
    _, plain = showing.read_settings(CONF, ["sine", "data.seq_len=-3"])
    with pytest.raises(ConfigError, match=r"data\.seq_len=-3: must be greater"):
        showing.build_data_set(plain)


@pytest.mark.slow
def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    process = door(tmp_path, "imdb", "data.path=nowhere.csv")
    assert process.returncode == 2
    assert process.stderr.splitlines() == ["error data.path=nowhere.csv: there is no such file"]


@pytest.mark.parametrize("words", [["--help"], [], ["imbd"]])
def test_what_needs_no_torch_does_not_wait_for_it(words: list[str], tmp_path: Path) -> None:
    code = f"""if True:
        import runpy, sys
        sys.argv = ["rnnlab.data", *{words!r}]
        try:
            runpy.run_module("rnnlab.data", run_name="__main__")
        except SystemExit:
            pass
        heavy = {{"torch", "lightning", "pandas", "matplotlib", "wandb", "datasets"}}
        print("heavy:", sorted(heavy & sys.modules.keys()))
    """
    process = run_code(code, tmp_path)
    lines = process.stdout.splitlines()
    assert lines[-1] == "heavy: []"
    assert ("imbd" in words) or any("imdb" in line for line in lines)
