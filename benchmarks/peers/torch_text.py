"""A language model with plain PyTorch as in its examples; its state is carried on."""

import sys
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.peers.channel import serve_blocks
from benchmarks.peers.job import Sizes, read_job


class LanguageModel(nn.Module):
    """Embedding, GRU, and a linear layer over all words."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.embedding = nn.Embedding(sizes.num_tokens, sizes.embedding_size)
        self.gru = nn.GRU(sizes.embedding_size, sizes.hidden_size, batch_first=True)
        self.linear = nn.Linear(sizes.hidden_size, sizes.output_size)

    def forward(self, tokens: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Map tokens (B, T) to scores (B, T, V) and the last state."""
        outputs, state = self.gru(self.embedding(tokens), state)
        return self.linear(outputs), state


def main() -> None:
    """Train on request."""
    job = read_job(Path(sys.argv[1]))
    torch.set_num_threads(job.sizes.threads)
    torch.manual_seed(job.sizes.seed)
    batches = int(sys.argv[2])
    model, windows = LanguageModel(job.sizes), job.windows()
    optimizer = torch.optim.Adam(model.parameters(), lr=job.sizes.lr)
    cross_entropy = nn.CrossEntropyLoss()
    state: Tensor | None = None

    def train_block() -> tuple[int, float]:
        nonlocal state
        losses, tokens = [], 0
        for inputs, targets in islice(windows, batches):
            optimizer.zero_grad()
            scores, state = model(torch.from_numpy(inputs).long(), state)
            state = state.detach()
            loss = cross_entropy(scores.flatten(0, 1), torch.from_numpy(targets).long().flatten())
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            tokens += inputs.size
        return tokens, sum(losses) / len(losses)

    serve_blocks(sum(p.numel() for p in model.parameters()), train_block)


if __name__ == "__main__":
    main()
