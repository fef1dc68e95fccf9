"""Damaged files of a run folder are errors in words."""

from pathlib import Path

import pytest
import torch

from rnnlab.errors import ConfigError
from rnnlab.experiment.load import read_plain_data
from rnnlab.report.folder import RunFolder

DAMAGE = [b"\xeb\x00", b"null", b"3", b"[" * 100_000, b"{", b'"x', b"a: [", b"&a [*a", b"{a: ${b}"]


@pytest.mark.parametrize("content", DAMAGE)
def test_a_damaged_report_or_config_is_named(content: bytes, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.report.write_bytes(content)
    folder.config.write_bytes(content)
    with pytest.raises(ConfigError, match=r"report\.json: is damaged"):
        folder.read_report()
    with pytest.raises(ConfigError, match="is damaged"):
        folder.read_config()


def test_a_checkpoint_with_any_damage_is_named(tmp_path: Path) -> None:
    file = tmp_path / "best.ckpt"
    torch.save({"x": torch.zeros(3)}, file)
    content = file.read_bytes()
    damaged = [b"", content[:40], b"\xc3\x28" * 20, b"PK\x03\x04" + bytes(60), content[:-30]]
    for data in damaged:
        file.write_bytes(data)
        with pytest.raises(ConfigError, match=r"best\.ckpt: is damaged"):
            read_plain_data(file)
