"""Problems whose best possible score is known."""

from pathlib import Path

import pytest
from composing import compose

from rnnlab.experiment import run


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("model", ["rnn", "lstm", "gru"])
def test_sine_waves_are_forecast_down_to_the_noise(model: str, tmp_path: Path) -> None:
    done = run(compose("data=sine", f"model={model}", "trainer=cpu", f"output_dir={tmp_path}"))
    floor = done.report["baselines"]["noise floor"]["test/noise_ratio"]
    assert 0.95 * floor < done.report["scores"]["test/noise_ratio"] <= 1.10
    assert done.report["baselines"]["persistence"]["test/noise_ratio"] > 5
