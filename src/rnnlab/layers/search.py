"""Which sentence a decoder writes: the most probable token at each step, or a beam of sentences.

B sentences, K beams of each, T steps of the source, U steps of the target.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from rnnlab.layers.decoder import Decoder, Memory, never
from rnnlab.layers.recurrent import RecurrentState, each_part
from rnnlab.spec import END_ID, PADDING_ID, START_ID


class Hypothesis(NamedTuple):
    """A sentence that was written.

    Attributes:
        tokens: its end included, (U,).
        score: see `beam_search`.
        weights: how much of each source step was seen, (U, T); None without attention.
    """

    tokens: Tensor
    score: float
    weights: Tensor | None

    def on_cpu(self, length: int) -> "Hypothesis":
        """The same, to be kept; of the weights those of the first `length` source steps."""
        weights = None if self.weights is None else self.weights[:, :length].float().cpu()
        return Hypothesis(self.tokens.cpu(), self.score, weights)


@torch.no_grad()
def greedy(
    decoder: Decoder, memory: Memory, state: RecurrentState, limits: Tensor
) -> tuple[Tensor, Tensor | None]:
    """The most probable token at each step, until each sentence has ended.

    Args:
        decoder: gives what follows.
        memory: the encoded source.
        state: the first one, of `Decoder.begin`.
        limits: tokens that each sentence may have, its end included, (B,).

    Returns:
        Tokens (B, U), padding behind each sentence's end, and the attention weights (B, U, T).
    """
    token = torch.full_like(limits, START_ID).unsqueeze(1)  # (B, 1)
    ended = torch.zeros_like(limits, dtype=torch.bool)
    tokens: list[Tensor] = []
    weights: list[Tensor] = []
    while not ended.all():
        step = decoder(token, memory, state)
        state = step.state
        logits = step.logits[:, 0].index_fill(1, never(limits.device), -torch.inf)  # (B, tokens)
        token = logits.argmax(dim=1).masked_fill(ended, PADDING_ID).unsqueeze(1)
        tokens.append(token)
        if step.weights is not None:
            weights.append(step.weights)
        ended = ended | (token.squeeze(1) == END_ID) | (len(tokens) >= limits)
    return torch.cat(tokens, dim=1), torch.cat(weights, dim=1) if weights else None


def length_penalty_of(length: Tensor, alpha: float) -> Tensor:
    """((5 + length) / 6) ^ alpha (Wu et al., 2016, https://arxiv.org/abs/1609.08144, eq. 14)."""
    return ((5 + length) / 6) ** alpha


@torch.no_grad()
def beam_search(
    decoder: Decoder,
    memory: Memory,
    state: RecurrentState,
    limits: Tensor,
    beam_size: int,
    length_penalty: float = 0.0,
    n_best: int = 1,
) -> list[list[Hypothesis]]:
    """The best sentences that are found when only the K most probable beginnings are followed.

    All sentences of the batch, and all their beams, are followed together. A beginning that ends
    leaves the beam, which is narrower by one from then on. The search for a sentence is over when
    all beams have ended, when what goes on cannot overtake the n best that have, or at the
    sentence's limit; sentences that are through are taken out of the batch. With one beam it finds
    what `greedy` finds; with enough beams, the best of all sentences.

    Args:
        decoder: gives what follows.
        memory: the encoded source.
        state: the first one, of `Decoder.begin`.
        limits: tokens that each sentence may have, its end included, (B,).
        beam_size: K.
        length_penalty: alpha. A sentence is worth log p / ((5 + U) / 6)^alpha, U its tokens with
            the end; at 0 the most probable one is best, and short ones have it easier.
        n_best: so many sentences are given, K at most.

    Returns:
        Of each source the best ones, the best first. Sentences that were cut at the limit are given
        only where none has ended.
    """
    batch = len(limits)
    rows = torch.arange(batch, device=limits.device).repeat_interleave(beam_size)
    scores = torch.full((batch, beam_size), -torch.inf, device=limits.device)
    scores[:, 0] = 0  # at first all beams are the same beginning
    beams = Beams(
        sentences=list(range(batch)),
        limits=limits,
        memory=memory.rows(rows),
        state=each_part(state, lambda part: part.index_select(1, rows)),
        tokens=torch.full((len(rows), 1), START_ID, device=limits.device),
        scores=scores.to(memory.outputs.dtype),
        weights=None,
    )
    search = Search(decoder, beam_size, length_penalty, n_best, [[] for _ in range(batch)])
    while beams.sentences:
        beams = search.step(beams)
    return [sorted(found, key=lambda one: -one.score)[:n_best] for found in search.found]


@dataclass(frozen=True)
class Beams:
    """The beginnings that are followed; those of one sentence stand together.

    Attributes:
        sentences: which of the batch are still searched, S of them.
        limits: tokens that each of them may have, (S,).
        memory: the encoded source of each beam, (S * K, T, ...).
        state: of the decoder, parts of (1, S * K, ...).
        tokens: of each beam, <s> first, (S * K, steps + 1).
        scores: log-probability of each beam; minus infinity for one that has ended, (S, K).
        weights: of the attention at each step, (S * K, steps, T).
    """

    sentences: list[int]
    limits: Tensor
    memory: Memory
    state: RecurrentState
    tokens: Tensor
    scores: Tensor
    weights: Tensor | None

    @property
    def steps(self) -> int:
        """Tokens that were written."""
        return self.tokens.shape[1] - 1

    def only(self, kept: list[int]) -> "Beams":
        """Some of the sentences, by their place among those that are searched."""
        if len(kept) == len(self.sentences):
            return self
        chosen = torch.tensor(kept, device=self.scores.device, dtype=torch.long)
        members = torch.arange(self.scores.shape[1], device=self.scores.device)
        rows = (chosen.unsqueeze(1) * len(members) + members).flatten()
        return Beams(
            sentences=[self.sentences[place] for place in kept],
            limits=self.limits[chosen],
            memory=self.memory.rows(rows),
            state=each_part(self.state, lambda part: part.index_select(1, rows)),
            tokens=self.tokens[rows],
            scores=self.scores[chosen],
            weights=None if self.weights is None else self.weights[rows],
        )


@dataclass(frozen=True)
class Search:
    """What does not change from step to step, and what was found; see `beam_search`."""

    decoder: Decoder
    beam_size: int
    length_penalty: float
    n_best: int
    found: list[list[Hypothesis]]  # that have ended, of each sentence of the batch

    def step(self, beams: Beams) -> Beams:
        """One more token for every beam; what ends is kept, what is through is left out."""
        beams = self.without_ended(self.extended(beams))
        for place in (beams.steps >= beams.limits).nonzero().flatten().tolist():
            if not self.found[beams.sentences[place]]:
                self.keep(beams, place, beams.scores[place].isfinite())
        return beams.only((~self.over(beams)).nonzero().flatten().tolist())

    def extended(self, beams: Beams) -> Beams:
        """The K best continuations of the beams of each sentence, fewer by those that ended."""
        step = self.decoder(beams.tokens[:, -1:], beams.memory, beams.state)
        logits = step.logits[:, 0].index_fill(1, never(beams.tokens.device), -torch.inf)
        choices = logits.shape[1]
        logs = logits.log_softmax(dim=1).view(-1, self.beam_size, choices)
        totals = (beams.scores.unsqueeze(2) + logs).flatten(1)  # (S, K * tokens)
        scores, chosen = totals.topk(self.beam_size, dim=1)  # (S, K), the best first
        room = self.beam_size - self.count_found(beams)
        nobody = torch.arange(self.beam_size, device=room.device) >= room.unsqueeze(1)
        first = torch.arange(len(scores), device=room.device).unsqueeze(1) * self.beam_size
        rows = (first + chosen // choices).flatten()  # which beam each of them goes on from
        token = (chosen % choices).view(-1, 1)
        return replace(
            beams,
            state=each_part(step.state, lambda part: part.index_select(1, rows)),
            tokens=torch.cat([beams.tokens[rows], token], dim=1),
            scores=scores.masked_fill(nobody, -torch.inf),
            weights=joined(beams.weights, step.weights, rows),
        )

    def count_found(self, beams: Beams) -> Tensor:
        """How many sentences were found of each source, (S,)."""
        counts = [len(self.found[sentence]) for sentence in beams.sentences]
        return torch.tensor(counts, device=beams.scores.device)

    def without_ended(self, beams: Beams) -> Beams:
        """Keep the sentences that have just ended."""
        ended = (beams.tokens[:, -1].view_as(beams.scores) == END_ID) & beams.scores.isfinite()
        for place in ended.any(dim=1).nonzero().flatten().tolist():
            self.keep(beams, place, ended[place])
        return replace(beams, scores=beams.scores.masked_fill(ended, -torch.inf))

    def keep(self, beams: Beams, place: int, chosen: Tensor) -> None:
        """Some beams (K,) of a sentence are whole."""
        worth = beams.scores[place] / self.penalty(beams.steps)
        for beam in chosen.nonzero().flatten().tolist():
            row = place * self.beam_size + beam
            weights = None if beams.weights is None else beams.weights[row]
            one = Hypothesis(beams.tokens[row, 1:], float(worth[beam]), weights)
            self.found[beams.sentences[place]].append(one)

    def over(self, beams: Beams) -> Tensor:
        """Whether the search for each sentence has come to its end, (S,)."""
        best = beams.scores.amax(dim=1)
        # A log-probability only falls; divided by the largest penalty it is as good as it can get.
        reach = best / self.penalty(beams.limits)
        return (best == -torch.inf) | (beams.steps >= beams.limits) | (reach <= self.bars(beams))

    def bars(self, beams: Beams) -> Tensor:
        """What a beam must exceed to be among the n best of its sentence, (S,)."""
        bars = []
        for sentence in beams.sentences:
            scores = sorted((one.score for one in self.found[sentence]), reverse=True)
            bars.append(scores[self.n_best - 1] if len(scores) >= self.n_best else -torch.inf)
        return torch.tensor(bars, device=beams.scores.device, dtype=beams.scores.dtype)

    def penalty(self, length: Tensor | int) -> Tensor:
        """What the log-probability of sentences of this length is divided by."""
        return length_penalty_of(torch.as_tensor(length), self.length_penalty)


def joined(before: Tensor | None, now: Tensor | None, rows: Tensor) -> Tensor | None:
    """The attention of the chosen rows at all steps: (S * K, steps, T), and (S * K, 1, T) more."""
    if now is None:
        return None
    return now[rows] if before is None else torch.cat([before[rows], now[rows]], dim=1)
