"""Beam search against all sentences that there are, and against a plain one without any state."""

import itertools
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from rnnlab.layers.attention import ATTENTION
from rnnlab.layers.decoder import Decoder, Memory, shift_right
from rnnlab.layers.recurrent import RecurrentState, each_part
from rnnlab.layers.search import Hypothesis, beam_search, greedy
from rnnlab.spec import END_ID, PADDING_ID, START_ID, UNKNOWN_ID

TOKENS, E, H, S = 7, 3, 4, 4
WORDS = [UNKNOWN_ID, 4, 5, 6]  # what a sentence may hold before its end
CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
LENGTHS = torch.tensor([4, 1, 3])
LIMITS = torch.tensor([5, 2, 7])


def decoder_of(
    cell: str = "gru",
    attention: str = "scaled_dot",
    input_feeding: bool = False,
    num_layers: int = 1,
    seed: int = 0,
) -> Decoder:
    """An untrained one that prefers some sentences strongly, so that near ties are rare."""
    torch.manual_seed(seed)

    def layer(input_size: int, hidden_size: int) -> nn.RNNBase:
        return CELLS[cell](input_size, hidden_size, batch_first=True)

    decoder = Decoder(
        layer,
        TOKENS,
        E,
        H,
        S,
        num_layers,
        ATTENTION.get(attention),
        input_feeding,  # type: ignore[call-overload]
    )
    for parameter in decoder.parameters():
        nn.init.normal_(parameter, std=0.8)
    nn.init.normal_(decoder.weight, std=2)
    return decoder.double().eval()


def encoded(decoder: Decoder, seed: int = 0, size: int = 3) -> tuple[Memory, RecurrentState]:
    """Sources as an encoder could have read them."""
    generator = torch.Generator().manual_seed(seed)
    outputs = torch.randn(size, 4, H, generator=generator).double()
    valid = torch.arange(4) < LENGTHS[:size].unsqueeze(1)
    summary = torch.randn(size, H, generator=generator).double()
    return decoder.begin(outputs, valid, summary)


def of_one(memory: Memory, state: RecurrentState, i: int) -> tuple[Memory, RecurrentState]:
    return memory.rows(torch.tensor([i])), each_part(state, lambda part: part[:, i : i + 1])


@torch.no_grad()
def log_probabilities(
    decoder: Decoder, memory: Memory, state: RecurrentState, sentences: list[list[int]]
) -> list[float]:
    """Of sentences for one source, read in one call, as in training."""
    width = max(map(len, sentences))
    tokens = torch.tensor([one + [PADDING_ID] * (width - len(one)) for one in sentences])
    rows = torch.zeros(len(tokens), dtype=torch.long)
    beginnings = each_part(state, lambda part: part.index_select(1, rows))
    logits = decoder(shift_right(tokens), memory.rows(rows), beginnings).logits
    logits[:, :, [PADDING_ID, START_ID]] = -torch.inf
    logs = logits.log_softmax(dim=2).gather(2, tokens.unsqueeze(2)).squeeze(2)
    return [float(row[: len(one)].sum()) for row, one in zip(logs, sentences, strict=True)]


def worth(log_probability: float, length: int, alpha: float) -> float:
    return log_probability / ((5 + length) / 6) ** alpha


def all_sentences(limit: int) -> list[list[int]]:
    return [
        [*words, END_ID]
        for length in range(limit)
        for words in itertools.product(WORDS, repeat=length)
    ]


networks = st.fixed_dictionaries(
    {
        "cell": st.sampled_from(sorted(CELLS)),
        "attention": st.sampled_from(["none", *ATTENTION]).filter(
            lambda name: name != "multi_head"
        ),
        "input_feeding": st.booleans(),
        "num_layers": st.sampled_from([1, 2]),
        "seed": st.integers(0, 10_000),
    }
)
alphas = st.sampled_from([0.0, 0.6, 1.0, 2.0])


@settings(max_examples=12)
@given(networks, alphas)
def test_with_enough_beams_the_best_of_all_sentences_are_found(
    network: dict[str, Any], alpha: float
) -> None:
    decoder = decoder_of(**network)
    memory, state = of_one(*encoded(decoder), 0)
    sentences = all_sentences(limit=4)
    logs = log_probabilities(decoder, memory, state, sentences)
    scores = [worth(log, len(one), alpha) for log, one in zip(logs, sentences, strict=True)]
    ranked = sorted(zip(scores, sentences, strict=True), reverse=True)
    found = beam_search(decoder, memory, state, torch.tensor([4]), 400, alpha, n_best=10)[0]
    assert [one.tokens.tolist() for one in found] == [tokens for _, tokens in ranked[:10]]
    torch.testing.assert_close([one.score for one in found], [score for score, _ in ranked[:10]])


def plain_search(
    decoder: Decoder, memory: Memory, state: RecurrentState, limit: int, size: int, alpha: float
) -> list[tuple[float, list[int]]]:
    """The same search for one source, every beginning read from its first token at each step."""
    beams: list[tuple[float, list[int]]] = [(0.0, [])]
    found: list[tuple[float, list[int]]] = []
    while beams and len(beams[0][1]) < limit:
        longer = [[*tokens, token] for _, tokens in beams for token in [*WORDS, END_ID]]
        logs = log_probabilities(decoder, memory, state, longer)
        best = sorted(zip(logs, longer, strict=True), reverse=True)[: size - len(found)]
        found += [(worth(log, len(t), alpha), t) for log, t in best if t[-1] == END_ID]
        beams = [(log, tokens) for log, tokens in best if tokens[-1] != END_ID]
    cut = [(worth(log, len(tokens), alpha), tokens) for log, tokens in beams]
    return sorted(found or cut, reverse=True)


@settings(max_examples=25)
@given(networks, alphas, st.integers(1, 5))
def test_a_narrow_beam_finds_what_a_plain_search_finds(
    network: dict[str, Any], alpha: float, size: int
) -> None:
    decoder = decoder_of(**network)
    memory, state = encoded(decoder)
    found = beam_search(decoder, memory, state, LIMITS, size, alpha)
    for i, limit in enumerate(LIMITS.tolist()):
        best = plain_search(decoder, *of_one(memory, state, i), limit, size, alpha)[0]
        assert found[i][0].tokens.tolist() == best[1]
        assert found[i][0].score == pytest.approx(best[0])


kinds = pytest.mark.parametrize(
    ("cell", "attention", "input_feeding"),
    [(cell, "general", False) for cell in CELLS]
    + [("lstm", name, True) for name in ["none", *ATTENTION]],
)


@kinds
@pytest.mark.parametrize("seed", range(5))
def test_one_beam_is_greedy(cell: str, attention: str, input_feeding: bool, seed: int) -> None:
    decoder = decoder_of(cell, attention, input_feeding, seed=seed)
    memory, state = encoded(decoder, seed)
    tokens, _ = greedy(decoder, memory, state, LIMITS)
    for i, best in enumerate(beam_search(decoder, memory, state, LIMITS, 1, 0.6)):
        assert best[0].tokens.tolist() == [t for t in tokens[i].tolist() if t != PADDING_ID]


@kinds
@pytest.mark.parametrize("seed", range(3))
def test_a_batch_is_searched_as_one_sentence_after_the_other(
    cell: str, attention: str, input_feeding: bool, seed: int
) -> None:
    decoder = decoder_of(cell, attention, input_feeding, num_layers=2, seed=seed)
    memory, state = encoded(decoder, seed)
    together = beam_search(decoder, memory, state, LIMITS, 4, 0.6, n_best=3)
    for i in range(3):
        alone = beam_search(decoder, *of_one(memory, state, i), LIMITS[i : i + 1], 4, 0.6, 3)[0]
        same(together[i], alone)


def same(one: list[Hypothesis], other: list[Hypothesis]) -> None:
    assert [h.tokens.tolist() for h in one] == [h.tokens.tolist() for h in other]
    torch.testing.assert_close([h.score for h in one], [h.score for h in other])
    for left, right in zip(one, other, strict=True):
        torch.testing.assert_close(left.weights, right.weights)


@settings(max_examples=15)
@given(networks, alphas)
def test_the_n_best_are_sorted_and_distinct_and_begin_with_the_best(
    network: dict[str, Any], alpha: float
) -> None:
    decoder = decoder_of(**network)
    memory, state = encoded(decoder)
    several = beam_search(decoder, memory, state, LIMITS, 5, alpha, n_best=5)
    first = beam_search(decoder, memory, state, LIMITS, 5, alpha)
    for found, best in zip(several, first, strict=True):
        scores = [one.score for one in found]
        assert scores == sorted(scores, reverse=True)
        assert len({tuple(one.tokens.tolist()) for one in found}) == len(found) >= 1
        same(found[:1], best)


@pytest.mark.parametrize("attention", list(ATTENTION))
def test_the_weights_are_those_of_the_sentence_that_is_given(attention: str) -> None:
    decoder = decoder_of("lstm", attention, input_feeding=True)
    memory, state = encoded(decoder)
    found = beam_search(decoder, memory, state, torch.tensor([9, 9, 9]), 4)
    for i, (best,) in enumerate(found):
        read = decoder(shift_right(best.tokens.unsqueeze(0)), *of_one(memory, state, i))
        torch.testing.assert_close(best.weights, read.weights[0])


def never_ending(decoder: Decoder) -> Decoder:
    with torch.no_grad():
        decoder.bias[END_ID] = -1e9
    return decoder


def test_no_sentence_is_longer_than_its_limit() -> None:
    decoder = never_ending(decoder_of())
    found = beam_search(decoder, *encoded(decoder), LIMITS, 3, 1.0, n_best=3)
    for several, limit in zip(found, LIMITS.tolist(), strict=True):
        assert [len(one.tokens) for one in several] == [limit] * 3
        assert all(END_ID not in one.tokens for one in several)


def test_a_sentence_that_was_cut_is_given_only_where_none_has_ended() -> None:
    """However probable it is: what does not come to an end mostly goes in circles."""
    decoder = decoder_of()
    with torch.no_grad():
        decoder.bias[END_ID] = -4.0
    memory, state = encoded(decoder)
    found = beam_search(decoder, memory, state, torch.tensor([4, 4, 4]), 100, 0.0, n_best=100)
    assert all(int(one.tokens[-1]) == END_ID for several in found for one in several)


def test_the_length_penalty_helps_long_sentences() -> None:
    lengths: dict[float, list[int]] = {}
    for alpha in (0.0, 2.0):
        lengths[alpha] = []
        for seed in range(12):
            decoder = decoder_of(seed=seed)
            found = beam_search(decoder, *encoded(decoder), torch.tensor([8, 8, 8]), 50, alpha)
            lengths[alpha] += [len(several[0].tokens) for several in found]
    assert sum(lengths[2.0]) > sum(lengths[0.0])


def test_reordered_states_are_those_of_their_beams() -> None:
    """A beam that goes on from another one takes its state along: a memory of all it has read."""
    decoder = decoder_of("lstm", "none", num_layers=2, seed=3)
    memory, state = encoded(decoder)
    for i, several in enumerate(beam_search(decoder, memory, state, LIMITS, 5, 0.0, n_best=5)):
        sentences = [one.tokens.tolist() for one in several]
        logs = log_probabilities(decoder, *of_one(memory, state, i), sentences)
        assert [one.score for one in several] == pytest.approx(logs)


def test_input_feeding_reads_what_was_seen_at_the_step_before() -> None:
    decoder = decoder_of("gru", "dot", input_feeding=True)
    memory, state = encoded(decoder)
    tokens = torch.tensor([[START_ID, 4, 5]] * 3)
    layers, fed = state
    assert not fed.any()
    expected: list[Tensor] = []
    for step in range(3):
        read = decoder.embedding.vectors(tokens[:, step : step + 1])
        outputs, layers = decoder.body(torch.cat([read, fed.transpose(0, 1)], 2), None, layers)
        seen, _ = decoder.attention(outputs, memory.outputs, memory.valid)
        features = torch.tanh(decoder.combine(torch.cat([outputs, seen], dim=2)))
        fed = features.transpose(0, 1)
        expected.append(features @ decoder.weight.T + decoder.bias)
    torch.testing.assert_close(decoder(tokens, memory, state).logits, torch.cat(expected, dim=1))
