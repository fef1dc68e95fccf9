"""What a network attends to and computes for new inputs."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import rnnlab
from rnnlab.errors import ConfigError
from tests.helpers.run_folders import write_run

TEXTS = ["worda wordb wordc", "wordd", "worde worda wordb worda wordc"]


def test_the_attention_of_layers_and_of_pooling_is_that_of_the_test(tmp_path: Path) -> None:
    run = write_run("imdb", tmp_path, "model=attention_gru", "task.pooling=attention")
    trained, data = rnnlab.load(run.folder), run.data
    texts = [str(data.example("test", row)["text"]) for row in range(4)]
    table = trained.attention(texts)
    assert list(table) == ["input", "place", "step", "token", "weight"]
    batch = data.gather("test", np.arange(4))
    with torch.inference_mode():
        expected = run.model.attention(batch)
    assert expected is not None
    for row, length in enumerate(batch.lengths.tolist()):
        part = table[(table["input"] == row) & (table["place"] == "layers")]
        np.testing.assert_allclose(part["weight"], expected[row, :length], atol=1e-6)
        names = data.input_names()
        assert part["token"].tolist() == [names[i] for i in batch.inputs[row, :length].tolist()]
    sums = table.groupby(["input", "place"])["weight"].sum()
    assert len(sums) == 8
    np.testing.assert_allclose(sums, 1, atol=1e-6)


def test_the_attention_of_a_series_has_the_steps_of_its_window(tmp_path: Path) -> None:
    run = write_run("csv_series", tmp_path, "model=attention_gru")
    table = rnnlab.load(run.folder).attention(pd.read_csv(tmp_path / "series.csv"))
    assert list(table) == ["input", "place", "step", "weight"]
    assert table["step"].tolist() == list(range(1, 13))


def test_the_attention_of_a_translation_has_a_row_for_each_pair_of_tokens(tmp_path: Path) -> None:
    run = write_run("numbers", tmp_path, "model=gru")
    trained = rnnlab.load(run.folder)
    sentences = [str(run.data.example("test", row)["text"]) for row in range(2)]
    table = trained.attention(sentences)
    sums = table.groupby(["input", "target_step"])["weight"].sum()
    np.testing.assert_allclose(sums, 1, atol=1e-5)
    first = table[(table["input"] == 0) & (table["target_step"] == 1)]
    processor: Any = trained.processor
    (ids,) = processor.encode("source", sentences[:1])
    names = processor.source_vocabulary.display_tokens()
    assert first["token"].tolist() == [names[i] for i in ids]
    with pytest.raises(ConfigError, match="has no internals to show"):
        trained.internals(sentences)


@pytest.mark.parametrize("model", ["gru", "bilstm"])
def test_internals_of_texts_of_any_length_are_those_of_each_alone(
    model: str, tmp_path: Path
) -> None:
    trained = rnnlab.load(write_run("imdb", tmp_path, f"model={model}").folder)
    values = trained.internals(TEXTS)
    assert [len(part) for part in values["hidden state"]] == [3, 1, 5]
    for i, text in enumerate(TEXTS):
        for name, parts in trained.internals([text]).items():
            np.testing.assert_allclose(values[name][i], parts[0], atol=1e-6)
    assert {name for name in values if name.startswith("gate: ")}


def test_networks_without_them_are_refused(tmp_path: Path) -> None:
    trained = rnnlab.load(write_run("imdb", tmp_path, "model=gru").folder)
    with pytest.raises(ConfigError, match=r"no attention: train one with model=attention_gru"):
        trained.attention(TEXTS)
    (tmp_path / "b").mkdir()
    language = rnnlab.load(write_run("text_file", tmp_path / "b", "model=gru").folder)
    with pytest.raises(ConfigError, match=r"reads a text as one stream; its perplexity\(texts\)"):
        language.internals(["a"])
