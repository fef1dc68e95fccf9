"""Sampling of the next token: greedy, with a temperature, top-k and top-p (nucleus) sampling.

N texts, T tokens of each, V tokens of the vocabulary.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from rnnlab.layers.recurrent import RecurrentState, each_part

# Map (N, T) and a state to scores (N, V) and the next state.
Step = Callable[[Tensor, RecurrentState | None], tuple[Tensor, RecurrentState | None]]


class SamplingConfig(NamedTuple):
    """How the next token is sampled. The settings apply in this order, after `suppress_tokens`.

    Attributes:
        temperature: divides the scores; 0 takes the most probable token.
        top_k: sample from this many of the most probable tokens (Fan et al., 2018); None for all.
        top_p: sample from the smallest set of tokens with this total probability (nucleus sampling,
            Holtzman et al., 2020, https://arxiv.org/abs/1904.09751); None for all.
        suppress_tokens: token ids that are never sampled.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    suppress_tokens: Sequence[int] = ()


def probabilities(scores: Tensor, config: SamplingConfig) -> Tensor:
    """Return the probability of each token to be sampled, (N, V) -> (N, V); rows sum to 1.

    >>> probabilities(torch.tensor([[0.5, 0.3, 0.2]]).log(), SamplingConfig(top_k=2))
    tensor([[0.6250, 0.3750, 0.0000]])
    """
    scores = scores.double()
    scores[:, list(config.suppress_tokens)] = -torch.inf
    if config.temperature == 0:
        return one_hot(scores.argmax(dim=1), scores.shape[1]).float()
    # Subtract the largest first: dividing by a small temperature would overflow.
    scores = (scores - scores.amax(dim=1, keepdim=True)) / config.temperature
    scores, tokens = scores.sort(dim=1, descending=True, stable=True)
    if config.top_k is not None and config.top_k < scores.shape[1]:
        scores[:, config.top_k :] = -torch.inf
    shares = scores.softmax(dim=1)
    if config.top_p is not None:
        before = shares.cumsum(dim=1) - shares
        before[:, 0] = -torch.inf  # always keep the first
        shares = shares.masked_fill(before >= config.top_p, 0)
        shares = shares / shares.sum(dim=1, keepdim=True)
    return torch.zeros_like(shares).scatter(1, tokens, shares).float()


@torch.no_grad()
def generate(
    step: Step,
    prompt: Tensor,
    count: int,
    config: SamplingConfig,
    seed: int = 0,
    num_samples: int = 1,
) -> Tensor:
    """Continue a prompt several times, each time independently of the others.

    Args:
        step: reads tokens (N, T) from a state on; returns the scores of the next token (N, V) and
            the state after them.
        prompt: tokens (T,), at least one; they are read once.
        count: number of tokens to generate.
        config: how tokens are sampled.
        seed: of the sampling; no other random state is used.
        num_samples: N.

    Returns:
        The generated tokens, without the prompt, (N, count).
    """
    generator = torch.Generator().manual_seed(seed)
    scores, state = step(prompt.unsqueeze(0), None)
    rows = torch.zeros(num_samples, dtype=torch.long, device=scores.device)
    scores, state = scores[rows], each_part(state, lambda part: part.index_select(1, rows))
    sampled_tokens = [prompt.new_empty(num_samples, 0)]
    for _ in range(count):
        shares = probabilities(scores.cpu(), config)
        tokens = torch.multinomial(shares, 1, generator=generator).to(prompt.device)  # (N, 1)
        sampled_tokens.append(tokens)
        scores, state = step(tokens, state)
    return torch.cat(sampled_tokens, dim=1)
