"""Which token comes next: greedy, by lot, by lot among the most probable ones.

N texts that grow side by side, T tokens, V tokens that are told apart.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from rnnlab.layers.recurrent import RecurrentState

# Map (N, T) and a state to scores (N, V) and the next state.
Step = Callable[[Tensor, RecurrentState | None], tuple[Tensor, RecurrentState | None]]
NEVER = float("-inf")


class Rule(NamedTuple):
    """How a token is chosen. The limits hold one after the other, in this order.

    Attributes:
        temperature: scores are divided by it; 0 takes the most probable token.
        top_k: only among so many of the most probable tokens (Fan et al., 2018); None for all.
        top_p: only among the fewest tokens that have this probability together (nucleus sampling,
            Holtzman et al., 2020, https://arxiv.org/abs/1904.09751); None for all.
        never: ids that are not chosen.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    never: Sequence[int] = ()


def probabilities(scores: Tensor, rule: Rule) -> Tensor:
    """The chance of each token to be chosen, (N, V) -> (N, V); each row has the sum 1.

    >>> probabilities(torch.tensor([[0.5, 0.3, 0.2]]).log(), Rule(top_k=2))
    tensor([[0.6250, 0.3750, 0.0000]])
    """
    scores = scores.double()
    scores[:, list(rule.never)] = NEVER
    if rule.temperature == 0:
        return one_hot(scores.argmax(dim=1), scores)
    # The largest is taken away first: a small temperature would make infinities of it.
    scores = (scores - scores.amax(dim=1, keepdim=True)) / rule.temperature
    ranked, tokens = scores.sort(dim=1, descending=True, stable=True)
    if rule.top_k is not None:
        ranked[:, rule.top_k :] = NEVER
    shares = ranked.softmax(dim=1)
    if rule.top_p is not None:
        before = shares.cumsum(dim=1) - shares
        before[:, 0] = NEVER  # the first is always kept
        shares = shares.masked_fill(before >= rule.top_p, 0)
        shares = shares / shares.sum(dim=1, keepdim=True)
    return torch.zeros_like(shares).scatter(1, tokens, shares).float()


def one_hot(chosen: Tensor, like: Tensor) -> Tensor:
    """1 at what was chosen (N,), else 0, (N, V)."""
    return torch.zeros(like.shape).scatter(1, chosen.unsqueeze(1).cpu(), 1.0)


@torch.no_grad()
def generate(step: Step, prompt: Tensor, count: int, rule: Rule, seed: int = 0) -> Tensor:
    """Texts that go on from a prompt, each drawn for itself.

    Args:
        step: reads tokens (N, T) from a state on; gives the scores of the next ones (N, V), and the
            state behind them.
        prompt: tokens (N, T), at least one each.
        count: tokens to be generated.
        rule: how.
        seed: of the draws, which touch no other random state.

    Returns:
        What was generated, without the prompt, (N, count).
    """
    draws = torch.Generator().manual_seed(seed)
    made: list[Tensor] = []
    tokens, state = prompt, None
    for _ in range(count):
        scores, state = step(tokens, state)
        chances = probabilities(scores.cpu(), rule)
        tokens = torch.multinomial(chances, 1, generator=draws).to(prompt.device)  # (N, 1)
        made.append(tokens)
    return torch.cat(made, dim=1) if made else prompt[:, :0]
