"""Read a .wandb file: a LevelDB log of protobuf records, in blocks of 32 KiB."""

import json
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record

BLOCK = 32 * 1024
FILE_HEADER = struct.Struct("<4sHB")  # ":W&B", magic, version
HEADER = struct.Struct("<IHB")  # crc32 of kind and data, length, kind
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of every piece; a record larger than the rest of its block has several."""
    if len(data) < FILE_HEADER.size:
        raise ValueError("the file has no header yet")
    ident, magic, _ = FILE_HEADER.unpack_from(data)
    assert (ident, magic) == (b":W&B", 0xBEE1)
    at = FILE_HEADER.size
    while at + HEADER.size <= len(data):
        if BLOCK - at % BLOCK < HEADER.size:
            at += BLOCK - at % BLOCK
            continue
        crc, length, kind = HEADER.unpack_from(data, at)
        content = data[at + HEADER.size : at + HEADER.size + length]
        if zlib.crc32(bytes([kind]) + content) != crc:
            raise ValueError(f"byte {at}: the checksum does not fit")
        yield kind, content
        at += HEADER.size + length


def records(path: Path) -> Iterator[Record]:
    """Every record, whole."""
    parts: list[bytes] = []
    for kind, content in chunks(path.read_bytes()):
        parts.append(content)
        if kind in (FULL, LAST):
            yield Record.FromString(b"".join(parts))
            parts = []


def items(updates: Any) -> dict[str, Any]:
    """The keys and values of a config, history or summary record."""
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in updates}


def files_of(folder: Path) -> list[Path]:
    return sorted((folder / "wandb").glob("offline-run-*/*.wandb"))


def read_run(folder: Path) -> list[Record]:
    """All records of the folder's one run."""
    (file,) = files_of(folder)
    return whole_records(file)


def whole_records(file: Path) -> list[Record]:
    """All records of an ended run; W&B's service writes the last ones after `finish`."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        with suppress(ValueError):
            content = list(records(file))
            if content and content[-1].HasField("exit"):
                return content
        time.sleep(0.01)
    raise AssertionError(f"{file} has no end")


def records_of_kind(content: list[Record], kind: str) -> list[dict]:
    """What the records of a kind (config, history, summary) say, each as a dictionary."""
    some = [getattr(record, kind) for record in content if record.HasField(kind)]
    return [items(one.item if kind == "history" else one.update) for one in some]


def merged(dicts: list[dict]) -> dict:
    return {key: value for one in dicts for key, value in one.items()}


def save_picture(path: Path) -> Path:
    import matplotlib.image
    import numpy as np

    matplotlib.image.imsave(path, np.zeros((3, 5)))
    return path
