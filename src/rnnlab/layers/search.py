"""Decoding of sentences: greedy search and beam search.

B sentences, K beams per sentence, T steps of the source, U steps of the target.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from rnnlab.layers.decoder import Decoder, Memory, suppress_tokens
from rnnlab.layers.recurrent import RecurrentState, each_part
from rnnlab.spec import END_ID, PADDING_ID, START_ID


class Hypothesis(NamedTuple):
    """A generated sentence.

    Attributes:
        tokens: including the end token, (U,).
        score: see `beam_search`.
        weights: attention to each source step, (U, T); None without attention.
    """

    tokens: Tensor
    score: float
    weights: Tensor | None

    def on_cpu(self, length: int) -> "Hypothesis":
        """Return a copy on the CPU, with the attention to the first `length` source steps."""
        weights = None if self.weights is None else self.weights[:, :length].float().cpu()
        return Hypothesis(self.tokens.cpu(), self.score, weights)


@torch.no_grad()
def greedy(
    decoder: Decoder, memory: Memory, state: RecurrentState, limits: Tensor
) -> tuple[Tensor, Tensor | None]:
    """Take the most probable token at each step, until every sentence has ended.

    Memory and first state are those of `Decoder.begin`; `limits` (B,) are the maximum numbers of
    tokens of the sentences, including their end tokens.

    Returns:
        Tokens (B, U), with padding after each end token, and the attention weights (B, U, T).
    """
    token = torch.full_like(limits, START_ID).unsqueeze(1)  # (B, 1)
    is_complete = torch.zeros_like(limits, dtype=torch.bool)
    tokens: list[Tensor] = []
    weights: list[Tensor] = []
    while not is_complete.all():
        step = decoder(token, memory, state)
        state = step.state
        best = suppress_tokens(step.logits[:, 0]).argmax(dim=1)  # (B,)
        token = best.masked_fill(is_complete, PADDING_ID).unsqueeze(1)
        tokens.append(token)
        if step.weights is not None:
            weights.append(step.weights)
        is_complete = is_complete | (token.squeeze(1) == END_ID) | (len(tokens) >= limits)
    return torch.cat(tokens, dim=1), torch.cat(weights, dim=1) if weights else None


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
    """Search for the best sentences by expanding only the K most probable prefixes.

    All beams of all sentences of the batch advance together. A prefix that ends leaves the beam,
    which becomes narrower by one. The search for a sentence stops when all of its beams have ended,
    when no active beam can overtake the n best hypotheses, or at the sentence's limit. Finished
    sentences are removed from the batch. With one beam the result equals `greedy`; with enough
    beams it is the best of all sentences.

    Args:
        decoder: predicts the next token.
        memory: the encoded source.
        state: the first state, from `Decoder.begin`.
        limits: maximum number of tokens of each sentence, including its end token, (B,).
        beam_size: K.
        length_penalty: alpha. The score of a sentence of U tokens, including its end token, is
            log p / ((5 + U) / 6)^alpha. With 0 the most probable sentence wins, which favours short
            ones.
        n_best: number of hypotheses to return per source, at most K.

    Returns:
        The best hypotheses of each source, best first. Sentences that were cut at the limit are
        returned only where none has ended.
    """
    batch = len(limits)
    rows = torch.arange(batch, device=limits.device).repeat_interleave(beam_size)
    scores = torch.full((batch, beam_size), -torch.inf, device=limits.device)
    scores[:, 0] = 0  # at first all beams hold the same prefix
    beams = Beams(
        sentences=list(range(batch)),
        limits=limits,
        memory=memory.rows(rows),
        state=each_part(state, lambda part: part.index_select(1, rows)),
        tokens=torch.full((len(rows), 1), START_ID, device=limits.device),
        scores=scores.to(memory.outputs.dtype),
        weights=None,
    )
    search = BeamSearch(decoder, beam_size, length_penalty, n_best, [[] for _ in range(batch)])
    while beams.sentences:
        beams = search.step(beams)
    return [sorted(several, key=lambda one: -one.score)[:n_best] for several in search.hypotheses]


@dataclass(frozen=True)
class Beams:
    """The active prefixes; those of one sentence are adjacent.

    Attributes:
        sentences: indices in the batch of the sentences that are still searched, S of them.
        limits: maximum number of tokens of each of them, (S,).
        memory: the encoded source of each beam, (S * K, T, ...).
        state: of the decoder, parts of (1, S * K, ...).
        tokens: of each beam, <s> first, (S * K, steps + 1).
        scores: log-probability of each beam, minus infinity for an inactive one, (S, K).
        weights: attention at each step, (S * K, steps, T).
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
        """Number of generated tokens."""
        return self.tokens.shape[1] - 1

    def select(self, positions: list[int]) -> "Beams":
        """Return the beams of some of the sentences, by their position in `sentences`."""
        if len(positions) == len(self.sentences):
            return self
        index = torch.tensor(positions, device=self.scores.device, dtype=torch.long)
        members = torch.arange(self.scores.shape[1], device=self.scores.device)
        rows = (index.unsqueeze(1) * len(members) + members).flatten()
        return Beams(
            sentences=[self.sentences[position] for position in positions],
            limits=self.limits[index],
            memory=self.memory.rows(rows),
            state=each_part(self.state, lambda part: part.index_select(1, rows)),
            tokens=self.tokens[rows],
            scores=self.scores[index],
            weights=None if self.weights is None else self.weights[rows],
        )


@dataclass(frozen=True)
class BeamSearch:
    """Settings and results of one call of `beam_search`."""

    decoder: Decoder
    beam_size: int
    length_penalty: float
    n_best: int
    hypotheses: list[list[Hypothesis]]  # complete ones, of each sentence of the batch

    def step(self, beams: Beams) -> Beams:
        """Add a token to every beam, collect complete sentences and drop finished searches."""
        beams = self.collect_complete(self.expand(beams))
        for position in (beams.steps >= beams.limits).nonzero().flatten().tolist():
            if not self.hypotheses[beams.sentences[position]]:
                self.add_hypotheses(beams, position, beams.scores[position].isfinite())
        return beams.select((~self.is_finished(beams)).nonzero().flatten().tolist())

    def expand(self, beams: Beams) -> Beams:
        """Return the K best continuations per sentence, less one per complete hypothesis."""
        step = self.decoder(beams.tokens[:, -1:], beams.memory, beams.state)
        logits = suppress_tokens(step.logits[:, 0])
        num_tokens = logits.shape[1]
        logs = logits.log_softmax(dim=1).view(-1, self.beam_size, num_tokens)
        totals = (beams.scores.unsqueeze(2) + logs).flatten(1)  # (S, K * tokens)
        scores, candidates = totals.topk(self.beam_size, dim=1)  # (S, K), the best first
        free_beams = self.beam_size - self.count_hypotheses(beams)
        slots = torch.arange(self.beam_size, device=free_beams.device)
        inactive = slots >= free_beams.unsqueeze(1)
        first = torch.arange(len(scores), device=free_beams.device).unsqueeze(1) * self.beam_size
        rows = (first + candidates // num_tokens).flatten()  # the beam that each one continues
        token = (candidates % num_tokens).view(-1, 1)
        return replace(
            beams,
            state=each_part(step.state, lambda part: part.index_select(1, rows)),
            tokens=torch.cat([beams.tokens[rows], token], dim=1),
            scores=scores.masked_fill(inactive, -torch.inf),
            weights=append_weights(beams.weights, step.weights, rows),
        )

    def count_hypotheses(self, beams: Beams) -> Tensor:
        """Return the number of complete hypotheses of each sentence, (S,)."""
        counts = [len(self.hypotheses[sentence]) for sentence in beams.sentences]
        return torch.tensor(counts, device=beams.scores.device)

    def collect_complete(self, beams: Beams) -> Beams:
        """Store the beams that have just ended and deactivate them."""
        at_end = (beams.tokens[:, -1].view_as(beams.scores) == END_ID) & beams.scores.isfinite()
        for position in at_end.any(dim=1).nonzero().flatten().tolist():
            self.add_hypotheses(beams, position, at_end[position])
        return replace(beams, scores=beams.scores.masked_fill(at_end, -torch.inf))

    def add_hypotheses(self, beams: Beams, position: int, mask: Tensor) -> None:
        """Store the beams of one sentence where `mask` (K,) is true."""
        scores = beams.scores[position] / self.penalty(beams.steps)
        for beam in mask.nonzero().flatten().tolist():
            row = position * self.beam_size + beam
            weights = None if beams.weights is None else beams.weights[row]
            hypothesis = Hypothesis(beams.tokens[row, 1:], float(scores[beam]), weights)
            self.hypotheses[beams.sentences[position]].append(hypothesis)

    def is_finished(self, beams: Beams) -> Tensor:
        """Return whether the search for each sentence is finished, (S,)."""
        best = beams.scores.amax(dim=1)
        # A log-probability only decreases; divided by the largest penalty it is an upper bound.
        upper_bound = best / self.penalty(beams.limits)
        at_limit = beams.steps >= beams.limits
        return (best == -torch.inf) | at_limit | (upper_bound <= self.thresholds(beams))

    def thresholds(self, beams: Beams) -> Tensor:
        """Return the score that a beam must exceed to be among the n best, (S,)."""
        thresholds = []
        for sentence in beams.sentences:
            scores = sorted((one.score for one in self.hypotheses[sentence]), reverse=True)
            thresholds.append(scores[self.n_best - 1] if len(scores) >= self.n_best else -torch.inf)
        return torch.tensor(thresholds, device=beams.scores.device, dtype=beams.scores.dtype)

    def penalty(self, length: Tensor | int) -> Tensor:
        """Return ((5 + length) / 6)^alpha (Wu et al., 2016, https://arxiv.org/abs/1609.08144)."""
        factor: Tensor = ((5 + torch.as_tensor(length)) / 6) ** self.length_penalty
        return factor


def append_weights(before: Tensor | None, now: Tensor | None, rows: Tensor) -> Tensor | None:
    """Append the attention of one step (S * K, 1, T) to the selected rows (S * K, steps, T)."""
    if now is None:
        return None
    return now[rows] if before is None else torch.cat([before[rows], now[rows]], dim=1)
