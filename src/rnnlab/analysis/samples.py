"""Page of texts that a language model generates."""

from collections.abc import Callable, Sequence

import torch

from rnnlab.layers.sampling import SamplingConfig, Step, generate
from rnnlab.models import RecurrentModel
from rnnlab.spec import END_ID, PADDING_ID, START_ID, UNKNOWN_ID

Decode = Callable[[Sequence[int]], str]
SPECIAL_TOKENS = (PADDING_ID, UNKNOWN_ID, START_ID)  # never part of a text
SAMPLING_CONFIGS = {
    "greedy: always the most probable token": SamplingConfig(0.0, suppress_tokens=SPECIAL_TOKENS),
    "temperature 0.7": SamplingConfig(0.7, suppress_tokens=SPECIAL_TOKENS),
    "temperature 1.0": SamplingConfig(1.0, suppress_tokens=SPECIAL_TOKENS),
    "temperature 1.0, among the most probable 90%": SamplingConfig(
        1.0, top_p=0.9, suppress_tokens=SPECIAL_TOKENS
    ),
}
NUM_SAMPLES, NUM_TOKENS, SEED = 2, 80, 0
INTRODUCTION = (
    "Each text follows the end of the training text: the network has read {:,} tokens of it."
)


def generate_samples(
    model: RecurrentModel, step: Step, decode: Decode, context: Sequence[int]
) -> str:
    """Return texts without a prompt, sampled in several ways, as a Markdown page.

    The same weights give the same page. The mode of the network and all random states are kept.

    Args:
        model: the network, for its mode and device.
        step: see rnnlab.layers.sampling.generate.
        decode: converts ids to a text; stops at the first <eos>.
        context: ids that the network reads first; see rnnlab.data.text.generation_context.
    """
    training = model.training
    model.eval()
    prompt = torch.tensor(context, device=model.device)
    parts = ["# What the network writes\n", f"{INTRODUCTION.format(len(context))}\n"]
    for name, config in SAMPLING_CONFIGS.items():
        parts.append(f"## {name[0].upper()}{name[1:]}\n")
        count = 1 if config.temperature == 0 else NUM_SAMPLES
        samples = generate(step, prompt, NUM_TOKENS, config, SEED, count)
        parts += [indent_text(decode_lines(ids, decode)) + "\n" for ids in samples.tolist()]
    model.train(training)
    return "\n".join(parts)


def decode_lines(ids: Sequence[int], decode: Decode) -> str:
    r"""Return ids as a text, with a line break at each <eos>.

    >>> decode_lines([5, 6, END_ID, 7], lambda ids: " ".join(map(str, ids)))
    '5 6\n7'
    """
    lines: list[list[int]] = [[]]
    for i in ids:
        if i == END_ID:
            lines.append([])
        else:
            lines[-1].append(i)
    return "\n".join(decode(line) for line in lines)


def indent_text(text: str) -> str:
    r"""Return a text as a Markdown code block, which keeps its lines; blanks alone are none.

    >>> indent_text("a\nb"), indent_text("  ")
    ('    a\n    b', '    (only blanks)')
    """
    lines = text.split("\n") if text.strip() else ["(only blanks)"]
    return "\n".join(f"    {line}" for line in lines)
