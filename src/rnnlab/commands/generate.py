"""Let a trained language model write.

    rnnlab generate outputs/kjv-lstm/<run> --prompt "In the beginning"
    rnnlab generate <run> --tokens 200 --temperature 0.8 --top-k 40 --top-p 0.95 --seed 1

The same command gives the same text.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rnnlab.config.messages import readable_errors
from rnnlab.errors import ConfigError


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for.

    Raises:
        ConfigError: a number is out of its range.
    """
    parser = argparse.ArgumentParser(prog="rnnlab generate", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("run_dir", type=Path, help="folder of a run with task=language_modeling")
    parser.add_argument("--prompt", default="", help="the text to go on from; default: none")
    parser.add_argument("--tokens", type=int, default=200, help="to be written; default: 200")
    parser.add_argument("--samples", type=int, default=1, help="texts; default: 1")
    parser.add_argument("--temperature", type=float, default=0.8, help="0 is greedy; default: 0.8")
    parser.add_argument("--top-k", type=int, help="only among so many tokens")
    parser.add_argument("--top-p", type=float, help="only among tokens of this probability")
    parser.add_argument("--seed", type=int, default=0, help="of the draws; default: 0")
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best")
    parser.add_argument("--specials", action="store_true", help="<pad>, <unk> and <s> may come")
    given = parser.parse_args(words)
    check(given)
    return given


def check(given: argparse.Namespace) -> None:
    """Whether the numbers are in their ranges.

    Raises:
        ConfigError: one is not.
    """
    wrong = {
        "tokens": given.tokens < 1 and "must be at least 1",
        "samples": given.samples < 1 and "must be at least 1",
        "temperature": given.temperature < 0 and "must be 0 (greedy) or more",
        "top-k": given.top_k is not None and given.top_k < 1 and "must be at least 1",
        "top-p": given.top_p is not None
        and not 0 < given.top_p <= 1
        and "must be more than 0 and at most 1",
        "seed": given.seed < 0 and "must be 0 or more",
    }
    for name, reason in wrong.items():
        if reason:
            value = getattr(given, name.replace("-", "_"))
            raise ConfigError(f"--{name} {value}: {reason}")


def written(given: argparse.Namespace) -> list[str]:
    """The texts that the network of a run writes, each with its prompt.

    Raises:
        ConfigError: the run is none of a language model.
    """
    import torch

    from rnnlab import load
    from rnnlab.analysis.samples import SPECIAL_TOKENS, decode_lines
    from rnnlab.data.text.vocabulary import Vocabulary
    from rnnlab.layers.sampling import SamplingConfig, generate
    from rnnlab.spec import START_ID, UNKNOWN_ID
    from rnnlab.tasks import LanguageModeling

    model = load(given.run_dir, given.checkpoint)
    if not isinstance(model.task, LanguageModeling):
        raise ConfigError(
            f"{given.run_dir}: was trained with task={model.task.name}; only a language model "
            "writes: python train.py data=kjv model=lstm"
        )
    vocabulary = Vocabulary.load(given.run_dir / "vocabulary.json")
    prompt = vocabulary.encode_lines(given.prompt.splitlines(keepends=True))
    if unknown := prompt.count(UNKNOWN_ID):
        known = f"{unknown} of {len(prompt)} tokens of the prompt are not known to this network"
        print(f"note: {known}, and are read as <unk>", file=sys.stderr)
    config = SamplingConfig(
        given.temperature, given.top_k, given.top_p, () if given.specials else SPECIAL_TOKENS
    )
    tokens = torch.tensor([[START_ID, *prompt]]).repeat(given.samples, 1)
    step = model.task.stepper(model)
    made = generate(step, tokens, given.tokens, config, given.seed).tolist()
    return [decode_lines([*prompt, *ids], vocabulary.decode) for ids in made]


def main(words: Sequence[str] | None = None) -> None:
    """Write and print."""
    texts = written(arguments(words))
    for number, text in enumerate(texts, start=1):
        if len(texts) > 1:
            print(f"--- {number}")
        print(text)


if __name__ == "__main__":
    with readable_errors():
        main()
