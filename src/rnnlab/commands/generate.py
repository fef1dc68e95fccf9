"""Generate text with a trained language model.

    rnnlab generate outputs/kjv-lstm/<run> --prompt "In the beginning"
    rnnlab generate <run> --tokens 200 --temperature 0.8 --top-k 40 --top-p 0.95 --seed 1

The text follows the end of the training text, which the network reads first, and then the prompt.
The same command generates the same text.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnlab.commands import CommandParser, run_program
from rnnlab.config.messages import advise_options
from rnnlab.documents.output import publish
from rnnlab.runtime.imports import import_lightning
from rnnlab.runtime.progress import announce_imports

SETTINGS = ("tokens", "samples", "temperature", "top_k", "top_p", "seed", "specials")


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = CommandParser("generate", __doc__)
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
    announce_imports(str(options.run_dir))
    import_lightning()
    check_ranges(options)
    return options


def check_ranges(options: argparse.Namespace) -> None:
    """Raise ConfigError if a number is out of range, or the prompt is not UTF-8."""
    from rnnlab.data.processors.base import check_text
    from rnnlab.inference.generation import GenerationConfig

    check_text(options.prompt, "--prompt")
    with advise_options(SETTINGS):
        GenerationConfig(**generation_settings(options))


def generation_settings(options: argparse.Namespace) -> dict[str, Any]:
    """Return the settings of the generation by their names."""
    return {name: getattr(options, name) for name in SETTINGS}


def generate_texts(options: argparse.Namespace) -> list[str]:
    """Generate and publish texts with the language model of a run, each with its prompt."""
    from rnnlab import load

    run = load(options.run_dir, options.checkpoint)
    table = run.generate(options.prompt, **generation_settings(options))
    notes = table.attrs.get("notes", ())
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    texts: list[str] = table["text"].tolist()
    publish({"texts": texts}, notes)
    return texts


def main(arguments: Sequence[str]) -> None:
    """Generate texts and print them."""
    texts = generate_texts(parse_arguments(arguments))
    for number, text in enumerate(texts, start=1):
        if len(texts) > 1:
            print(f"--- {number}")
        print(text)


if __name__ == "__main__":
    run_program(main)
