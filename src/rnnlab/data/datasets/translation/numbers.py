"""Numbers in the words of two languages: as many exact pairs as are wanted."""

import random
from collections.abc import Iterator
from typing import Any

from rnnlab.config.types import NonNegativeInt, PositiveInt
from rnnlab.data.base import Split
from rnnlab.data.prepared import Source
from rnnlab.data.readers.sentence_pairs import Pair, Pairs
from rnnlab.data.sources.packages import package_version
from rnnlab.data.sources.provenance import Provenance
from rnnlab.data.text.tokenizers import TokenKind
from rnnlab.data.translation import ParallelTextDataModule
from rnnlab.errors import ConfigError, DataError

DIGITS = "digits"
PACKAGE = "num2words"


class NumbersDataModule(ParallelTextDataModule):
    """Whole numbers spelled by `num2words`; no number stands in two splits.

    There is one right answer to each, so that the share of exact ones is a fair score. German says
    the units before the tens (42 is zweiundvierzig), so that the attention must go back and forth;
    by characters it can be seen doing so.

    Args:
        source_language: digits, or a language of num2words, such as en, fr or es.
        target_language: the same choices.
        largest: largest number.
        num_pairs: number of training pairs.
        num_eval_pairs: number of validation pairs, and of test pairs.
        numbers_seed: seed of the numbers; the seed of the run does not change evaluation targets.
        tokens: see ParallelTextDataModule.
        vocab_size: see ParallelTextDataModule.
        seq_len: see ParallelTextDataModule.
        settings: see ParallelTextDataModule.
    """

    available_sources = ("embedded",)
    fixed_settings = frozenset(
        {"path", "target_path", "encoding", "lower", "val_fraction", "test_fraction", "split_seed"}
    )

    def __init__(
        self,
        source_language: str = "en",
        target_language: str = "de",
        largest: PositiveInt = 99_999,
        num_pairs: PositiveInt = 10_000,
        num_eval_pairs: PositiveInt = 500,
        numbers_seed: NonNegativeInt = 0,
        tokens: TokenKind = "characters",
        vocab_size: PositiveInt = 100,
        seq_len: PositiveInt = 120,
        **settings: Any,
    ) -> None:
        super().__init__(
            source_language=source_language,
            target_language=target_language,
            tokens=tokens,
            vocab_size=vocab_size,
            seq_len=seq_len,
            **settings,
        )
        self.sizes = {"train": num_pairs, "val": num_eval_pairs, "test": num_eval_pairs}
        wanted = sum(self.sizes.values())
        if wanted > largest + 1:
            raise ConfigError(
                f"data.num_pairs={num_pairs} with 2 x {num_eval_pairs} others: there are only "
                f"{largest + 1:,} numbers up to data.largest={largest}; raise it, or ask for fewer"
            )
        self.largest, self.numbers_seed = largest, numbers_seed

    def settings(self) -> dict[str, Any]:
        """See PreparedDataModule."""
        drawn = [self.largest, self.sizes, self.numbers_seed]
        return {**super().settings(), "numbers": drawn}

    def packaged(self) -> Source:
        """See PreparedDataModule."""
        for language in self.languages:
            spelled(0, language)  # is it known?
        known = Provenance("embedded", PACKAGE, package_version(PACKAGE))
        return Source(known, self._draw)

    def _draw(self) -> dict[Split, Pairs]:
        """Different numbers for each split."""
        drawn = iter(
            random.Random(self.numbers_seed).sample(
                range(self.largest + 1), sum(self.sizes.values())
            )
        )
        numbers = {split: [next(drawn) for _ in range(n)] for split, n in self.sizes.items()}
        return {split: spelled_pairs(members, self.languages) for split, members in numbers.items()}


def spelled_pairs(numbers: list[int], languages: Pair) -> Pairs:
    """The numbers in two languages."""

    def read() -> Iterator[Pair]:
        source, target = languages
        return ((spelled(n, source), spelled(n, target)) for n in numbers)

    return Pairs(PACKAGE, read)


def spelled(number: int, language: str) -> str:
    """A number in words, or in digits.

    >>> spelled(42, "de"), spelled(42, "digits")
    ('zweiundvierzig', '42')

    Raises:
        DataError: num2words is not installed.
        ConfigError: it does not know the language.
    """
    if language == DIGITS:
        return str(number)
    try:
        from num2words import num2words

        return str(num2words(number, lang=language))
    except ImportError as error:
        raise DataError(
            "data=numbers needs the package num2words, which is not installed: pip install "
            "num2words"
        ) from error
    except NotImplementedError as error:
        raise ConfigError(
            f"num2words does not know the language {language!r}; en, de, fr, es and digits are "
            "among those that can be named by data.source_language and data.target_language"
        ) from error
