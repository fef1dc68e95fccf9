"""Seeds that depend only on their purpose, so that every process derives the same ones."""

import hashlib
from typing import Any


def derive_seed(*parts: Any) -> int:
    """Return a seed from what it is for; the same on every machine.

    >>> derive_seed(0, 7)
    1627159177
    """
    text = " ".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def trial_seed(seed: int, number: int) -> int:
    """Return the seed of a run from the seed of its study and its trial number."""
    return derive_seed(seed, "trial", number) % 2**31
