"""Splits of labelled texts that have none: random, stratified, or folds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rnnlab.data.base import Split
from rnnlab.data.loaders.splits import number_groups, split_by_group, stratified_split
from rnnlab.data.readers.cells import is_missing
from rnnlab.data.text.labelled_texts import LabelledTexts, normalize_digits, normalize_text
from rnnlab.data.text.spooled_texts import number_texts, take_rows
from rnnlab.errors import DataError
from rnnlab.spec import Ints

SIZE_TOLERANCE = 0.1  # share of a split by which groups may change its size without a note


@dataclass(frozen=True)
class LabelSplits:
    """Settings of the splits of labelled texts; see TextClassificationDataModule.

    Attributes:
        val, test: shares.
        stratify, group_templates, folds, fold, seed: settings of the same names.
    """

    val: float
    test: float
    stratify: bool
    group_templates: bool
    folds: int | None
    fold: int
    seed: int

    def draw(
        self, texts: LabelledTexts, splits: Sequence[Split], notes: list[str]
    ) -> dict[Split, Ints]:
        """Return the rows of train and of these splits.

        Groups, equal texts and texts of one template stay together.

        Args:
            texts: to split.
            splits: of val and test.
            notes: receives the number of texts without a group, and a split of another size.

        Raises:
            DataError: a split would be empty.
        """
        groups = self._number_groups(texts, notes)
        shares = {split: {"val": self.val, "test": self.test}[split] for split in splits}
        rows = self._draw(groups, texts.labels, shares)
        self._check_sizes(texts, rows, notes)
        return rows

    def _draw(
        self, groups: Ints, labels: Sequence[str], shares: Mapping[Split, float]
    ) -> dict[Split, Ints]:
        if self.folds:
            return self._draw_fold(groups, labels, self.folds)
        if self.stratify:
            shares = {"train": 1 - sum(shares.values()), **shares}
            return stratified_split(groups, labels, shares, self.seed)
        sizes = {split: round(share * len(labels)) for split, share in shares.items()}
        return split_by_group(groups, sizes, self.seed)

    def _draw_fold(self, groups: Ints, labels: Sequence[str], folds: int) -> dict[Split, Ints]:
        equal_shares = {str(fold): 1.0 for fold in range(folds)}
        parts = stratified_split(groups, labels, equal_shares, self.seed)
        test = parts.pop(str(self.fold))
        rest = np.sort(np.concatenate(list(parts.values())))
        shares = {"train": 1 - self.val, "val": self.val}
        inner = stratified_split(groups[rest], take_rows(labels, rest), shares, self.seed)
        return {**{split: rest[rows] for split, rows in inner.items()}, "test": test}

    def _number_groups(self, texts: LabelledTexts, notes: list[str]) -> Ints:
        """Return the group of each text, (N,); those without one are grouped by their text."""
        if texts.groups is None:
            return self._number_texts(texts.texts)
        lacks_group = np.array(list(map(is_missing, texts.groups)))
        groups = number_groups(texts.groups)
        if not lacks_group.any():
            return groups
        count = int(lacks_group.sum())
        notes.append(f"{count:,} texts of {texts.name} without a group are groups of their own")
        return np.where(lacks_group, len(groups) + self._number_texts(texts.texts), groups)

    def _number_texts(self, texts: Sequence[str]) -> Ints:
        """Return equal numbers for texts that are equal, or of one template, (N,)."""
        if self._uses_templates():
            return number_texts(texts, normalize_digits)
        exact, equal = number_texts(texts), number_texts(texts, normalize_text)
        first = np.full(len(equal), len(equal))
        np.minimum.at(first, equal, exact)
        return first[equal]

    def _uses_templates(self) -> bool:
        return self.group_templates and bool(self.stratify or self.folds)

    def _check_sizes(
        self, texts: LabelledTexts, rows: Mapping[Split, Ints], notes: list[str]
    ) -> None:
        """Check that no split is empty, and note those whose size is not the one asked for."""
        total = len(texts.texts)
        targets, sizes = self._target_sizes(total, rows), {s: len(rows[s]) for s in rows}
        if empty := [split for split in targets if not sizes[split]]:
            advice = self._explain_groups(texts) or self._explain_shares(total, empty)
            raise DataError(
                f"{texts.name}: {total:,} texts leave none for {' and '.join(empty)}{advice}"
            )
        changes = [
            f"{sizes[split]:,} instead of {target:,.0f} {split}"
            for split, target in targets.items()
            if abs(sizes[split] - target) > max(1, SIZE_TOLERANCE * target)
        ]
        if changes and (advice := self._explain_groups(texts)):
            notes.append(f"{', '.join(changes)} texts{advice}")

    def _target_sizes(self, total: int, splits: Mapping[Split, Ints]) -> dict[Split, float]:
        test = 1 / self.folds if self.folds else self.test
        shares = {"test": test, "val": self.val * (1 - test) if self.folds else self.val}
        held_out = {split: shares[split] * total for split in shares if split in splits}
        return {"train": total - sum(held_out.values()), **held_out}

    def _explain_shares(self, total: int, empty: Sequence[Split]) -> str:
        """Return the settings with which no split is empty, if there are enough texts."""
        if total <= (2 if self.folds else 3):
            return "; add some"
        if self.folds and "test" in empty:
            return f"; add some, or set data.folds={total // 2}"
        share = math.ceil(100 / (total - total // (self.folds or total + 1))) / 100
        settings = [f"data.{split}_fraction={min(share, 0.3):g}" for split in ("val", "test")]
        return f"; add some, or set {' '.join(settings[: 1 if self.folds else 2])}"

    def _explain_groups(self, texts: LabelledTexts) -> str:
        """Return which texts stay together and the setting that splits them; empty for none."""
        if texts.groups is not None:
            count = len(set(texts.groups))
            return (
                f", as the texts of a group stay in one split and there are {count:,} groups. "
                "Name another column with data.group_column, or set data.group_column=null"
            )
        different, templates = (
            int(number_texts(texts.texts, key).max()) + 1
            for key in (normalize_text, normalize_digits)
        )
        if not self._uses_templates() or templates == different:
            return ""
        return (
            f", as the {different:,} different texts are only {templates:,} apart from their "
            "numbers, and texts that differ in numbers only stay in one split. Set "
            "data.group_templates=false to separate them"
        )
