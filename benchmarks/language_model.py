"""A training step of a language model, compared with the step of a tutorial."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from benchmarks.pairs import Row
from benchmarks.runs import MANY_EPOCHS, BareLoop, Settings, compose_config, device_of
from benchmarks.turns import Side, alternate_sides, milliseconds
from rnnlab.runtime import allocator as memory
from rnnlab.runtime.precision import choose_matmul_precision
from rnnlab.spec import Batch, DataSpec

STREAMS, STEPS = 20, 35  # of a batch, as in Zaremba et al. (2014)
BATCHES = 4  # in a block
BARS = {"bfloat16": (1.4, 1.7), "same": (1.0, 1.0)}  # by the precision of the last gradients
WORDS = {"bfloat16": "bfloat16", "same": "float32"}
Block = list[Batch]


class PlainModel(nn.Module):
    """Language model of embedding, torch's LSTM and a linear layer over all words.

    Args:
        words: V.
        embedding_size: D.
        hidden_size: H.
    """

    def __init__(self, words: int, embedding_size: int, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, embedding_size)
        self.lstm = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.linear = nn.Linear(hidden_size, words)
        self.state: tuple[Tensor, Tensor] | None = None

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, T) to scores (B, T, V)."""
        outputs, (h, c) = self.lstm(self.embedding(tokens), self.state)
        self.state = h.detach(), c.detach()
        scores: Tensor = self.linear(outputs)
        return scores


class PlainLoop:
    """Training loop of a tutorial: Adam, cross entropy of all scores, clipping.

    Args:
        twin: the same network in our implementation; its weights are copied.
    """

    def __init__(self, twin: BareLoop) -> None:
        task, body = twin.model.task, twin.model.body
        words, size = task.embedding.vectors.weight.shape  # type: ignore[union-attr, misc]
        self.clip, self.device = twin.clip, twin.device
        self.model = PlainModel(words, size, twin.model.output_size).to(self.device)
        self.model.embedding.load_state_dict(task.embedding.vectors.state_dict())  # type: ignore
        self.model.lstm.load_state_dict(body.forwards[0].cell.state_dict())  # type: ignore
        self.model.linear.load_state_dict(task.scores.state_dict())  # type: ignore
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-3)

    def step(self, batch: Batch) -> float:
        """Run one optimizer step and return the loss."""
        scores = self.model(batch.inputs.to(self.device))
        loss = self.loss(scores.flatten(0, 1), batch.targets.to(self.device).flatten())
        self.optimizer.zero_grad()
        loss.backward()
        if self.clip:
            clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        return float(loss.detach())


def blocks_of(words: int) -> Iterator[Block]:
    """Yield blocks of batches with random tokens, in continuing streams."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.full((STREAMS,), STEPS)
    rows = torch.arange(STREAMS * STEPS).view(STREAMS, STEPS)
    while True:
        tokens = torch.randint(4, words, (BATCHES, STREAMS, STEPS + 1), generator=generator)
        yield [Batch(ids[:, :-1], lengths, ids[:, 1:], rows, continues=True) for ids in tokens]


def train_ours(words: int, gradients: str, settings: Settings) -> Iterator[list[float]]:
    """Yield the losses of blocks of steps, trained as in a run."""
    memory.keep_freed_memory()
    loop = loop_of(words, gradients, settings)
    width, device = loop.model.output_size, loop.device.type
    choose_matmul_precision("auto", width, device)
    for block in blocks_of(words):
        yield loop.losses(block)


def train_plain(words: int, settings: Settings) -> Iterator[list[float]]:
    """Yield the losses of blocks of steps of a tutorial, in a process with default settings."""
    loop = PlainLoop(loop_of(words, "same", settings))
    for block in blocks_of(words):
        yield [loop.step(batch) for batch in block]


def loop_of(words: int, gradients: str, settings: Settings) -> BareLoop:
    """Return the network with its training loop, the same in each process."""
    config = compose_config(
        "data=kjv", "model=lstm", "optimizer=adam", "scheduler=none", *settings.lm
    )
    config.task |= {"embedding_dropout": 0.0, "head_dropout": 0.0, "gradient_precision": gradients}
    torch.manual_seed(config.seed)
    spec = DataSpec(output_size=words, num_tokens=words)
    return BareLoop(config, spec, MANY_EPOCHS, device_of(config))


def compare(words: int, gradients: str, bar: float, settings: Settings) -> Row:
    """Return the ratio of milliseconds per step, plain / ours."""
    with (
        Side(settings.clock, train_ours, words, gradients, settings) as ours,
        Side(settings.clock, train_plain, words, settings) as plain,
    ):
        pairs, difference = alternate_sides(ours, plain, settings.seconds)
    what = (
        f"LSTM language model, {words:,} words, exact loss, last gradients in {WORDS[gradients]}, "
        f"speed of a step: ours / plain; losses differ by at most {difference:.0e}"
    )
    ratios = [pair.other / pair.ours for pair in pairs]
    name = f"lm {words:,} {gradients}"
    return Row(name, what, *milliseconds(pairs), ratios, bar, at_least=True)


def language_model(settings: Settings) -> list[Row]:
    """Compare both gradient precisions with the vocabulary sizes of PTB and WikiText-2."""
    return [
        compare(words, gradients, bar, settings)
        for gradients, bars in BARS.items()
        for words, bar in zip(settings.lm_words, bars, strict=True)
    ]
