"""Texts that a trained language model generates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from rnnlab.analysis.samples import SPECIAL_TOKENS, decode_lines
from rnnlab.data.processors.language_modeling import LanguageModelingProcessor
from rnnlab.errors import ConfigError
from rnnlab.models import RecurrentModel
from rnnlab.spec import START_ID, UNKNOWN_ID
from rnnlab.tasks import LanguageModeling

if TYPE_CHECKING:
    import pandas as pd

MAX_TOKENS, MAX_SAMPLES = 1_000_000, 1_000  # all scores of one step are in memory
MAX_SEED = 2**64 - 1  # of a generator of torch

WHOLE_NUMBERS = ("tokens", "samples", "top_k", "seed")


@dataclass(frozen=True)
class GenerationConfig:
    """Settings of text generation; see TrainedRun.generate.

    Raises:
        ConfigError: a number is out of range.
    """

    tokens: int = 200
    samples: int = 1
    temperature: float = 0.8
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0
    specials: bool = False

    def __post_init__(self) -> None:
        top_k, top_p = self.top_k, self.top_p
        for name in WHOLE_NUMBERS:
            value = getattr(self, name)
            if not (isinstance(value, int) or (value is None and name == "top_k")):
                raise ConfigError(f"{name}={value!r}: must be a whole number")
        problems = {
            "tokens": 1 <= self.tokens <= MAX_TOKENS or f"must be 1..{MAX_TOKENS:,}",
            "samples": 1 <= self.samples <= MAX_SAMPLES or f"must be 1..{MAX_SAMPLES:,}",
            "temperature": 0 <= self.temperature < math.inf or "must be 0 (greedy) or more, finite",
            "top_k": top_k is None or top_k >= 1 or "must be at least 1",
            "top_p": top_p is None or 0 < top_p <= 1 or "must be more than 0 and at most 1",
            "seed": 0 <= self.seed <= MAX_SEED or f"must be 0..{MAX_SEED}",
        }
        for name, problem in problems.items():
            if isinstance(problem, str):
                raise ConfigError(f"{name}={getattr(self, name)}: {problem}")


def generate_table(
    model: RecurrentModel,
    processor: LanguageModelingProcessor,
    prompts: Sequence[str],
    config: GenerationConfig,
) -> "pd.DataFrame":
    """Return texts that continue prompts; see TrainedRun.generate."""
    import pandas as pd

    rows = [
        (prompt, number, text)
        for prompt in prompts
        for number, text in enumerate(continue_text(model, processor, prompt, config), start=1)
    ]
    table = pd.DataFrame(rows, columns=["prompt", "sample", "text"])
    ids = [token for prompt in prompts for token in processor.encode(prompt)]
    if unknown := ids.count(UNKNOWN_ID):
        share = f"{unknown} of {len(ids)} tokens"
        table.attrs["notes"] = [f"{share} of the prompt are not in the vocabulary: <unk>"]
    return table


def continue_text(
    model: RecurrentModel,
    processor: LanguageModelingProcessor,
    prompt: str,
    config: GenerationConfig,
) -> list[str]:
    """Return texts that begin with the prompt.

    The network reads the end of the training text first, and then the prompt.
    """
    from rnnlab.layers.sampling import SamplingConfig, generate

    task = model.task
    assert isinstance(task, LanguageModeling)
    ids = processor.encode(prompt)
    suppress = () if config.specials else SPECIAL_TOKENS
    sampling = SamplingConfig(config.temperature, config.top_k, config.top_p, suppress)
    tokens = torch.tensor([*(processor.context or [START_ID]), *ids], device=model.device)
    samples = generate(
        task.stepper(model), tokens, config.tokens, sampling, config.seed, config.samples
    )
    decode = processor.vocabulary.decode
    return [decode_lines([*ids, *sample], decode) for sample in samples.tolist()]
