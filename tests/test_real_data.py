"""Every data set as a user has it, embedded or from its published files, with every plain cell."""

from pathlib import Path

import pytest

from rnnlab.experiment.run import run
from tests.helpers.configs import SMALL, choices, compose

YOURS = {"csv_series", "text_classification", "text_file", "parallel_text"}
PUBLISHED = {  # below the folder of benchmark data
    "ett": "ett",
    "multi30k": "multi30k",
    "ptb": "ptb",
    "sms_spam": "sms_spam",
    "wikitext2": "wikitext-2",
}
QUICK = {  # what would take a minute each
    "imdb": {"linear_baseline": False},
    "rotten_tomatoes": {"linear_baseline": False},
}
DRAWN = ("imdb", "weather")  # with figures of the network: of long texts, and of many variables
SLICE = {"max_epochs": 1, "log_every_n_steps": 1, "limit_train_batches": 3}


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("model", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("data", sorted(set(choices("data")) - YOURS))
def test_an_epoch_on_a_slice_ends_with_a_report(
    data: str,
    model: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = model == "gru"
    if first and data not in DRAWN:
        request.getfixturevalue("no_network_plots")
    if not first:  # the same data again
        request.getfixturevalue("no_plots")
        samples = "rnnlab.analysis.language_modeling.generate_samples"
        monkeypatch.setattr(samples, lambda *_: "")
    words = [f"data={data}", f"model={model}", "trainer=cpu", f"output_dir={tmp_path}"]
    words.append(f"baselines={first}")  # know the data and not the network
    if data in PUBLISHED:
        words.append(f"data.path={request.getfixturevalue('shared_data') / PUBLISHED[data]}")
    plain = compose(*words, "model.hidden_size=16")
    plain["data"] |= QUICK.get(data, {})
    if "source" in plain["data"] and data not in PUBLISHED:
        plain["data"]["source"] = "embedded"
    plain["trainer"] |= {**SLICE, "limit_val_batches": 2, "limit_test_batches": 2}
    report = run(plain).report
    assert report["status"] == "finished"
    assert report["best"]["step"] == 3
    assert report["data"]["source"] in ("generated", "embedded", "local")
    assert report["data"]["sha256"]
    assert min(report["data"]["sizes"].values()) > 0
    assert bool(report["baselines"]) == first
    scores = [value for name, value in report["scores"].items() if name.startswith("test/")]
    assert all(value == value for value in scores), "not a number"


def test_every_data_set_is_here_or_yours() -> None:
    assert set(SMALL) >= YOURS | set(PUBLISHED)
