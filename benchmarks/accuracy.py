"""Accuracy that the same network reaches with this project and with other libraries."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.libraries import PEERS, REVIEWS, Peer, peer_program, with_torch, write_job
from benchmarks.pairs import Results, Row
from benchmarks.peers.job import read_job
from benchmarks.programs import ROOT
from benchmarks.runs import Settings
from benchmarks.usage import measure_command

LENGTH, EPOCHS = 100, 2  # tokens of a review: an epoch takes seconds
STEPS = 52  # of a block; with 20,000 reviews six blocks are an epoch but for half a batch
BAR = 0.03  # with 2,500 reviews the standard error of a difference is 0.011
SLOW = ("keras-torch",)  # minutes for an epoch


def accuracy(settings: Settings) -> Results:
    """Train the network of the comparisons for two epochs with each library, and validate it."""
    settings = with_torch(settings)
    words = (*REVIEWS, *settings.imdb, f"data.seq_len={LENGTH}", *settings.accuracy)
    with TemporaryDirectory() as path:
        folder = Path(path)
        (folder / "run").mkdir()
        write_job("reviews", words, settings, folder)
        ours = train_ours(words, folder / "run", settings)
        for peer in PEERS:
            if "reviews" in peer.steps and peer.interpreter not in SLOW:
                yield compare(peer, ours, folder, settings)


def train_ours(words: tuple[str, ...], folder: Path, settings: Settings) -> float:
    """Return the best validation accuracy of our run."""
    words = (*words, f"trainer.max_epochs={EPOCHS}", "page=false")
    environment = {"OMP_NUM_THREADS": str(settings.threads)}
    measure_command(ROOT / "train.py", words, folder, environment)
    (report,) = folder.glob("outputs/*/*/report.json")
    return float(json.loads(report.read_text(encoding="utf-8"))["scores"]["val/accuracy"])


def compare(peer: Peer, ours: float, job: Path, settings: Settings) -> Row | str:
    """Return the difference of the accuracies, ours and that of a library after as many reviews."""
    if peer.interpreter not in settings.interpreters:
        return f"{peer.name}: needs --env {peer.interpreter}=<path of its python>"
    interpreter, threads = settings.interpreters[peer.interpreter], settings.threads
    with TemporaryDirectory() as folder:
        program = peer_program("reviews", peer, interpreter, job, Path(folder), STEPS, threads)
        with program:
            for _ in range(EPOCHS * blocks_of_epoch(job)):
                program.train_block()
            other = program.evaluate()
    what = (
        f"IMDB GRU, {LENGTH} tokens, {EPOCHS} epochs, validation accuracy: ours / {peer.name}; "
        "absolute difference"
    )
    values = [abs(ours - other)]
    return Row("accuracy", what, f"{ours:.3f}", f"{other:.3f}", values, BAR, at_least=False)


def blocks_of_epoch(folder: Path) -> int:
    """Return the number of blocks of an epoch."""
    job = read_job(folder)
    return max(1, len(job.labels) // (STEPS * job.sizes.batch_size))
