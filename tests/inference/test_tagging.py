"""A task of a user with one label for each token, used for prediction."""

from pathlib import Path

import pytest
import torch

from rnnlab.data.processors.base import Network, load_processor
from rnnlab.models import GRU
from tests.helpers.tagging import SYMBOLS, TAGS, Tagging, TaggingData


def test_each_token_has_a_label(tmp_path: Path) -> None:
    data = TaggingData(num_train=4, num_eval=2)
    data.setup()
    data.save_processor(tmp_path)
    torch.manual_seed(0)
    model = GRU(Tagging(data.spec), hidden_size=6, bidirectional=True).eval()
    texts = ["A", "B C D F", "F " * 12]  # the last one is longer than all of the training

    @torch.inference_mode()
    def answer(batch):  # type: ignore[no-untyped-def]
        return model.predict_step(batch, 0)

    parts = list(load_processor(tmp_path).predict(texts, Network(answer)))
    assert [part["step"].tolist() for part in parts] == [
        list(range(1, length + 1)) for length in (1, 4, 12)
    ]
    for text, part in zip(texts, parts, strict=True):
        tokens = torch.tensor([[SYMBOLS.index(symbol) for symbol in text.split()]])
        with torch.inference_mode():
            outputs, _ = model(model.task.embed(tokens))
            expected = model.task.head(outputs, torch.tensor([tokens.shape[1]])).softmax(dim=2)[0]
        assert part[list(TAGS)].to_numpy() == pytest.approx(expected.numpy(), abs=1e-6)
        assert part["prediction"].tolist() == [TAGS[i] for i in expected.argmax(dim=1)]
