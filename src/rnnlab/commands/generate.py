"""Generate text with a trained language model.

    rnnlab generate outputs/kjv-lstm/<run> --prompt "In the beginning"
    rnnlab generate <run> --tokens 200 --temperature 0.8 --top-k 40 --top-p 0.95 --seed 1

The text follows the end of the training text, which the network reads first, and then the prompt.
The same command generates the same text.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnlab.config.messages import readable_errors
from rnnlab.errors import ConfigError

if TYPE_CHECKING:
    from rnnlab.data.text.vocabulary import Vocabulary

MAX_TOKENS, MAX_SAMPLES = 1_000_000, 1_000  # all scores of one step are in memory
MAX_SEED = 2**64 - 1  # of a generator of torch


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="rnnlab generate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("run_dir", type=Path, help="folder of a run with task=language_modeling")
    parser.add_argument("--prompt", default="", help="text to continue; default: none")
    parser.add_argument(
        "--tokens", type=int, default=200, help="number of tokens to generate; default: 200"
    )
    parser.add_argument("--samples", type=int, default=1, help="number of texts; default: 1")
    parser.add_argument("--temperature", type=float, default=0.8, help="0 is greedy; default: 0.8")
    parser.add_argument("--top-k", type=int, help="sample from this number of most likely tokens")
    parser.add_argument("--top-p", type=float, help="sample from tokens of this total probability")
    parser.add_argument("--seed", type=int, default=0, help="of the sampling; default: 0")
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best")
    parser.add_argument("--specials", action="store_true", help="allow <pad>, <unk> and <s>")
    options = parser.parse_args(arguments)
    check_ranges(options)
    return options


def check_ranges(options: argparse.Namespace) -> None:
    """Raise ConfigError if a number is out of range."""
    top_k, top_p = options.top_k, options.top_p
    problems = {
        "tokens": 1 <= options.tokens <= MAX_TOKENS or f"must be 1..{MAX_TOKENS:,}",
        "samples": 1 <= options.samples <= MAX_SAMPLES or f"must be 1..{MAX_SAMPLES:,}",
        "temperature": 0 <= options.temperature < math.inf or "must be 0 (greedy) or more, finite",
        "top-k": top_k is None or top_k >= 1 or "must be at least 1",
        "top-p": top_p is None or 0 < top_p <= 1 or "must be more than 0 and at most 1",
        "seed": 0 <= options.seed <= MAX_SEED or f"must be 0..{MAX_SEED}",
    }
    for name, problem in problems.items():
        if isinstance(problem, str):
            value = getattr(options, name.replace("-", "_"))
            raise ConfigError(f"--{name} {value}: {problem}")


def split_prompt(prompt: str) -> list[str]:
    r"""Return the lines of a prompt, with line ends as in a file that is read for training.

    >>> split_prompt("a\r\nb")
    ['a\n', 'b']

    Raises:
        ConfigError: the command line has bytes that are not UTF-8.
    """
    try:
        prompt.encode("utf-8")
    except UnicodeEncodeError as error:
        byte = ord(prompt[error.start]) & 0xFF  # Python keeps a byte as one half of a surrogate
        raise ConfigError(
            f"--prompt: character {error.start + 1} is the byte 0x{byte:02x}, which is not UTF-8; "
            "convert the prompt to UTF-8"
        ) from error
    lines = prompt.replace("\r\n", "\n").split("\n")
    return [*(f"{line}\n" for line in lines[:-1]), *filter(None, lines[-1:])]


def encode_prompt(prompt: str, vocabulary: "Vocabulary") -> list[int]:
    """Return the ids of a prompt, and print how many of its tokens are unknown."""
    from rnnlab.spec import UNKNOWN_ID

    ids = vocabulary.encode_lines(split_prompt(prompt))
    if unknown := ids.count(UNKNOWN_ID):
        share = f"{unknown} of {len(ids)} tokens"
        print(f"note: {share} of the prompt are not in the vocabulary: <unk>", file=sys.stderr)
    return ids


def read_context(run_dir: Path) -> list[int]:
    """Return the ids that the network reads before the prompt."""
    from rnnlab.data.text.generation_context import CONTEXT_FILE, load_context
    from rnnlab.spec import START_ID

    context = load_context(run_dir)
    if context is None:
        print(
            f"note: the run has no {CONTEXT_FILE}, as those of older versions: the text begins "
            "without context, which the network has not learned",
            file=sys.stderr,
        )
    return context or [START_ID]


def generate_texts(options: argparse.Namespace) -> list[str]:
    """Generate texts with the language model of a run, each with its prompt."""
    import torch

    from rnnlab.analysis.samples import SPECIAL_TOKENS, decode_lines
    from rnnlab.data.text.vocabulary import Vocabulary
    from rnnlab.experiment.load import load_model
    from rnnlab.layers.sampling import SamplingConfig, generate
    from rnnlab.tasks import LanguageModeling

    model = load_model(options.run_dir, options.checkpoint)
    if not isinstance(model.task, LanguageModeling):
        raise ConfigError(
            f"{options.run_dir}: was trained with task={model.task.name}; only a language model "
            "generates text: python train.py data=kjv model=lstm"
        )
    vocabulary_file = options.run_dir / "vocabulary.json"
    if not vocabulary_file.is_file():
        raise ConfigError(f"{vocabulary_file}: is missing; a run with this task has it")
    vocabulary = Vocabulary.load(vocabulary_file)
    prompt = encode_prompt(options.prompt, vocabulary)
    excluded = () if options.specials else SPECIAL_TOKENS
    config = SamplingConfig(options.temperature, options.top_k, options.top_p, excluded)
    tokens = torch.tensor([*read_context(options.run_dir), *prompt])
    step = model.task.stepper(model)
    samples = generate(step, tokens, options.tokens, config, options.seed, options.samples)
    return [decode_lines([*prompt, *ids], vocabulary.decode) for ids in samples.tolist()]


def main(arguments: Sequence[str]) -> None:
    """Generate texts and print them."""
    texts = generate_texts(parse_arguments(arguments))
    for number, text in enumerate(texts, start=1):
        if len(texts) > 1:
            print(f"--- {number}")
        print(text)


if __name__ == "__main__":
    with readable_errors():
        main(sys.argv[1:])
