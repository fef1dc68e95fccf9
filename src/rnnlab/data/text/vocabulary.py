"""Vocabulary: the ids of tokens."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from rnnlab.data.text.ragged import RaggedWriter, read_blocks, replace_values
from rnnlab.data.text.tokenizers import (
    NO_TOKEN,
    SPECIALS,
    TOKENIZER_TYPES,
    TOKENIZERS_VERSION,
    Tokenizer,
    TokenKind,
)
from rnnlab.errors import DataError
from rnnlab.spec import END_ID, PADDING_ID, START_ID, UNKNOWN_ID

NUM_CLASSIFICATION_SPECIALS = 2  # padding and unknown; text that is classified needs no others
MIN_VOCAB_SIZES: dict[TokenKind, int] = {
    "words": len(SPECIALS) + 1,
    "characters": len(SPECIALS) + 1,
    "bpe": len(SPECIALS) + 256,
}


class Vocabulary:
    """Tokens, of which tokens[i] has the id i, and the tokenizer that splits a text into them."""

    def __init__(self, tokens: Sequence[str], tokenizer: Tokenizer) -> None:
        self.tokens, self.tokenizer = list(tokens), tokenizer
        self._ids = {token: i for i, token in enumerate(self.tokens)}

    @classmethod
    def fit(cls, texts: Iterable[str], size: int, tokenizer: Tokenizer) -> "Vocabulary":
        """Return the vocabulary of the training texts; see Tokenizer.fit."""
        return cls(tokenizer.fit(texts, size), tokenizer)

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the ids of each text, without start and end."""
        get = self._ids.get
        batch = self.tokenizer.tokenize_batch(texts)
        return [[get(token, UNKNOWN_ID) for token in tokens] for tokens in batch]

    def encode_lines(self, lines: Sequence[str]) -> list[int]:
        """Return the ids of consecutive lines; the end token represents an unknown line break."""
        ids: list[int] = []
        for line, tokens in zip(lines, self.encode(lines), strict=True):
            ids += tokens
            if line.endswith("\n") and not self.tokenizer.keeps_line_breaks:
                ids.append(END_ID)
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids up to the first end token, without padding and start."""
        sentence = takewhile(lambda i: i != END_ID, ids)
        tokens = [self.tokens[i] for i in sentence if i not in (PADDING_ID, START_ID)]
        return self.tokenizer.join(tokens)

    def display_tokens(self) -> list[str]:
        """Return every token in readable form."""
        return [self.tokenizer.display(token) for token in self.tokens]

    def line_breaks(self) -> set[int]:
        """Return the ids of the tokens that end a line."""
        return {END_ID, *(i for i, name in enumerate(self.display_tokens()) if name.endswith("\n"))}

    def encode_texts(self, texts: Iterable[str]) -> list[list[int]]:
        """Return the ids of whole texts; a text without tokens has one, see NO_TOKEN."""
        get, tokenize = self._ids.get, self.tokenizer.tokenize
        return [[get(t, UNKNOWN_ID) for t in tokenize(text) or [NO_TOKEN]] for text in texts]

    def take(self, size: int) -> "Vocabulary":
        """Return the first tokens, with the same tokenizer."""
        return Vocabulary(self.tokens[:size], self.tokenizer)

    def to_plain(self) -> dict[str, Any]:
        """Return the vocabulary as plain values of JSON."""
        return {
            "version": TOKENIZERS_VERSION,
            "tokenizer": self.tokenizer.name,
            "state": self.tokenizer.state(),
            "tokens": self.tokens,
        }

    @classmethod
    def from_plain(cls, content: Mapping[str, Any]) -> "Vocabulary":
        """Return the vocabulary of plain values.

        Raises:
            ValueError: they are those of another version of rnnlab, which splits texts differently.
        """
        version = content.get("version", 0)
        if version != TOKENIZERS_VERSION:
            age = "an older" if version < TOKENIZERS_VERSION else "a newer"
            raise ValueError(f"has the format of {age} version of rnnlab; train again")
        return cls(content["tokens"], TOKENIZER_TYPES[content["tokenizer"]](**content["state"]))

    def save(self, path: Path) -> None:
        """Write the vocabulary to a JSON file."""
        path.write_text(json.dumps(self.to_plain(), ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read a vocabulary from a JSON file.

        Raises:
            DataError: another version of rnnlab wrote the file, and splits texts differently.
        """
        try:
            return cls.from_plain(json.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise DataError(f"{path}: {error}") from error


def encode_splits(
    texts: Mapping[str, Iterable[str]],
    tokenizer: Tokenizer,
    folder: Path,
    report: Callable[[], None] | None = None,
) -> Vocabulary:
    """Tokenize all splits once and number the tokens by their frequency in the training split.

    Tokens that are not in the training split are <unk> in all splits. `limit_vocabulary` reduces
    the vocabulary later without tokenizing again. `report` is called after each text. The ids are
    written to a RaggedArray in `folder` for each split; they are never in memory as a whole.

    Returns:
        The vocabulary: padding, unknown, then the tokens by descending frequency; equally frequent
        tokens are in alphabetical order.
    """
    indices: dict[str, int] = {}
    for split, members in texts.items():
        _write_indices(members, indices, tokenizer, RaggedWriter(folder, split), report)
    counts = np.zeros(len(indices), dtype=np.int64)
    for block in read_blocks(folder, "train"):
        counts += np.bincount(block, minlength=len(indices))
    tokens = np.array(list(indices), dtype=object)
    order = np.lexsort((np.argsort(np.argsort(tokens)), -counts))[: int((counts > 0).sum())]
    specials = SPECIALS[:NUM_CLASSIFICATION_SPECIALS]
    ids = np.full(len(tokens), UNKNOWN_ID, dtype=np.int32)
    ids[order] = np.arange(len(specials), len(specials) + len(order))
    for split in texts:
        replace_values(folder, split, ids)
    return Vocabulary([*specials, *tokens[order].tolist()], tokenizer)


def _write_indices(
    texts: Iterable[str],
    indices: dict[str, int],
    tokenizer: Tokenizer,
    writer: RaggedWriter,
    report: Callable[[], None] | None,
) -> None:
    """Write the number of each token in the order of their first appearance."""
    for text in texts:
        tokens = tokenizer.tokenize(text) or [NO_TOKEN]
        row = [indices.setdefault(token, len(indices)) for token in tokens]
        writer.write(np.array(row, dtype=np.int32))
        if report:
            report()
    writer.close()
