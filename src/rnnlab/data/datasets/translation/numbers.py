"""Numbers spelled in two languages: an unlimited supply of exact pairs."""

import random
from itertools import islice
from typing import Any

from rnnlab.config.types import PositiveInt, Seed
from rnnlab.data.base import Split
from rnnlab.data.prepared import Source
from rnnlab.data.readers.sentence_pairs import Pairs
from rnnlab.data.sources.packages import package_version
from rnnlab.data.sources.provenance import Provenance
from rnnlab.data.text.pair_columns import Pair
from rnnlab.data.text.tokenizers import TokenKind
from rnnlab.data.translation import FILE_SETTINGS, SPLIT_SETTINGS, ParallelTextDataModule
from rnnlab.errors import ConfigError, DataError, Problem

DIGITS = "digits"
PACKAGE = "num2words"


class NumbersDataModule(ParallelTextDataModule):
    """Whole numbers spelled by `num2words`; no number is in two splits.

    Each number has one correct translation, so the share of exact matches is a fair score. German
    puts the units before the tens (42 is zweiundvierzig), so the attention must reorder the input;
    with characters as tokens, its picture shows this.

    Args:
        source_language: digits, or a language of num2words, such as en, fr or es.
        target_language: the same choices.
        largest: largest number.
        num_pairs: number of training pairs.
        num_eval_pairs: number of validation pairs, and of test pairs.
        numbers_seed: seed of the numbers; the seed of the run does not change evaluation targets.
        tokens, vocab_size, seq_len, settings: see ParallelTextDataModule.
    """

    available_sources = ("embedded",)
    fixed_settings = frozenset({*FILE_SETTINGS, *SPLIT_SETTINGS, "lower"})

    def __init__(
        self,
        source_language: str = "en",
        target_language: str = "de",
        largest: PositiveInt = 99_999,
        num_pairs: PositiveInt = 10_000,
        num_eval_pairs: PositiveInt = 500,
        numbers_seed: Seed = 0,
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
        if sum(self.sizes.values()) > largest + 1:
            raise ConfigError(
                f"data.num_pairs={num_pairs} with 2 x data.num_eval_pairs={num_eval_pairs}: there "
                f"are only {largest + 1:,} numbers up to data.largest={largest}; raise "
                "data.largest, or use fewer pairs"
            )
        self.largest, self.numbers_seed = largest, numbers_seed

    def settings(self) -> dict[str, Any]:
        numbers = [self.largest, self.sizes, self.numbers_seed]
        return {**super().settings(), "numbers": numbers}

    def packaged(self) -> Source:
        for language in self.languages:
            spell(0, language)  # raises an error for an unknown language
        provenance = Provenance("embedded", PACKAGE, package_version(PACKAGE))
        return Source(provenance, self._draw)

    def _draw(self) -> dict[Split, Pairs]:
        """Return the pairs of each split, with different numbers."""
        total = sum(self.sizes.values())
        numbers = iter(random.Random(self.numbers_seed).sample(range(self.largest + 1), total))
        return {
            split: spell_pairs(list(islice(numbers, size)), self.languages)
            for split, size in self.sizes.items()
        }


def spell_pairs(numbers: list[int], languages: Pair) -> Pairs:
    """Return the numbers spelled in two languages."""
    source, target = languages
    return Pairs(PACKAGE, lambda: ((spell(n, source), spell(n, target)) for n in numbers))


def spell(number: int, language: str) -> str:
    """Spell a number in words, or in digits.

    >>> spell(42, "de"), spell(42, "digits")
    ('zweiundvierzig', '42')

    Raises:
        DataError: num2words is not installed.
        ConfigError: num2words does not support the language.
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
        message = (
            f"num2words does not support the language {language!r}; data.source_language and "
            "data.target_language may be en, de, fr, es or digits, for example"
        )
        raise ConfigError(Problem(message, value=language)) from error
