"""A run and its repetition: what differs, and whether the results are equal bit for bit."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rnnlab.config.keys import flat

PLACES = frozenset({"output_dir", "run_dir", "resume", "variant", "page"})  # settings of the folder
# Parts of a report that may change a result.
CAUSES = ("versions", "data", "git", "device", "kernel", "threads", "init_from")


@dataclass(frozen=True)
class RunRepetition:
    """A run and its repetition.

    Attributes:
        causes: fact or setting that differs -> its old and its new value.
        scores: name -> old and new value; None where a run lacks it.
        weights_equal: whether the weights that were tested are equal; None without checkpoints.
    """

    causes: Mapping[str, tuple[Any, Any]]
    scores: Mapping[str, tuple[float | None, float | None]]
    weights_equal: bool | None

    @property
    def is_equal(self) -> bool:
        """Whether all scores and the weights are equal bit for bit."""
        equal_scores = all(same(*pair) for pair in self.scores.values())
        return equal_scores and self.weights_equal is not False

    def to_plain(self) -> dict[str, Any]:
        """Return what differs, as plain values with `old` and `new` of each name."""
        pairs = {"causes": self.causes, "scores": self.scores}
        return {
            "is_equal": self.is_equal,
            "weights_equal": self.weights_equal,
            **{
                key: {name: {"old": old, "new": new} for name, (old, new) in part.items()}
                for key, part in pairs.items()
            },
        }

    def describe(self) -> Iterator[str]:
        """Yield what differs, a line each, and the conclusion."""
        for name, (old, new) in self.causes.items():
            yield f"{name}: was {old}, is {new}"
        different = [name for name, pair in self.scores.items() if not same(*pair)]
        weights = {None: "", True: "; the weights are, too", False: "; the weights differ"}
        if different:
            count = f"{len(different)} of {len(self.scores)} scores differ"
            yield f"not equal: {count}: {', '.join(different)}{weights[self.weights_equal]}"
        else:
            count = f"all {len(self.scores)} scores"
            yield f"{count} are equal bit for bit{weights[self.weights_equal]}"


def same(old: float | None, new: float | None) -> bool:
    """Return whether two scores are equal; NaN equals NaN."""
    return old == new or (old != old and new != new)


def compare_repetition(
    reports: tuple[Mapping[str, Any], Mapping[str, Any]],
    configs: tuple[Mapping[str, Any], Mapping[str, Any]],
    weights_equal: bool | None,
) -> RunRepetition:
    """Compare a run with its repetition, from the reports and the configs of both."""
    old, new = ({key: report.get(key) for key in CAUSES} for report in reports)
    settings = [
        {name: value for name, value in flat(dict(config)).items() if name not in PLACES}
        for config in configs
    ]
    facts = differences(flat(old), flat(new))
    causes = {name: pair for name, pair in facts.items() if not name.endswith(".reason")}
    causes |= differences(*settings)
    before, now = map(all_scores, reports)
    scores = {name: (before.get(name), now.get(name)) for name in before | now}
    return RunRepetition(causes, scores, weights_equal)


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the names whose values differ, with both values; what is missing is None.

    >>> differences({"a": 1, "b": 2}, {"a": 1, "b": 3})
    {'b': (2, 3)}
    """
    names = dict.fromkeys([*old, *new])
    return {n: (old.get(n), new.get(n)) for n in names if old.get(n) != new.get(n)}


def all_scores(report: Mapping[str, Any]) -> dict[str, float]:
    """Return the scores of the network and of the baselines, by flat names."""
    baselines = report.get("baselines", {}).items()
    others = {f"{name}: {k}": value for name, part in baselines for k, value in part.items()}
    return {**report.get("scores", {}), **others}
