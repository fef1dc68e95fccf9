"""A training step of a language model, against the step of a tutorial."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from benchmarks.pairs import Row, Stopwatch, interleave
from benchmarks.runs import MANY_EPOCHS, BareLoop, Settings, composed, device_of, left_as_found
from rnnlab.precision import choose_matmul_precision
from rnnlab.spec import Batch, DataSpec

STREAMS, STEPS = 20, 35  # of a batch, as Zaremba et al. (2014) have it
BATCHES = 4  # in a block
BARS = (1.4, 1.7)
Block = list[Batch]


class PlainModel(nn.Module):
    """Embedding, torch's own LSTM, a linear layer over all words.

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
        """Tokens (B, T) to scores (B, T, V)."""
        outputs, (h, c) = self.lstm(self.embedding(tokens), self.state)
        self.state = h.detach(), c.detach()
        scores: Tensor = self.linear(outputs)
        return scores


class PlainLoop:
    """The step of a tutorial: Adam, cross entropy of all scores, clipping.

    Args:
        twin: the same network, our way; its weights are copied.
    """

    def __init__(self, twin: BareLoop) -> None:
        task, body = twin.model.task, twin.model.body
        words, size = task.embedding.vectors.weight.shape  # type: ignore[union-attr]
        self.clip, self.device = twin.clip, twin.device
        self.model = PlainModel(words, size, twin.model.output_size).to(self.device)
        self.model.embedding.load_state_dict(task.embedding.vectors.state_dict())  # type: ignore
        self.model.lstm.load_state_dict(body.forwards[0].cell.state_dict())  # type: ignore
        self.model.linear.load_state_dict(task.scores.state_dict())  # type: ignore
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-3)

    def step(self, batch: Batch) -> float:
        """Forward, loss, backward, clip, optimizer; gives the loss."""
        scores = self.model(batch.inputs.to(self.device))
        loss = self.loss(scores.flatten(0, 1), batch.targets.to(self.device).flatten())
        self.optimizer.zero_grad()
        loss.backward()
        if self.clip:
            clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        return float(loss.detach())


def blocks_of(words: int) -> Iterator[Block]:
    """Tokens drawn by lot, in streams that go on."""
    draw = torch.Generator().manual_seed(0)
    lengths = torch.full((STREAMS,), STEPS)
    rows = torch.arange(STREAMS * STEPS).view(STREAMS, STEPS)
    while True:
        tokens = torch.randint(4, words, (BATCHES, STREAMS, STEPS + 1), generator=draw)
        yield [Batch(ids[:, :-1], lengths, ids[:, 1:], rows, goes_on=True) for ids in tokens]


def sides(words: int, settings: Settings) -> tuple[BareLoop, PlainLoop, str]:
    """Both ways with the same weights, and the matrix precision that ours chooses."""
    config = composed("data=kjv", "model=lstm", "optimizer=adam", "scheduler=none", *settings.lm)
    config.task |= {"embedding_dropout": 0.0, "head_dropout": 0.0}
    torch.manual_seed(config.seed)
    spec = DataSpec(output_size=words, num_tokens=words)
    ours = BareLoop(config, spec, MANY_EPOCHS, device_of(config))
    width, device = ours.model.output_size, ours.device.type
    return ours, PlainLoop(ours), choose_matmul_precision(config.matmul_precision, width, device)


def compare(words: int, bar: float, settings: Settings) -> Row:
    """Milliseconds of a step, plain / ours, and how far the losses of both are apart."""
    losses: dict[str, list[float]] = {"ours": [], "plain": []}
    with left_as_found():
        ours, plain, precision = sides(words, settings)

        def train(name: str, kind: str, step: Callable[[Batch], float], block: Block) -> int:
            torch.set_float32_matmul_precision(kind)
            losses[name] += [step(batch) for batch in block]
            return len(block)

        def step_ours(batch: Batch) -> float:
            ours.step(batch)
            return ours.last_loss

        pairs = interleave(
            partial(train, "ours", precision, step_ours),
            partial(train, "plain", "highest", plain.step),
            blocks_of(words),
            Stopwatch(settings.clock, ours.device),
            settings.seconds,
        )
    apart = max(abs(a - b) for a, b in zip(losses["ours"], losses["plain"], strict=True))
    steps = sum(pair.units for pair in pairs)
    mine, other = (1e3 * sum(pair[side] for pair in pairs) / steps for side in (0, 1))
    ratios = [pair.other / pair.ours for pair in pairs]
    what = (
        f"LSTM language model, {words:,} words, speed of a step: ours / plain; "
        f"losses of {len(losses['ours'])} steps apart by {apart:.1e} at most"
    )
    return Row(
        f"lm {words:,}", what, f"{mine:.0f} ms", f"{other:.0f} ms", ratios, bar, at_least=True
    )


def language_model(settings: Settings) -> list[Row]:
    """A small and a large vocabulary: PTB, WikiText-2."""
    sizes = zip(settings.lm_words, BARS, strict=True)
    return [compare(words, bar, settings) for words, bar in sizes]
