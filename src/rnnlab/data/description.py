"""Description of a data set in numbers, counted over the batches that a network reads."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rnnlab.data.loaders.buckets import ResumableLoader
from rnnlab.data.sources.provenance import Provenance
from rnnlab.spec import PADDING_ID, UNKNOWN_ID, Batch, DataSpec, Ints, valid_steps

MAX_BATCHES = 2000  # that are counted, evenly spaced in longer splits
SPLIT_EXAMPLES = 3  # of each split
EDGE_VALUES = 4  # of the beginning and of the end of an array
MAX_TEXT = 240  # characters


@dataclass(frozen=True)
class Example:
    """One target with its inputs.

    Attributes:
        row: position of the target in its split.
        context: see DataModule.example.
        inputs: of the network, without padding, (T,) or (T, D).
        target: without the batch axis.
    """

    row: int
    context: Mapping[str, Any]
    inputs: NDArray[Any]
    target: NDArray[Any]

    def history(self) -> NDArray[Any]:
        """Return the inputs, in the units of the target if the data set provides them, (T, D)."""
        return np.asarray(self.context.get("history", self.inputs))


@dataclass(frozen=True)
class Moments:
    """Statistics of each variable over its finite numbers, (D,), and the share of missing ones."""

    mean: NDArray[Any]
    std: NDArray[Any]
    low: NDArray[Any]
    high: NDArray[Any]
    missing: NDArray[Any]


class MomentCounter:
    """Running moments of numbers."""

    def __init__(self) -> None:
        self.rows = 0

    def add(self, values: NDArray[Any]) -> None:
        """Add numbers (N, D), NaN where there is none."""
        if not self.rows:
            size = values.shape[1]
            self.count, self.sums, self.squares = np.zeros((3, size))
            self.low, self.high = np.full(size, np.inf), np.full(size, -np.inf)
            self.origin = np.nan_to_num(values[0].astype(np.float64))  # keeps the squares small
        valid = np.isfinite(values)
        offsets = np.where(valid, values - self.origin, 0)
        self.rows += len(values)
        self.count += valid.sum(axis=0)
        self.sums += offsets.sum(axis=0)
        self.squares += np.square(offsets).sum(axis=0)
        self.low = np.minimum(self.low, np.where(valid, values, np.inf).min(axis=0))
        self.high = np.maximum(self.high, np.where(valid, values, -np.inf).max(axis=0))

    def moments(self) -> Moments | None:
        """Return the moments of all numbers; None if there are none."""
        if not self.rows:
            return None
        count = self.count.clip(min=1)
        mean = self.sums / count
        std = np.sqrt((self.squares / count - np.square(mean)).clip(min=0))
        missing = 1 - self.count / self.rows
        return Moments(self.origin + mean, std, self.low, self.high, missing)


@dataclass(frozen=True)
class SplitFacts:
    """Facts of one split.

    Attributes:
        targets: number of targets.
        batches: number of batches in an epoch.
        batch_size: sequences in a batch.
        original_lengths: steps of each sequence before truncation, (N,); None without truncation.
        examples: some targets, spread over the split.
        read_batches: number of batches that the following facts are counted over.
        lengths: steps of each sequence, (N,).
        padded_steps: steps of all batches, padding included.
        tokens: number of times that each input token occurs, (num_tokens,); None for numbers.
        classes: targets of each class, (classes,); None without classes.
        inputs: statistics of the input features; None for tokens.
        outputs: statistics of the target variables; None without numbers.
        target_lengths: tokens of each target sentence, (N,); None without sentences.
    """

    targets: int
    batches: int
    batch_size: int
    original_lengths: Ints | None
    examples: Sequence[Example]
    read_batches: int
    lengths: Ints
    padded_steps: int
    tokens: Ints | None
    classes: Ints | None
    inputs: Moments | None
    outputs: Moments | None
    target_lengths: Ints | None

    @property
    def efficiency(self) -> float:
        """Valid steps / padded steps of the batches."""
        return float(self.lengths.sum() / self.padded_steps)

    @property
    def random_efficiency(self) -> float:
        """Valid steps / padded steps of batches of random sequences."""
        return random_efficiency(self.lengths, self.batch_size)

    @property
    def unknown_share(self) -> float:
        """Share of the input tokens that are <unk>."""
        tokens = np.zeros(UNKNOWN_ID + 1) if self.tokens is None else self.tokens
        return float(tokens[UNKNOWN_ID] / max(tokens.sum(), 1))


def random_efficiency(lengths: Ints, batch_size: int) -> float:
    """Return valid steps / padded steps of shuffled sequences.

    Each batch is padded to its longest sequence.

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
    """Description of a data set; see DataModule for the names.

    Attributes:
        splits: split -> its facts.
        extra: more facts of this data set, one line each.
    """

    class_name: str
    tasks: Sequence[str]
    provenance: Provenance
    spec: DataSpec
    input_names: Sequence[str]
    output_names: Sequence[str]
    splits: Mapping[str, SplitFacts]
    extra: Mapping[str, str] = field(default_factory=dict)

    def feature_names(self) -> list[str]:
        """Return a name for each input feature, if the inputs are numbers."""
        names = self.input_names or self.spec.variables
        size = int(self.spec.input_size or 0)
        return list(names) if len(names) == size else [f"input {i + 1}" for i in range(size)]

    def variable_names(self) -> list[str]:
        """Return a name for each target variable, if the targets are numbers."""
        size = self.spec.output_size
        return list(self.spec.variables) or [f"target {i + 1}" for i in range(size)]

    def class_names(self) -> list[str]:
        """Return a name for each class."""
        return list(self.spec.class_names) or [str(i) for i in range(self.spec.output_size)]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for a file or the console."""
        return {
            "class": self.class_name,
            "tasks": list(self.tasks),
            "data": self.provenance.plain(),
            "line": self.provenance.line(),
            "spec": self._spec_to_dict(),
            "extra": dict(self.extra),
            "splits": {split: self._split_to_dict(facts) for split, facts in self.splits.items()},
        }

    def _spec_to_dict(self) -> dict[str, Any]:
        """Return the sizes that differ from the defaults."""
        default = asdict(DataSpec(0))
        return {name: v for name, v in asdict(self.spec).items() if v and v != default[name]}

    def _split_to_dict(self, facts: SplitFacts) -> dict[str, Any]:
        """Return the facts of one split, without those that are None."""
        plain: dict[str, Any] = {
            "targets": facts.targets,
            "batches": facts.batches,
            "read_batches": facts.read_batches,
            "batch_size": facts.batch_size,
            "steps": summarize_lengths(facts.lengths),
            "efficiency": facts.efficiency,
            "random_efficiency": facts.random_efficiency,
            "examples": [self._example_to_dict(example) for example in facts.examples],
        }
        if facts.original_lengths is not None:
            plain["steps_uncut"] = summarize_lengths(facts.original_lengths)
            plain["cut"] = float((facts.original_lengths > facts.lengths.max()).mean())
        if facts.tokens is not None:
            total, distinct = int(facts.tokens.sum()), int((facts.tokens > 0).sum())
            unknown = facts.unknown_share
            plain["tokens"] = {"read": total, "distinct": distinct, "unknown": unknown}
        if facts.target_lengths is not None:
            plain["target_tokens"] = summarize_lengths(facts.target_lengths)
        if facts.classes is not None:
            counts = facts.classes.tolist()
            plain["classes"] = dict(zip(self.class_names(), counts, strict=True))
        if facts.inputs is not None:
            plain["inputs"] = moments_to_dict(facts.inputs, self.feature_names())
        if facts.outputs is not None:
            plain["outputs"] = moments_to_dict(facts.outputs, self.variable_names())
        return plain

    def _example_to_dict(self, example: Example) -> dict[str, Any]:
        target = example.target
        is_class = not np.issubdtype(target.dtype, np.floating) and self.spec.class_names
        return {
            "row": example.row,
            "shown": {name: format_value(value) for name, value in example.context.items()},
            "read": format_value(example.inputs, self.input_names if self.spec.num_tokens else ()),
            "target": format_value(target, self.class_names() if is_class else self.output_names),
        }


def summarize_lengths(lengths: Ints) -> dict[str, float]:
    """Return mean, extrema and quantiles."""
    low, median, high = np.percentile(lengths, [5, 50, 95])
    return {
        "min": float(lengths.min()),
        "5%": float(low),
        "median": float(median),
        "mean": float(lengths.mean()),
        "95%": float(high),
        "max": float(lengths.max()),
    }


def moments_to_dict(moments: Moments, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the moments of each variable by its name."""
    return {
        name: {kind: float(values[i]) for kind, values in vars(moments).items()}
        for i, name in enumerate(names)
    }


def format_value(value: Any, names: Sequence[str] = ()) -> str:
    """Return a value as a short text; integers by their names if there are any.

    >>> format_value(np.array([1, 0]), ["a", "b"]), format_value(np.arange(12.0))
    ('b a', '0 1 2 3 ... 8 9 10 11')
    """
    if isinstance(value, np.ndarray | Tensor):
        flat = np.asarray(value)
        if names and not np.issubdtype(flat.dtype, np.floating):
            value = " ".join(names[i] for i in flat.ravel() if i < len(names))
        else:
            value = format_numbers(flat)
    text = str(value)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]} ..."


def format_numbers(values: NDArray[Any]) -> str:
    """Return the first and last numbers of (T,), or of each variable of (T, D)."""
    if values.ndim > 1:
        columns = values.reshape(len(values), -1).T
        return "; ".join(format_numbers(column) for column in columns)
    words = [f"{value:.4g}" for value in values.ravel()]
    if len(words) > 2 * EDGE_VALUES:
        words = [*words[:EDGE_VALUES], "...", *words[-EDGE_VALUES:]]
    return " ".join(words)


class BatchCounter:
    """Counter of the batches of one split."""

    def __init__(self, spec: DataSpec) -> None:
        self.spec = spec
        self.lengths: list[NDArray[Any]] = []
        self.inputs, self.outputs = MomentCounter(), MomentCounter()
        self.targets: list[NDArray[Any]] = []
        self.tokens = np.zeros(spec.num_tokens or 0, dtype=np.int64)
        self.padded_steps = self.batches = 0

    def add(self, batch: Batch) -> None:
        """Count a batch."""
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
        self.kind = target_kind(batch, self.spec)
        if self.kind == "values":
            self.outputs.add(targets.reshape(-1, targets.shape[-1]))
        if self.kind == "sentences":
            self.targets.append((targets != PADDING_ID).sum(axis=1))
        if self.kind == "classes":
            self.targets.append(targets.ravel())

    def facts(self, **more: Any) -> SplitFacts:
        """Return the facts of the split; `more` has those of SplitFacts up to `examples`."""
        targets = np.concatenate(self.targets) if self.targets else np.empty(0, dtype=np.int64)
        classes = self.spec.output_size
        return SplitFacts(
            **more,
            read_batches=self.batches,
            lengths=np.concatenate(self.lengths),
            padded_steps=self.padded_steps,
            tokens=self.tokens if self.spec.num_tokens else None,
            inputs=self.inputs.moments(),
            outputs=self.outputs.moments(),
            classes=np.bincount(targets, minlength=classes) if self.kind == "classes" else None,
            target_lengths=targets if self.kind == "sentences" else None,
        )


def target_kind(batch: Batch, spec: DataSpec) -> str:
    """Return the kind of the targets: values | classes | stream (the next tokens) | sentences."""
    if batch.targets.is_floating_point():
        return "values"
    if batch.targets.ndim == 1 or spec.class_names:
        return "classes"
    return "stream" if batch.rows.ndim == 2 else "sentences"


def count_split(loader: ResumableLoader, spec: DataSpec) -> tuple[BatchCounter, list[Batch]]:
    """Count the batches of a split, and return those that give examples too."""
    counter, batches = BatchCounter(spec), []
    stride = -(-len(loader) // MAX_BATCHES)
    count = -(-len(loader) // stride)  # of batches that are read
    positions = {(2 * i + 1) * count // (2 * SPLIT_EXAMPLES) for i in range(SPLIT_EXAMPLES)}
    for i, batch in enumerate(islice(iter(loader), 0, None, stride)):
        counter.add(batch)
        if i in positions:
            batches.append(batch)
    return counter, batches


def middle_sequence(batch: Batch, spec: DataSpec) -> tuple[int, NDArray[Any], NDArray[Any]]:
    """Return row, inputs and target of the sequence in the middle of a batch, without padding."""
    i = len(batch.lengths) // 2
    inputs = batch.inputs[i, : batch.lengths[i]]
    target = batch.targets[i] if batch.rows.ndim == 1 else batch.targets[i, :1]
    if target_kind(batch, spec) == "sentences":
        target = target[target != PADDING_ID]
    return int(batch.rows[i].flatten()[0]), inputs.numpy(), np.atleast_1d(target.numpy())
