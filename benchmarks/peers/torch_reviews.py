"""Reviews with plain PyTorch as in its tutorials: random batches of a DataLoader, nn.GRU, Adam."""

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader

from benchmarks.peers.channel import serve_blocks
from benchmarks.peers.job import Job, Sizes, read_job, validation_folder

Padded = tuple[Tensor, Tensor, Tensor]  # tokens (B, T), lengths (B,), classes (B,)


class Classifier(nn.Module):
    """Embedding, GRU, and a linear layer on its last state.

    Args:
        sizes: of the layers.
        packed: the GRU reads packed sequences; otherwise padded ones.
    """

    def __init__(self, sizes: Sizes, packed: bool) -> None:
        super().__init__()
        self.packed = packed
        self.embedding = nn.Embedding(sizes.num_tokens, sizes.embedding_size, padding_idx=0)
        self.gru = nn.GRU(sizes.embedding_size, sizes.hidden_size, batch_first=True)
        self.linear = nn.Linear(sizes.hidden_size, sizes.output_size)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Map tokens (B, T) to scores (B, classes)."""
        vectors = self.embedding(tokens)  # (B, T, D)
        if self.packed:
            packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
            last = self.gru(packed)[1][-1]  # (B, H)
        else:
            outputs, _ = self.gru(vectors)  # (B, T, H)
            last = outputs[torch.arange(len(lengths)), lengths - 1]
        scores: Tensor = self.linear(last)
        return scores


def collate(items: list[tuple[Tensor, int]]) -> Padded:
    """Pad the reviews of a batch to the longest of them."""
    tokens, labels = zip(*items, strict=True)
    lengths = torch.tensor([len(review) for review in tokens])
    return pad_sequence(list(tokens), batch_first=True), lengths, torch.tensor(labels)


def batches_of(job: Job, rows: Any) -> "DataLoader[Any]":
    """Return the batches of a block."""
    items = [(torch.from_numpy(job.review(row)).long(), int(job.labels[row])) for row in rows]
    return DataLoader(items, job.sizes.batch_size, collate_fn=collate)  # type: ignore[arg-type]


def main() -> None:
    """Train on request; the last argument is packed or padded."""
    job, packed = read_job(Path(sys.argv[1])), sys.argv[3] == "packed"
    torch.set_num_threads(job.sizes.threads)
    torch.manual_seed(job.sizes.seed)
    model, blocks = Classifier(job.sizes, packed), job.blocks(int(sys.argv[2]))
    optimizer = torch.optim.Adam(model.parameters(), lr=job.sizes.lr)
    cross_entropy = nn.CrossEntropyLoss()

    def train_block() -> tuple[int, float]:
        rows, losses = next(blocks), []
        for tokens, lengths, labels in batches_of(job, rows):
            optimizer.zero_grad()
            loss = cross_entropy(model(tokens, lengths), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return len(rows), sum(losses) / len(losses)

    def evaluate() -> float:
        val, correct = read_job(validation_folder(Path(sys.argv[1]))), 0
        with torch.no_grad():
            for tokens, lengths, labels in batches_of(val, range(len(val.labels))):
                correct += int((model(tokens, lengths).argmax(1) == labels).sum())
        return correct / len(val.labels)

    serve_blocks(sum(p.numel() for p in model.parameters()), train_block, evaluate)


if __name__ == "__main__":
    main()
