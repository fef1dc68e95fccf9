"""Texts that a language model writes: which tokens may come, how often, and the command."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rnnlab.commands.generate import generate_texts, main, parse_arguments
from rnnlab.errors import ConfigError
from rnnlab.experiment.run import run
from rnnlab.layers.sampling import SamplingConfig, generate, probabilities
from tests.helpers.configs import small

SCORES = torch.tensor([[0.4, 0.3, 0.2, 0.1]]).log()
rows = st.lists(st.floats(-20, 20), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        (SamplingConfig(), [0.4, 0.3, 0.2, 0.1]),
        (SamplingConfig(0.0), [1.0, 0.0, 0.0, 0.0]),
        (SamplingConfig(0.5), [16 / 30, 9 / 30, 4 / 30, 1 / 30]),
        (SamplingConfig(top_k=2), [4 / 7, 3 / 7, 0, 0]),
        (SamplingConfig(top_k=9), [0.4, 0.3, 0.2, 0.1]),
        (SamplingConfig(top_p=0.69), [4 / 7, 3 / 7, 0, 0]),
        (SamplingConfig(top_p=0.71), [4 / 9, 3 / 9, 2 / 9, 0]),
        (SamplingConfig(top_p=1e-9), [1.0, 0.0, 0.0, 0.0]),
        (
            SamplingConfig(top_k=3, top_p=0.7),
            [4 / 7, 3 / 7, 0, 0],
        ),  # 4/9 + 3/9 is already more than .7
        (SamplingConfig(suppress_tokens=[0]), [0, 1 / 2, 1 / 3, 1 / 6]),
    ],
)
def test_known_chances(config: SamplingConfig, wanted: list[float]) -> None:
    torch.testing.assert_close(probabilities(SCORES, config), torch.tensor([wanted]))


@given(rows, st.floats(0.01, 1), st.floats(0.05, 5))
def test_a_nucleus_has_its_mass_and_no_token_too_many(
    scores: list[float], top_p: float, temperature: float
) -> None:
    given_scores = torch.tensor([scores])
    shares = (given_scores.double() / temperature).softmax(1)[0]
    kept = probabilities(given_scores, SamplingConfig(temperature, top_p=top_p))[0] > 0
    assert shares[kept].sum() >= top_p - 1e-9
    assert shares[kept].sum() - shares[kept].min() < top_p + 1e-9, "one less would do"
    if not kept.all():
        assert shares[~kept].max() <= shares[kept].min() + 1e-12


@given(rows, st.integers(1, 15))
def test_the_most_probable_ones_are_kept(scores: list[float], top_k: int) -> None:
    chances = probabilities(torch.tensor([scores]), SamplingConfig(top_k=top_k))[0]
    assert (chances > 0).sum() <= top_k
    assert chances.sum().item() == pytest.approx(1, abs=1e-5)
    least = sorted(scores, reverse=True)[:top_k][-1]
    assert torch.tensor(scores)[chances > 0].min() >= least - 1e-5


def follower(tokens: Tensor, state: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
    """A network that counts what it has read: the next token is the number of tokens, modulo 7."""
    read = (state[0] if state else 0) + tokens.shape[1]
    scores = torch.full((len(tokens), 7), -5.0)
    scores[:, int(read) % 7] = 5.0
    return scores, [torch.as_tensor(read)]


def test_each_token_is_read_once() -> None:
    made = generate(follower, torch.zeros(2, 3, dtype=torch.long), 6, SamplingConfig(0.0))
    assert made.tolist() == [[3, 4, 5, 6, 0, 1]] * 2


def test_draws_are_those_of_the_chances_and_of_the_seed_alone() -> None:
    def step(tokens: Tensor, state: None) -> tuple[Tensor, None]:
        return SCORES.repeat(len(tokens), 1), None

    before = torch.get_rng_state()
    start = torch.zeros(4000, 1, dtype=torch.long)
    made = generate(step, start, 2, SamplingConfig(), seed=1)
    shares = torch.bincount(made.flatten()) / made.numel()
    torch.testing.assert_close(shares, SCORES[0].exp(), atol=0.03, rtol=0)
    assert torch.equal(made, generate(step, start, 2, SamplingConfig(), seed=1))
    assert not torch.equal(made, generate(step, start, 2, SamplingConfig(), seed=2))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnlab.plots.figures.save_figure", lambda figure, path: path)
        return run(small("text_file", folder, "model=gru", "trainer.max_epochs=1")).folder.path


def test_the_command_prints_what_it_was_asked_for(
    run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(run_dir), "--prompt", "wc wb", "--tokens", "12", "--samples", "2"]
    main(words)
    first = capsys.readouterr().out
    main(words)
    assert capsys.readouterr().out == first
    assert first.count("wc wb") >= 2
    assert first.startswith("--- 1\nwc wb")
    assert not any(special in first for special in ("<unk>", "<s>", "<pad>", "<eos>"))


def test_words_of_the_prompt_that_are_not_known_are_told(
    run_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(run_dir), "--prompt", "zebra wb", "--tokens", "3"])
    assert "1 of 2 tokens of the prompt are not in the vocabulary" in capsys.readouterr().err


def test_a_continued_text_is_that_of_one_reading(run_dir: Path) -> None:
    greedy = ["--temperature", "0", "--tokens"]
    (whole,) = generate_texts(parse_arguments([str(run_dir), *greedy, "10"]))
    (half,) = generate_texts(parse_arguments([str(run_dir), *greedy, "5"]))
    assert whole.startswith(half)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--temperature", "-1"], "--temperature -1.0: must be 0"),
        (["--top-p", "0"], "--top-p 0.0: must be more than 0 and at most 1"),
        (["--top-k", "0"], "--top-k 0: must be at least 1"),
        (["--tokens", "0"], "--tokens 0: must be at least 1"),
    ],
)
def test_numbers_out_of_range_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_arguments(["folder", *words])


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such checkpoint"):
        generate_texts(parse_arguments([str(tmp_path)]))
