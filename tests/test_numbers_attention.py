"""German turns tens and units round: a decoder that learned it looks at the source crosswise."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import rnnlab
from rnnlab.data.datasets.translation.numbers import spell
from rnnlab.data.text.vocabulary import Vocabulary
from rnnlab.experiment.run import run
from rnnlab.models import RecurrentModel
from rnnlab.spec import END_ID, Batch
from tests.helpers.configs import compose


def where_it_looked(
    model: RecurrentModel, source: Vocabulary, target: Vocabulary, number: int
) -> tuple[list[float], list[float]] | None:
    """Of each written piece of the units, how much of the English units was seen; so of the tens.

    None where the number was written wrongly.
    """
    ids = source.encode([" " + spell(number, "en")])[0]
    inputs = torch.tensor([ids])
    batch = Batch(inputs, torch.tensor([len(ids)]), inputs[:, :0], torch.arange(1))
    with torch.no_grad():
        best = model.task.search(model.encode(batch), 5)[0][0]
    tokens, german = best.tokens.tolist(), " " + spell(number, "de")
    if target.decode(tokens) != german:
        return None
    hyphen = [source.decode([i]) for i in ids].index("-")
    joint, written = german.index("und"), 0
    units, tens = [], []
    for step, token in enumerate(tokens):
        before, written = written, len(target.decode(tokens[: step + 1]))
        if 0 < before < joint:
            units.append(float(best.weights[step, hyphen + 1 :].sum()))
        elif before >= joint + 3 and token != END_ID:
            tens.append(float(best.weights[step, :hyphen].sum()))
    return units, tens


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("no_plots")
def test_the_attention_shows_the_swap_of_tens_and_units(tmp_path: Path) -> None:
    plain = compose("experiment=numbers_en_de", "trainer=cpu", f"output_dir={tmp_path}")
    plain["trainer"] |= {"max_epochs": 5}
    done = run(plain)
    assert done.report["scores"]["test/exact_match"] >= 0.95
    folder = done.folder.path
    trained: Any = rnnlab.load(folder)
    model, (source, target) = trained.model, trained.processor.vocabularies.values()
    numbers = [10 * ten + unit for ten in range(2, 10) for unit in range(1, 10)]
    seen = [where_it_looked(model, source, target, number) for number in numbers]
    right = [found for found in seen if found is not None]
    assert len(right) >= 36  # such short ones are rare in training
    units, tens = (np.concatenate([found[side] for found in right]).mean() for side in (0, 1))
    assert units > 0.5, "of three source tokens the last one, while the first word is written"
    assert tens > 0.5, "and the first one, while the last word is written"
