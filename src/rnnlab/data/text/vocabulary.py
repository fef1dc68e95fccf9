"""Vocabulary: the ids of tokens."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

import numpy as np

from rnnlab.data.text.ragged import RaggedArray
from rnnlab.data.text.tokenizers import NO_TOKEN, SPECIALS, TOKENIZER_TYPES, Tokenizer, TokenKind
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

    def save(self, path: Path) -> None:
        """Write the vocabulary to a JSON file."""
        name, state = self.tokenizer.name, self.tokenizer.state()
        content = {"tokenizer": name, "state": state, "tokens": self.tokens}
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Read a vocabulary from a JSON file.

        Raises:
            DataError: an older version of rnnlab wrote the file.
        """
        content = json.loads(path.read_text(encoding="utf-8"))
        if "tokenizer" not in content:
            raise DataError(f"{path}: has the format of an older version of rnnlab; train again")
        return cls(content["tokens"], TOKENIZER_TYPES[content["tokenizer"]](**content["state"]))


def encode_splits(
    texts: Mapping[str, Iterable[str]],
    tokenizer: Tokenizer,
    report: Callable[[], None] | None = None,
) -> tuple[dict[str, RaggedArray], Vocabulary]:
    """Tokenize all splits once and number the tokens by their frequency in the training split.

    Tokens that are not in the training split are <unk> in all splits. `limit_vocabulary` reduces
    the vocabulary later without tokenizing again. `report` is called after each text.

    Returns:
        The ids of each split, and the vocabulary: padding, unknown, then the tokens by descending
        frequency; equally frequent tokens are in alphabetical order.
    """
    indices: dict[str, int] = {}
    raw = {s: _index_texts(members, indices, tokenizer, report) for s, members in texts.items()}
    counts = np.bincount(raw["train"].values, minlength=len(indices))
    tokens = np.array(list(indices), dtype=object)
    order = np.lexsort((np.argsort(np.argsort(tokens)), -counts))[: int((counts > 0).sum())]
    specials = SPECIALS[:NUM_CLASSIFICATION_SPECIALS]
    ids = np.full(len(tokens), UNKNOWN_ID, dtype=np.int32)
    ids[order] = np.arange(len(specials), len(specials) + len(order))
    splits = {split: RaggedArray(ids[part.values], part.offsets) for split, part in raw.items()}
    return splits, Vocabulary([*specials, *tokens[order].tolist()], tokenizer)


def _index_texts(
    texts: Iterable[str],
    indices: dict[str, int],
    tokenizer: Tokenizer,
    report: Callable[[], None] | None,
) -> RaggedArray:
    """Number tokens in the order of their first appearance."""
    sequences, offsets = [], [0]
    for text in texts:
        tokens = tokenizer.tokenize(text) or [NO_TOKEN]
        row = [indices.setdefault(token, len(indices)) for token in tokens]
        sequences.append(np.array(row, dtype=np.int32))
        offsets.append(offsets[-1] + len(row))
        if report:
            report()
    values = np.concatenate(sequences) if sequences else np.empty(0, dtype=np.int32)
    return RaggedArray(values, np.array(offsets))
