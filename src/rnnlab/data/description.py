"""What a data set is, as numbers: counted over the very batches that a network would be given."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rnnlab.data.loaders.buckets import BatchLoader
from rnnlab.data.sources.provenance import Provenance
from rnnlab.spec import PADDING_ID, UNKNOWN_ID, Batch, DataSpec, valid_steps

Ints = NDArray[np.int64]
BATCHES_READ = 2000  # of a split; of a longer one every second batch, every third ...
EXAMPLES = 3  # of each split
SHOWN_VALUES = 4  # of the beginning and of the end of an array
SHOWN_TEXT = 240  # characters


@dataclass(frozen=True)
class Example:
    """One target and what stands before it.

    Attributes:
        row: position of the target in its split.
        shown: what the data set itself shows of it; see DataModule.example.
        inputs: as the network reads it, without padding, (T,) or (T, D).
        target: what is to be predicted, without the batch axis.
    """

    row: int
    shown: Mapping[str, Any]
    inputs: NDArray[Any]
    target: NDArray[Any]

    def history(self) -> NDArray[Any]:
        """What was read in the units of the target where the data set shows it, (T, D)."""
        return np.asarray(self.shown.get("history", self.inputs))


@dataclass(frozen=True)
class Moments:
    """Where numbers lie: a value for each variable, (D,).

    Attributes:
        mean: of those that are there.
        std: standard deviation.
        low: the smallest.
        high: the largest.
        missing: share that is no number.
    """

    mean: NDArray[Any]
    std: NDArray[Any]
    low: NDArray[Any]
    high: NDArray[Any]
    missing: NDArray[Any]


class MomentTally:
    """Moments of numbers that come piece by piece."""

    def __init__(self) -> None:
        self.rows = 0

    def add(self, values: NDArray[Any]) -> None:
        """Count (N, D) more numbers, NaN where there is none."""
        if not self.rows:
            size = values.shape[1]
            self.count, self.sums, self.squares = np.zeros((3, size))
            self.low, self.high = np.full(size, np.inf), np.full(size, -np.inf)
            self.origin = np.nan_to_num(values[0].astype(np.float64))  # keeps the squares small
        there = np.isfinite(values)
        moved = np.where(there, values - self.origin, 0)
        self.rows += len(values)
        self.count += there.sum(axis=0)
        self.sums += moved.sum(axis=0)
        self.squares += np.square(moved).sum(axis=0)
        self.low = np.minimum(self.low, np.where(there, values, np.inf).min(axis=0))
        self.high = np.maximum(self.high, np.where(there, values, -np.inf).max(axis=0))

    def moments(self) -> Moments | None:
        """Of all that was counted; None where nothing was."""
        if not self.rows:
            return None
        some = self.count.clip(min=1)
        mean = self.sums / some
        std = np.sqrt((self.squares / some - np.square(mean)).clip(min=0))
        missing = 1 - self.count / self.rows
        return Moments(self.origin + mean, std, self.low, self.high, missing)


@dataclass(frozen=True)
class SplitFacts:
    """One split, counted.

    Attributes:
        targets: number of targets.
        batches: in an epoch.
        read_batches: that were counted for what follows.
        batch_size: sequences in a batch.
        lengths: steps of each sequence as the network reads it, (N,).
        uncut: steps of each sequence before anything was cut, None where nothing is.
        padded_steps: of all batches, padding included.
        tokens: how often each token is read, (num_tokens,); None where the inputs are numbers.
        classes: targets of each class, (classes,); None where the targets are none.
        inputs: the numbers that are read; None where the inputs are tokens.
        outputs: the numbers to predict; None where the targets are none.
        target_lengths: tokens of each sentence to predict, (N,); None where the targets are none.
        examples: some targets, spread over the split.
    """

    targets: int
    batches: int
    read_batches: int
    batch_size: int
    lengths: Ints
    uncut: Ints | None
    padded_steps: int
    tokens: Ints | None
    classes: Ints | None
    inputs: Moments | None
    outputs: Moments | None
    target_lengths: Ints | None
    examples: Sequence[Example]

    @property
    def efficiency(self) -> float:
        """Valid steps / padded steps of these batches."""
        return float(self.lengths.sum() / self.padded_steps)

    @property
    def random_efficiency(self) -> float:
        """The same of batches of random sequences."""
        return random_efficiency(self.lengths, self.batch_size)

    @property
    def unknown(self) -> float:
        """Share of the tokens that are read as <unk>."""
        tokens = np.zeros(UNKNOWN_ID + 1) if self.tokens is None else self.tokens
        return float(tokens[UNKNOWN_ID] / max(tokens.sum(), 1))


def random_efficiency(lengths: Ints, batch_size: int) -> float:
    """Valid steps / padded steps of shuffled sequences, each batch padded to its longest.

    >>> random_efficiency(np.array([4, 4, 4]), 2)
    1.0
    """
    order = np.random.default_rng(0).permutation(len(lengths))
    starts = np.arange(0, len(lengths), batch_size)
    longest = np.maximum.reduceat(lengths[order], starts)
    sizes = np.diff([*starts, len(lengths)])
    return float(lengths.sum() / (longest * sizes).sum())


@dataclass(frozen=True)
class Description:
    """What a data set is.

    Attributes:
        kind: name of its class.
        tasks: names of the tasks that its targets fit.
        provenance: what was read.
        spec: sizes.
        input_names: of each token by its id, or of each feature of a step; may be empty.
        output_names: of each token to be predicted, by its id; may be empty.
        splits: split -> what was counted.
        extra: what else the data set says of itself, a line each.
    """

    kind: str
    tasks: Sequence[str]
    provenance: Provenance
    spec: DataSpec
    input_names: Sequence[str]
    output_names: Sequence[str]
    splits: Mapping[str, SplitFacts]
    extra: Mapping[str, str] = field(default_factory=dict)

    def feature_names(self) -> list[str]:
        """A name for each feature of a step, where the inputs are numbers."""
        known = self.input_names or self.spec.variables
        size = int(self.spec.input_size or 0)
        return list(known) if len(known) == size else [f"input {i + 1}" for i in range(size)]

    def variable_names(self) -> list[str]:
        """A name for each variable to predict, where the targets are numbers."""
        size = self.spec.output_size
        return list(self.spec.variables) or [f"target {i + 1}" for i in range(size)]

    def class_names(self) -> list[str]:
        """A name for each class."""
        return list(self.spec.class_names) or [str(i) for i in range(self.spec.output_size)]

    def plain(self) -> dict[str, Any]:
        """As plain values, for a file or the screen."""
        return {
            "class": self.kind,
            "tasks": list(self.tasks),
            "data": self.provenance.plain(),
            "line": self.provenance.line(),
            "spec": self.plain_spec(),
            "extra": dict(self.extra),
            "splits": {split: self.plain_split(facts) for split, facts in self.splits.items()},
        }

    def plain_spec(self) -> dict[str, Any]:
        """The sizes that are not what they are anyway."""
        usual = asdict(DataSpec(0))
        return {name: v for name, v in asdict(self.spec).items() if v and v != usual[name]}

    def plain_split(self, facts: SplitFacts) -> dict[str, Any]:
        """One split as plain values; what it has not is left out."""
        known: dict[str, Any] = {
            "targets": facts.targets,
            "batches": facts.batches,
            "read_batches": facts.read_batches,
            "batch_size": facts.batch_size,
            "steps": spread(facts.lengths),
            "efficiency": facts.efficiency,
            "random_efficiency": facts.random_efficiency,
            "examples": [self.plain_example(example) for example in facts.examples],
        }
        if facts.uncut is not None:
            known["steps_uncut"] = spread(facts.uncut)
            known["cut"] = float((facts.uncut > facts.lengths.max()).mean())
        if facts.tokens is not None:
            total, distinct = int(facts.tokens.sum()), int((facts.tokens > 0).sum())
            known["tokens"] = {"read": total, "distinct": distinct, "unknown": facts.unknown}
        if facts.target_lengths is not None:
            known["target_tokens"] = spread(facts.target_lengths)
        if facts.classes is not None:
            counts = facts.classes.tolist()
            known["classes"] = dict(zip(self.class_names(), counts, strict=True))
        if facts.inputs is not None:
            known["inputs"] = plain_moments(facts.inputs, self.feature_names())
        if facts.outputs is not None:
            known["outputs"] = plain_moments(facts.outputs, self.variable_names())
        return known

    def plain_example(self, example: Example) -> dict[str, Any]:
        """An example in words."""
        target = example.target
        is_class = not np.issubdtype(target.dtype, np.floating) and self.spec.class_names
        return {
            "row": example.row,
            "shown": {name: in_words(value) for name, value in example.shown.items()},
            "read": in_words(example.inputs, self.input_names if self.spec.num_tokens else ()),
            "target": in_words(target, self.class_names() if is_class else self.output_names),
        }


def spread(lengths: Ints) -> dict[str, float]:
    """Where these numbers lie."""
    low, median, high = np.percentile(lengths, [5, 50, 95])
    return {
        "min": float(lengths.min()),
        "5%": float(low),
        "median": float(median),
        "mean": float(lengths.mean()),
        "95%": float(high),
        "max": float(lengths.max()),
    }


def plain_moments(moments: Moments, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """The moments of each variable by its name."""
    return {
        name: {kind: float(values[i]) for kind, values in vars(moments).items()}
        for i, name in enumerate(names)
    }


def in_words(value: Any, names: Sequence[str] = ()) -> str:
    """A value as a short text; whole numbers by their names, where they have some.

    >>> in_words(np.array([1, 0]), ["a", "b"]), in_words(np.arange(12.0))
    ('b a', '0 1 2 3 ... 8 9 10 11')
    """
    if isinstance(value, np.ndarray | Tensor):
        flat = np.asarray(value)
        if names and not np.issubdtype(flat.dtype, np.floating):
            value = " ".join(names[i] for i in flat.ravel() if i < len(names))
        else:
            value = few_numbers(flat)
    text = str(value)
    return text if len(text) <= SHOWN_TEXT else f"{text[:SHOWN_TEXT]} ..."


def few_numbers(values: NDArray[Any]) -> str:
    """The first and the last numbers of (T,); of (T, D) one such list for each variable."""
    if values.ndim > 1:
        columns = values.reshape(len(values), -1).T
        return "; ".join(few_numbers(column) for column in columns)
    words = [f"{value:.4g}" for value in values.ravel()]
    if len(words) > 2 * SHOWN_VALUES:
        words = [*words[:SHOWN_VALUES], "...", *words[-SHOWN_VALUES:]]
    return " ".join(words)


class Tally:
    """Counts batches of one split.

    Args:
        spec: sizes of the data.
    """

    def __init__(self, spec: DataSpec) -> None:
        self.spec = spec
        self.lengths: list[NDArray[Any]] = []
        self.inputs, self.outputs = MomentTally(), MomentTally()
        self.targets: list[NDArray[Any]] = []
        self.tokens = np.zeros(spec.num_tokens or 0, dtype=np.int64)
        self.padded_steps = self.batches = 0

    def add(self, batch: Batch) -> None:
        """Count one more batch."""
        valid = batch.inputs[valid_steps(batch.lengths, batch.inputs.shape[1])].numpy()
        self.batches += 1
        self.padded_steps += batch.inputs.shape[0] * batch.inputs.shape[1]
        self.lengths.append(batch.lengths.numpy())
        if self.spec.num_tokens:
            self.tokens += np.bincount(valid, minlength=self.spec.num_tokens)
        else:
            self.inputs.add(valid)
        self._add_targets(batch)

    def _add_targets(self, batch: Batch) -> None:
        targets = batch.targets.numpy()
        self.kind = kind_of_targets(batch, self.spec)
        if self.kind == "values":
            self.outputs.add(targets.reshape(-1, targets.shape[-1]))
        if self.kind == "sentences":
            self.targets.append((targets != PADDING_ID).sum(axis=1))
        if self.kind == "classes":
            self.targets.append(targets.ravel())

    def facts(self, loader: BatchLoader, size: int, batch_size: int) -> dict[str, Any]:
        """What was counted, as arguments of SplitFacts."""
        targets = np.concatenate(self.targets) if self.targets else np.empty(0)
        classes = self.spec.output_size
        return {
            "targets": size,
            "batches": len(loader),
            "read_batches": self.batches,
            "batch_size": batch_size,
            "lengths": np.concatenate(self.lengths),
            "padded_steps": self.padded_steps,
            "tokens": self.tokens if self.spec.num_tokens else None,
            "inputs": self.inputs.moments(),
            "outputs": self.outputs.moments(),
            "classes": np.bincount(targets, minlength=classes) if self.kind == "classes" else None,
            "target_lengths": targets if self.kind == "sentences" else None,
        }


def kind_of_targets(batch: Batch, spec: DataSpec) -> str:
    """What a batch asks for: values | classes | stream (the token behind each step) | sentences."""
    if batch.targets.is_floating_point():
        return "values"
    if batch.targets.ndim == 1 or spec.class_names:
        return "classes"
    return "stream" if batch.rows.ndim == 2 else "sentences"


def every_nth(loader: BatchLoader) -> tuple[list[int], int]:
    """The batches that examples are taken from, and how far apart those lie that are counted."""
    apart = -(-len(loader) // BATCHES_READ)
    read = -(-len(loader) // apart)
    return sorted({(2 * i + 1) * read // (2 * EXAMPLES) for i in range(EXAMPLES)}), apart


def count_split(loader: BatchLoader, spec: DataSpec) -> tuple[Tally, list[Batch]]:
    """Count the batches of a split; gives those that examples are taken from, too."""
    tally, kept = Tally(spec), []
    wanted, apart = every_nth(loader)
    for i, batch in enumerate(islice(iter(loader), 0, None, apart)):
        tally.add(batch)
        if i in wanted:
            kept.append(batch)
    return tally, kept


def middle(batch: Batch, spec: DataSpec) -> tuple[int, NDArray[Any], NDArray[Any]]:
    """Row, inputs and target of the sequence in the middle of a batch, without padding."""
    i = len(batch.lengths) // 2
    inputs = batch.inputs[i, : batch.lengths[i]]
    target = batch.targets[i] if batch.rows.ndim == 1 else batch.targets[i, :1]
    if kind_of_targets(batch, spec) == "sentences":
        target = target[target != PADDING_ID]
    return int(batch.rows[i].flatten()[0]), inputs.numpy(), np.atleast_1d(target.numpy())
