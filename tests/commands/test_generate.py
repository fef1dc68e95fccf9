"""Texts that a language model writes: which tokens may come, how often, and the command."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rnnlab import load
from rnnlab.commands.generate import generate_texts, main, parse_arguments
from rnnlab.config.schema import parse
from rnnlab.data.processors.language_modeling import split_lines
from rnnlab.data.readers.lines import TextFile
from rnnlab.errors import ConfigError
from rnnlab.experiment.build import build_data
from rnnlab.experiment.run import run
from rnnlab.layers.sampling import SamplingConfig, generate, probabilities
from rnnlab.spec import END_ID
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
        (SamplingConfig(top_k=10**30), [0.4, 0.3, 0.2, 0.1]),
        (SamplingConfig(1e-320), [1.0, 0.0, 0.0, 0.0]),
        (SamplingConfig(1e308), [0.25, 0.25, 0.25, 0.25]),
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
    read = (state[0] if state else torch.zeros(1, len(tokens))) + tokens.shape[1]  # (1, N)
    scores = torch.full((len(tokens), 7), -5.0)
    scores[torch.arange(len(tokens)), read[0].long() % 7] = 5.0
    return scores, [read]


def test_each_token_is_read_once() -> None:
    prompt = torch.zeros(3, dtype=torch.long)
    made = generate(follower, prompt, 6, SamplingConfig(0.0), num_samples=2)
    assert made.tolist() == [[3, 4, 5, 6, 0, 1]] * 2
    assert generate(follower, prompt, 0, SamplingConfig(0.0), num_samples=2).shape == (2, 0)


def test_draws_are_those_of_the_chances_and_of_the_seed_alone() -> None:
    def step(tokens: Tensor, state: None) -> tuple[Tensor, None]:
        return SCORES.repeat(len(tokens), 1), None

    before = torch.get_rng_state()
    start = torch.zeros(1, dtype=torch.long)
    made = generate(step, start, 2, SamplingConfig(), seed=1, num_samples=4000)
    shares = torch.bincount(made.flatten()) / made.numel()
    torch.testing.assert_close(shares, SCORES[0].exp(), atol=0.03, rtol=0)
    again, other = (
        generate(step, start, 2, SamplingConfig(), seed=seed, num_samples=4000) for seed in (1, 2)
    )
    assert torch.equal(made, again)
    assert not torch.equal(made, other)
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
        (["--tokens", "0"], "--tokens 0: must be 1..1,000,000"),
        (["--samples", "99999999999999999999"], "--samples 9+: must be 1..1,000"),
        (["--temperature", "inf"], "--temperature inf: must be 0 .greedy. or more, finite"),
        (["--temperature", "nan"], "--temperature nan: must be 0 .greedy. or more, finite"),
        (["--top-p", "nan"], "--top-p nan: must be more than 0 and at most 1"),
        (["--seed", "99999999999999999999"], "--seed 9+: must be 0..18446744073709551615"),
        (["--seed", "-1"], "--seed -1: must be 0..18446744073709551615"),
    ],
)
def test_numbers_out_of_range_are_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_arguments(["folder", *words])


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such checkpoint"):
        generate_texts(parse_arguments([str(tmp_path)]))


@pytest.mark.parametrize("seed", ["18446744073709551615", "9223372036854775808", "0"])
def test_every_seed_that_is_accepted_works(seed: str, run_dir: Path) -> None:
    assert generate_texts(parse_arguments([str(run_dir), "--tokens", "2", "--seed", seed]))


def test_bytes_that_are_not_utf_8_are_refused_with_their_place(run_dir: Path) -> None:
    with pytest.raises(ConfigError, match=r"--prompt: character 5 is the byte 0xff, which is not"):
        generate_texts(parse_arguments([str(run_dir), "--prompt", "the \udcff cat"]))


@pytest.mark.parametrize("prompt", ["", " ", "\n", "zebra", "wb\r\nwc", "\u2028", "<eos> <pad>"])
def test_every_prompt_is_continued(prompt: str, run_dir: Path) -> None:
    (text,) = generate_texts(parse_arguments([str(run_dir), "--prompt", prompt, "--tokens", "4"]))
    assert text.strip()


@pytest.mark.parametrize("text", ["a\nb", "a\r\nb", "a\n", "\n\n", "", "a\x0b\u2028b"])
def test_a_prompt_has_the_lines_of_a_file(text: str, tmp_path: Path) -> None:
    assert "".join(split_lines(text)) == text.replace("\r\n", "\n")
    (tmp_path / "a.txt").write_text(text + "\n", newline="")
    assert split_lines(text + "\n") == list(TextFile(tmp_path / "a.txt", "utf-8"))


def test_the_network_has_read_the_end_of_the_training_text(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []

    def remember(step: Any, prompt: Tensor, *settings: Any) -> Tensor:
        seen.append(prompt.tolist())
        return generate(step, prompt, *settings)

    monkeypatch.setattr("rnnlab.layers.sampling.generate", remember)
    processor: Any = load(run_dir).processor
    (prompt,) = processor.vocabulary.encode(["wb wc"])
    generate_texts(parse_arguments([str(run_dir), "--prompt", "wb wc", "--tokens", "1"]))
    context, (last,) = seen[0][: -len(prompt)], [seen[0][-len(prompt) :]]
    assert last == prompt
    assert len(context) > 20
    assert context[-1] == END_ID, "a prompt begins a line"
    assert f"has read {len(context)} tokens" in (run_dir / "samples.md").read_text()
    data: Any = build_data(parse(load(run_dir).model.hyper_parameters["config"]))
    data.setup()
    assert context == data.ids["train"][-len(context) :].tolist()


def test_a_run_of_an_older_version_is_refused(run_dir: Path, tmp_path: Path) -> None:
    (shutil.copytree(run_dir, tmp_path / "old") / "processor.json").unlink()
    with pytest.raises(ConfigError, match=r"has no processor\.json.*train it again"):
        generate_texts(parse_arguments([str(tmp_path / "old"), "--tokens", "1"]))
