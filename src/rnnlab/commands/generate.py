"""Generate text with a trained language model.

    rnnlab generate outputs/kjv-lstm/<run> --prompt "In the beginning"
    rnnlab generate <run> --tokens 200 --temperature 0.8 --top-k 40 --top-p 0.95 --seed 1

The same command generates the same text.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rnnlab.config.messages import readable_errors
from rnnlab.errors import ConfigError


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
        "tokens": options.tokens < 1 and "must be at least 1",
        "samples": options.samples < 1 and "must be at least 1",
        "temperature": options.temperature < 0 and "must be 0 (greedy) or more",
        "top-k": top_k is not None and top_k < 1 and "must be at least 1",
        "top-p": top_p is not None and not 0 < top_p <= 1 and "must be more than 0 and at most 1",
        "seed": options.seed < 0 and "must be 0 or more",
    }
    for name, reason in problems.items():
        if reason:
            value = getattr(options, name.replace("-", "_"))
            raise ConfigError(f"--{name} {value}: {reason}")


def generate_texts(options: argparse.Namespace) -> list[str]:
    """Generate texts with the language model of a run, each with its prompt."""
    import torch

    from rnnlab import load
    from rnnlab.analysis.samples import SPECIAL_TOKENS, decode_lines
    from rnnlab.data.text.vocabulary import Vocabulary
    from rnnlab.layers.sampling import SamplingConfig, generate
    from rnnlab.spec import START_ID, UNKNOWN_ID
    from rnnlab.tasks import LanguageModeling

    model = load(options.run_dir, options.checkpoint)
    if not isinstance(model.task, LanguageModeling):
        raise ConfigError(
            f"{options.run_dir}: was trained with task={model.task.name}; only a language model "
            "generates text: python train.py data=kjv model=lstm"
        )
    vocabulary = Vocabulary.load(options.run_dir / "vocabulary.json")
    prompt = vocabulary.encode_lines(options.prompt.splitlines(keepends=True))
    if unknown := prompt.count(UNKNOWN_ID):
        share = f"{unknown} of {len(prompt)} tokens"
        print(f"note: {share} of the prompt are not in the vocabulary: <unk>", file=sys.stderr)
    excluded = () if options.specials else SPECIAL_TOKENS
    config = SamplingConfig(options.temperature, options.top_k, options.top_p, excluded)
    tokens = torch.tensor([[START_ID, *prompt]]).repeat(options.samples, 1)
    step = model.task.stepper(model)
    sequences = generate(step, tokens, options.tokens, config, options.seed).tolist()
    return [decode_lines([*prompt, *ids], vocabulary.decode) for ids in sequences]


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
