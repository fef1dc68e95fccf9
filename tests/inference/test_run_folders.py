"""The folders that tests of inference use are those of runs."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import rnnlab
from rnnlab.errors import ConfigError
from tests.helpers.run_folders import write_run


@pytest.mark.parametrize("data", ["csv_series", "imdb", "copying", "adding"])
def test_a_run_with_random_weights_is_loaded_as_it_was_made(data: str, tmp_path: Path) -> None:
    run = write_run(data, tmp_path)
    trained = rnnlab.load(run.folder)
    batch = run.data.gather("test", np.arange(3))
    with torch.inference_mode():
        expected = run.model.predict_step(batch, 0)
    assert torch.equal(trained.answer(batch), expected)
    assert trained.processor is not None


@pytest.mark.parametrize(
    ("data", "name", "size"),
    [
        ("imdb", "num_tokens", "vocabulary"),
        ("text_file", "num_tokens", "vocabulary"),
        ("parallel_text", "output_size", "target_vocabulary"),
        ("csv_series", "horizon", "horizon"),
        ("copying", "output_size", "classes"),
    ],
)
def test_the_processor_of_another_network_is_refused(
    data: str, name: str, size: str, tmp_path: Path
) -> None:
    run = write_run(data, tmp_path)
    path = run.folder / "processor.json"
    content = json.loads(path.read_text())
    state = content["state"]
    if size.endswith("vocabulary"):
        state[size]["tokens"].append("new")
    else:
        state[size] = state[size] + 1 if size == "horizon" else [*state[size], "new"]
    path.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=rf"processor\.json: is not that of this network, {name}"):
        _ = rnnlab.load(run.folder).processor


def test_a_column_without_a_scale_is_strict_json(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    days = pd.date_range("2020-01-01", periods=200).strftime("%F")
    pd.DataFrame({"date": days, "one": np.arange(200) % 7, "two": 5}).to_csv(table, index=False)
    run = write_run("csv_series", tmp_path, path=str(table), calendar=[])

    def refuse(name: str) -> None:
        raise AssertionError(name)

    content = json.loads((run.folder / "processor.json").read_text(), parse_constant=refuse)
    assert None in content["state"]["error_scale"]
    assert np.isnan(rnnlab.load(run.folder).processor.error_scale).sum() == 1  # type: ignore[attr-defined]
