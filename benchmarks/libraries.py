"""The same networks trained by this project and by other libraries, one block after the other.

Every side has the same texts, vocabulary, lengths, batch size, layers and optimizer. The others
are programs in benchmarks/peers as their users write them: reviews in random batches, padded to
400 tokens (Keras) or to the longest of a batch (PyTorch), or packed.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

import numpy as np

from benchmarks.pairs import ClockName, Results, Row
from benchmarks.peers.job import Job, Sizes, validation_folder
from benchmarks.programs import (
    ROOT,
    BlockPair,
    Program,
    alternate,
    describe_speeds,
    training_program,
)
from benchmarks.runs import Settings, compose_config
from rnnlab.experiment.build import build_data

Kind = Literal["reviews", "text"]
BARE = (  # as in the other programs: a plain network and Adam
    *("model=gru", "trainer=cpu", "optimizer=adam", "optimizer.lr=1e-3", "scheduler=none"),
    *("trainer.gradient_clip_val=null", "task.word_dropout=0", "task.embedding_dropout=0"),
    *("task.head_dropout=0", "test=false", "baselines=false"),
)
REVIEWS = ("data=imdb", *BARE, "task.pooling=last")
TEXT = ("data=ptb", *BARE, "model.hidden_size=200", "task.embedding_size=200")
OUR_STEPS: Mapping[Kind, int] = {"reviews": 25, "text": 5}  # of a block
UNITS: Mapping[Kind, str] = {"reviews": "samples", "text": "tokens"}
TITLES: Mapping[Kind, str] = {"reviews": "IMDB GRU", "text": "language model (PTB, GRU)"}


class Peer(NamedTuple):
    """Another library.

    Attributes:
        name: in the table.
        interpreter: its name in --env.
        module: of benchmarks.peers, without _reviews and _text.
        option: argument of the program.
        steps: of a block.
        bar: smallest ratio for the reviews; None for a ratio that is only reported.
    """

    name: str
    interpreter: str
    module: str
    option: str
    steps: Mapping[Kind, int]
    bar: float | None = None


PEERS = (
    Peer("Keras on TensorFlow, padded to 400", "keras-tf", "keras", "", {"reviews": 8}, 2.0),
    Peer("Keras on torch, padded to 400", "keras-torch", "keras", "", {"reviews": 1}),
    Peer("PyTorch, padded batches", "torch", "torch", "padded", {"reviews": 8}),
    Peer("PyTorch, packed batches", "torch", "torch", "packed", {"reviews": 8}),
    Peer("Keras on TensorFlow", "keras-tf", "keras", "stateful", {"text": 5}),
    Peer("Keras on torch, state not carried", "keras-torch", "keras", "stateless", {"text": 5}),
    Peer("PyTorch", "torch", "torch", "", {"text": 5}),
)
BACKENDS = {"keras-tf": "tensorflow", "keras-torch": "torch"}
INTERPRETERS = (*BACKENDS, "torch")


def compare_library(interpreter: str, settings: Settings) -> Results:
    """Compare with the programs of one library, for reviews and for a text."""
    if interpreter == "torch":
        settings = replace(
            settings, interpreters={"torch": sys.executable, **settings.interpreters}
        )
    if interpreter not in settings.interpreters:
        yield f"{interpreter}: needs --env {interpreter}=<path of its python>"
        return
    jobs: dict[Kind, tuple[str, ...]] = {"reviews": (*REVIEWS, *settings.imdb)}
    if "ptb" in settings.data:
        jobs["text"] = (*TEXT, settings.path_of("ptb"))
    else:
        yield "language model: needs the files of PTB, --data ptb=<folder>"
    for kind, words in jobs.items():
        with TemporaryDirectory() as folder:
            sizes = write_job(kind, words, settings, Path(folder))
            for peer in PEERS:
                if peer.interpreter == interpreter and kind in peer.steps:
                    yield from compare(kind, peer, words, sizes, settings, Path(folder))


def with_torch(settings: Settings) -> Settings:
    """Return the settings with this interpreter for PyTorch, unless another one is given."""
    return replace(settings, interpreters={"torch": sys.executable, **settings.interpreters})


def keras_tf(settings: Settings) -> Results:
    """Compare with Keras 3 on TensorFlow: the same networks, trained by `fit`."""
    return compare_library("keras-tf", settings)


def keras_torch(settings: Settings) -> Results:
    """Compare with Keras 3 on torch: the same networks, trained by `fit`."""
    return compare_library("keras-torch", settings)


def plain_torch(settings: Settings) -> Results:
    """Compare with plain PyTorch as in its tutorials: the same networks, in a bare loop."""
    return compare_library("torch", settings)


PEER_BENCHMARKS = {"keras-tf": keras_tf, "keras-torch": keras_torch, "torch": plain_torch}


def write_job(kind: Kind, words: tuple[str, ...], settings: Settings, folder: Path) -> Sizes:
    """Write the sizes and the data of our run for the other programs; reviews of two splits."""
    config = compose_config(*words)
    data = build_data(config)
    data.prepare_data()
    data.setup("fit")
    sizes = Sizes(
        num_tokens=int(data.spec.num_tokens or 0),
        embedding_size=config.task["embedding_size"],
        hidden_size=config.model["hidden_size"],
        output_size=data.spec.output_size,
        batch_size=config.data["batch_size"],
        steps=config.data["seq_len"],
        lr=float(config.optimizer["lr"]),
        threads=settings.threads,
    )
    if kind == "text":
        Job(sizes, *read_text(data)).write(folder)
        return sizes
    for split, place in (("train", folder), ("val", validation_folder(folder))):
        Job(sizes, *read_reviews(data, split)).write(place)
    return sizes


def read_reviews(data: Any, split: str) -> tuple[Any, Any, Any]:
    """Return tokens, offsets and labels of the reviews of a split, truncated as in our run."""
    lengths = data.lengths(split)
    tokens = [data.gather(split, np.array([i])).inputs[0].numpy() for i in range(len(lengths))]
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return np.concatenate(tokens).astype(np.int32), offsets, data.labels[split]


def read_text(data: Any) -> tuple[Any, Any, Any]:
    """Return the tokens of the training text; it has no offsets and labels."""
    empty = np.zeros(0, np.int32)
    return np.asarray(data.ids["train"], np.int32), empty, empty


def compare(
    kind: Kind,
    peer: Peer,
    words: tuple[str, ...],
    sizes: Sizes,
    settings: Settings,
    job: Path,
) -> Results:
    """Return the ratios of samples or tokens per CPU second and per second, ours / other."""
    interpreter = settings.interpreters[peer.interpreter]
    with TemporaryDirectory() as our_folder, TemporaryDirectory() as folder:
        ours = training_program(
            ROOT, words, Path(our_folder), OUR_STEPS[kind], settings.threads, UNITS[kind]
        )
        steps = peer.steps[kind]
        other = peer_program(kind, peer, interpreter, job, Path(folder), steps, settings.threads)
        with ours, other:
            check_parameters(peer, sizes, ours, other)
            pairs = alternate(ours, other, settings.seconds)
    yield row(kind, peer, pairs, "cpu")
    yield row(kind, peer, pairs, "wall")


def peer_program(
    kind: Kind, peer: Peer, interpreter: str, job: Path, folder: Path, steps: int, threads: int
) -> Program:
    """Return the program of a library, with `steps` batches in a block."""
    module = f"benchmarks.peers.{peer.module}_{kind}"
    command = [interpreter, "-m", module, str(job), str(steps), peer.option]
    environment = {
        "PYTHONPATH": str(ROOT),
        "KERAS_BACKEND": BACKENDS.get(peer.interpreter, ""),
        "TF_CPP_MIN_LOG_LEVEL": "2",
        **{f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "MKL", "OPENBLAS")},
    }
    return Program(command, folder, environment)


def check_parameters(peer: Peer, sizes: Sizes, *programs: Program) -> None:
    """Check that both networks have the same number of parameters.

    Raises:
        ValueError: they differ, so the comparison has no meaning.
    """
    numbers = [program.parameters for program in programs]
    if numbers != [sizes.parameters] * len(numbers):
        raise ValueError(f"{peer.name}: {numbers} parameters instead of {sizes.parameters}")


def row(kind: Kind, peer: Peer, pairs: list[BlockPair], clock: ClockName) -> Row:
    """Return one row, with the mean losses of the first and the last block."""
    first, last = pairs[0], pairs[-1]
    losses = (
        f"ours {first.ours.loss:.2f} to {last.ours.loss:.2f}, "
        f"other {first.other.loss:.2f} to {last.other.loss:.2f}"
    )
    per = "CPU second" if clock == "cpu" else "second"
    what = f"{TITLES[kind]}, {UNITS[kind]} per {per}: ours / {peer.name} (training loss: {losses})"
    values = [pair.speedup(clock) for pair in pairs]
    bar = peer.bar if clock == "cpu" else None
    return Row(peer.interpreter, what, *describe_speeds(pairs, clock), values, bar, at_least=True)
