"""Labels of texts: which writings of a label are the same class.

"pos" and "pos ", "1" and "1.0", "True" and "true" are written differently by different programs.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Literal

from rnnlab.data.text.labelled_texts import LabelledTexts
from rnnlab.errors import DataError

LabelMatching = Literal["auto", "exact", "loose"]
BOOLEANS = {"true": "1", "false": "0"}
WHOLE_NUMBER = re.compile(r"(-?(?:0|[1-9]\d*))\.0*")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?")
SEPARATORS = re.compile(r"(?<=[^\W_])[\s_-]+(?=[^\W_])")
INVISIBLE = "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u00ad"  # marks and joiners
MISSING = frozenset({"na", "#na", "#n/a", "<na>", "nat"})  # in some programs
MAX_EXAMPLES = 5


def trim_label(label: str) -> str:
    r"""Return a label without white space and invisible characters around it, in NFC.

    >>> trim_label(" not  spam\u200b")
    'not spam'
    """
    text = " ".join(unicodedata.normalize("NFC", label).split())
    return text.strip(INVISIBLE).strip()


def canonical_label(label: str) -> str:
    """Return a key that is equal for writings of a label that certainly mean the same.

    >>> [canonical_label(label) for label in ("pos ", "1.0", "TRUE", "Pos")]
    ['pos', '1', 'true', 'Pos']
    """
    text = trim_label(label)
    if match := WHOLE_NUMBER.fullmatch(text):
        text = match[1]
    return text.lower() if text.lower() in BOOLEANS else text


def loose_label(label: str) -> str:
    """Return a key that is equal for writings of a label that may mean the same.

    >>> [loose_label(label) for label in ("Pos", "01", "true", "1.10", "not_spam", "not-spam")]
    ['pos', '1', '1', '1.1', 'not spam', 'not spam']
    """
    text = unicodedata.normalize("NFKC", canonical_label(label)).casefold()
    if NUMBER.fullmatch(text):
        return f"{float(text):.15g}"
    return BOOLEANS.get(text) or SEPARATORS.sub(" ", text)


def find_label(name: str, labels: Sequence[str]) -> str | None:
    """Return the label that a user has typed, perhaps in another writing; None if there is none."""
    if name in labels:
        return name
    for key in (canonical_label, loose_label):
        matches = [label for label in labels if key(label) == key(name)]
        if matches:
            return matches[0] if len(matches) == 1 else None
    return None


LABEL_KEYS: dict[LabelMatching, list[Callable[[str], str]]] = {
    "exact": [str],
    "auto": [str, canonical_label],
    "loose": [str, canonical_label, loose_label],
}


def match_class(
    label: str, labels: Sequence[str], names: Sequence[str], matching: LabelMatching
) -> int | None:
    """Return the position of the class of a label in a new file; None if there is none.

    >>> match_class("1.0", ["0", "1"], ["bad", "good"], "auto")
    1
    >>> match_class("Good", ["0", "1"], ["bad", "good"], "auto")

    Args:
        label: as it is written, perhaps the display name of a class.
        labels: of the training, in the order of the classes.
        names: display names of the classes.
        matching: see match_labels; what auto rejects in training has no class.
    """
    for key in LABEL_KEYS[matching]:
        for choices in (labels, names):
            matches = [i for i, choice in enumerate(choices) if key(choice) == key(label)]
            if len(matches) == 1:
                return matches[0]
    return None


def name_classes(
    labels: Sequence[str], class_names: Mapping[str, str]
) -> tuple[tuple[str, ...], list[str]]:
    """Return the display name of each label, and the keys of `class_names` that are no label.

    There are no such keys if the labels themselves are display names.

    Raises:
        DataError: two labels have one name.
    """
    matches = {key: find_label(key, labels) for key in class_names}
    chosen_names = {label: class_names[key] for key, label in matches.items() if label is not None}
    names = tuple(chosen_names.get(label, label) for label in labels)
    for name, count in Counter(names).items():
        if count > 1:
            same = [label for label, other in zip(labels, names, strict=True) if other == name]
            raise DataError(
                f"data.class_names: the labels {', '.join(same)} have one name, {name}. Give each "
                "its own, or join the labels in the file"
            )
    others = [key for key, label in matches.items() if label is None]
    return names, [] if set(class_names.values()) <= set(labels) else others


def unify_labels(
    parts: Mapping[str, LabelledTexts], matching: LabelMatching, notes: list[str]
) -> dict[str, LabelledTexts]:
    """Return the parts of a data set with one writing of each label; see match_labels."""
    labels = chain.from_iterable(part.labels for part in parts.values())
    names = ", ".join(dict.fromkeys(part.name for part in parts.values()))
    classes = match_labels(labels, matching, notes, names)
    return {
        name: replace(part, labels=[classes[label] for label in part.labels])
        for name, part in parts.items()
    }


def check_training_labels(
    splits: Mapping[str, LabelledTexts], own: Collection[str], notes: list[str]
) -> None:
    """Check that training has labels of each other split; note those that it does not have.

    Args:
        splits: train, val and test.
        own: splits of the user's own files; the others were drawn.
        notes: receives the labels.

    Raises:
        DataError: none of the labels of a split occurs in training.
    """
    training = set(splits["train"].labels)
    absent: set[str] = set()
    for split, texts in splits.items():
        labels = set(texts.labels)
        if labels and not labels & training:
            advice = (
                "Write the labels alike in all files, or name another column with data.label_column"
                if split in own
                else f"Add texts of each label, or increase data.{split}_fraction"
            )
            raise DataError(
                f"{texts.name}: no label of the {split} split occurs in training. It has "
                f"{_list_labels(labels)}, but training has {_list_labels(training)}. {advice}"
            )
        absent |= labels - training
    if absent:
        notes.append(f"no training text has the label {_list_names(absent)}")


def note_untested_labels(splits: Mapping[str, LabelledTexts], notes: list[str]) -> None:
    """Note the labels that the user's own test split does not have, unless it has one alone."""
    labels = set(splits["test"].labels)
    rest = set(splits["train"].labels) - labels
    if rest and len(labels) > 1:
        notes.append(f"no test text has the label {_list_names(rest)}")


def _list_labels(labels: Iterable[str]) -> str:
    return _list_names(repr(name[:40]) for name in labels)


def _list_names(names: Iterable[str]) -> str:
    first, *others = sorted(names)
    rest = f" and {len(others) + 1 - MAX_EXAMPLES:,} more" if len(others) >= MAX_EXAMPLES else ""
    return ", ".join([first, *others][:MAX_EXAMPLES]) + rest


def match_labels(
    labels: Iterable[str], matching: LabelMatching, notes: list[str], place: str
) -> dict[str, str]:
    """Return the class of each different label, in its most frequent writing; note joined ones.

    Args:
        labels: of all texts.
        matching: auto (join what certainly means the same, and reject what may) | exact (join
            nothing) | loose (join what may mean the same).
        notes: receives the labels that are joined.
        place: the file, for errors.

    Raises:
        DataError: with auto, labels may mean the same.
    """
    counts = Counter(labels)
    if matching == "exact":
        return {label: label for label in counts}
    classes = _choose_writings(counts, loose_label if matching == "loose" else canonical_label)
    if matching == "auto":
        _check_doubtful(counts, classes, place)
    writings: dict[str, list[str]] = {}
    for label, name in classes.items():
        writings.setdefault(name, []).append(label)
    groups = [sorted(group) for _, group in sorted(writings.items()) if len(group) > 1]
    if groups:
        notes.append(f"labels that differ in writing only were joined: {_list(groups, counts)}")
    return classes


def _choose_writings(counts: Mapping[str, int], key: Callable[[str], str]) -> dict[str, str]:
    """Return the most frequent writing, trimmed, of the labels with the same key."""
    frequent: dict[str, str] = {}
    for label in sorted(counts, key=lambda label: (-counts[label], label)):
        frequent.setdefault(key(label), trim_label(label))
    return {label: frequent[key(label)] for label in counts}


def _check_doubtful(counts: Mapping[str, int], classes: Mapping[str, str], name: str) -> None:
    for label in sorted(counts):
        if trim_label(label).lower() in MISSING:
            raise DataError(
                f"{name}: the label {label!r} ({counts[label]:,} texts) may be a missing value. "
                "Remove these rows, or set data.label_matching=exact if it is a class"
            )
    groups: dict[str, dict[str, list[str]]] = {}
    for label in sorted(counts):
        groups.setdefault(loose_label(label), {}).setdefault(classes[label], []).append(label)
    doubtful = [
        [label for members in group.values() for label in members]
        for group in groups.values()
        if len(group) > 1
    ]
    if doubtful:
        raise DataError(
            f"{name}: labels differ in writing only: {_list(doubtful, counts)}. "
            "Set data.label_matching=loose if these are one class, or data.label_matching=exact if "
            "each writing is a class of its own"
        )


def _list(groups: list[list[str]], counts: Mapping[str, int]) -> str:
    """Return groups of labels, each with its number of texts, for messages."""
    texts = [
        " and ".join(f"{label[:40]!r} ({counts[label]:,} texts)" for label in group[:MAX_EXAMPLES])
        for group in groups[:MAX_EXAMPLES]
    ]
    rest = len(groups) - len(texts)
    return "; ".join(texts) + (f"; and {rest:,} more" if rest else "")
