"""What a trained network attends to and computes while it reads new inputs.

T steps of a sequence, H features.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rnnlab.analysis.internals import attention_weights
from rnnlab.data.base import to_batch
from rnnlab.data.processors.base import Network, Processor
from rnnlab.data.processors.translation import TranslationProcessor
from rnnlab.errors import ConfigError, DataError
from rnnlab.models import RecurrentModel
from rnnlab.spec import Array, Batch
from rnnlab.tasks import Encoding, Translation

if TYPE_CHECKING:
    import pandas as pd

    from rnnlab.data.processors.base import Inputs

NO_ATTENTION = (
    "the network has no attention: train one with model=attention_gru, with task.pooling=attention "
    "or, for translation, with task.attention=scaled_dot"
)


def read_sequences(processor: Processor, network: Network, inputs: "Inputs") -> Iterator[Batch]:
    """Yield what the network reads of each input, as a batch of one sequence without padding.

    Raises:
        ConfigError: the inputs are of another kind.
        DataError: they cannot be read.
    """
    batches: list[Batch] = []

    def answer(batch: Batch) -> torch.Tensor:
        batches.append(batch)
        return network.answer(batch)

    for _ in processor.predict(inputs, replace(network, answer=answer)):
        sequences = [one for batch in batches for one in split_batch(batch)]
        yield from sorted(sequences, key=lambda one: int(one.rows[0]))  # the order of the inputs
        batches.clear()


def split_batch(batch: Batch) -> Iterator[Batch]:
    """Yield each sequence of a batch, without padding."""
    for i, length in enumerate(batch.lengths.tolist()):
        yield Batch(
            batch.inputs[i : i + 1, :length],
            batch.lengths[i : i + 1],
            batch.targets[i : i + 1],
            batch.rows[i : i + 1],
        )


def check_readable(model: RecurrentModel) -> None:
    """Check that the network reads each input on its own.

    Raises:
        ConfigError: it is a language model.
    """
    if model.task.stateful:
        raise ConfigError(
            "a language model reads a text as one stream; its perplexity(texts) scores new ones"
        )


@torch.inference_mode()
def find_attention(
    model: RecurrentModel, processor: Processor, network: Network, inputs: "Inputs"
) -> "pd.DataFrame":
    """Return the attention to each step of each input; see TrainedRun.attention."""
    import pandas as pd

    check_readable(model)
    names, parts = processor.token_names(), list[pd.DataFrame]()
    for number, batch in enumerate(read_sequences(processor, network, inputs)):
        batch = model.transfer_batch_to_device(batch, model.device, 0)
        outputs, state = model(model.task.embed(batch.inputs), batch.lengths)
        encoding = Encoding(outputs, batch.lengths, state)
        for place, weights in attention_weights(model, encoding, batch).items():
            values = weights[0].float().cpu().numpy()
            columns: dict[str, Any] = {"input": number, "place": place}
            columns["step"] = np.arange(1, len(values) + 1)
            if batch.inputs.ndim == 2:
                columns["token"] = [names[token] for token in batch.inputs[0].tolist()]
            parts.append(pd.DataFrame({**columns, "weight": values}))
    if not parts:
        raise ConfigError(NO_ATTENTION)
    return pd.concat(parts, ignore_index=True)


@torch.inference_mode()
def find_translation_attention(
    model: RecurrentModel, processor: TranslationProcessor, sentences: Sequence[str]
) -> "pd.DataFrame":
    """Return the attention of each token of the translations; see TrainedRun.attention."""
    import pandas as pd

    task = model.task
    assert isinstance(task, Translation)
    if task.attention_type is None:
        raise ConfigError(NO_ATTENTION)
    names = [vocabulary.display_tokens() for vocabulary in processor.vocabularies.values()]
    parts = []
    for number, ids in enumerate(processor.encode("source", sentences)):
        if not ids:
            raise DataError(f"sentence {number + 1} is empty")
        batch = to_batch(
            np.array([ids]), np.array([len(ids)]), np.zeros((1, 0), np.int64), np.zeros(1, int)
        )
        encoding = model.encode(model.transfer_batch_to_device(batch, model.device, 0))
        best = task.hypotheses(encoding)[0][0].on_cpu(len(ids))
        assert best.weights is not None
        parts.append(
            tabulate_weights(number, ids, best.tokens.tolist(), best.weights.numpy(), names)
        )
    return pd.concat(parts, ignore_index=True)


def tabulate_weights(
    number: int,
    source: Sequence[int],
    target: Sequence[int],
    weights: Array,
    names: Sequence[Sequence[str]],
) -> "pd.DataFrame":
    """Return the weights of one translation, (U, T), as a table with a row for each of them."""
    import pandas as pd

    num_targets, num_sources = weights.shape
    source_tokens = [names[0][token] for token in source]
    target_tokens = np.array([names[1][token] for token in target], dtype=object)
    return pd.DataFrame(
        {
            "input": number,
            "target_step": np.repeat(np.arange(1, num_targets + 1), num_sources),
            "target_token": np.repeat(target_tokens, num_sources),
            "step": np.tile(np.arange(1, num_sources + 1), num_targets),
            "token": source_tokens * num_targets,
            "weight": weights.ravel(),
        }
    )


@torch.inference_mode()
def find_internals(
    model: RecurrentModel, processor: Processor, network: Network, inputs: "Inputs"
) -> dict[str, list[Array]]:
    """Return internal values of each input; see TrainedRun.internals."""
    check_readable(model)
    values: dict[str, list[Array]] = {}
    for batch in read_sequences(processor, network, inputs):
        internals = model.internals(model.transfer_batch_to_device(batch, model.device, 0))
        for name, value in internals.items():
            values.setdefault(name, []).append(value[0].float().cpu().numpy())
    return values
