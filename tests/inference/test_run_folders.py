"""The folders that tests of inference use are those of runs."""

from pathlib import Path

import numpy as np
import pytest
import torch

import rnnlab
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
