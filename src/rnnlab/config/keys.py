"""Access to nested settings by dotted keys."""

from typing import Any


def assign(plain: dict[str, Any], key: str, value: Any) -> None:
    """Set a value by its dotted key.

    >>> plain = {"data": {"seq_len": 5}}
    >>> assign(plain, "data.seq_len", 7)
    >>> plain
    {'data': {'seq_len': 7}}
    """
    *path, last = key.split(".")
    for name in path:
        plain = plain.setdefault(name, {})
    plain[last] = value


def flat(plain: Any, prefix: str = "") -> dict[str, Any]:
    """Flatten nested dictionaries to one, with dotted keys.

    >>> flat({"data": {"seq_len": 5}, "seed": 0})
    {'data.seq_len': 5, 'seed': 0}
    """
    if not isinstance(plain, dict) or not plain:
        return {prefix: plain}
    members = (
        flat(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in plain.items()
    )
    return {key: value for member in members for key, value in member.items()}
