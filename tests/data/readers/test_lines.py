"""Texts as lines: whatever a file holds, it is read right, repaired and counted, or refused."""

import bz2
import gzip
import lzma
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnlab.data.readers.files import check_encoding
from rnnlab.data.readers.lines import (
    PIECE_SIZE,
    Cut,
    Lines,
    TextFile,
    TextRange,
    TextRows,
    describe_repairs,
    find_cut,
    find_text_files,
    with_progress,
)
from rnnlab.errors import ConfigError, DataError

EMOJI = "caf\u00e9 \U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467"


def text_file(
    folder: Path, content: bytes, encoding: str = "utf-8", name: str = "a.txt"
) -> TextFile:
    path = folder / name
    path.write_bytes(content)
    return TextFile(path, encoding)


def test_a_text_can_be_read_again_and_again(tmp_path: Path) -> None:
    lines = text_file(tmp_path, f"one\n\n{EMOJI}\n".encode())
    assert list(lines) == list(lines) == ["one\n", "\n", f"{EMOJI}\n"]
    assert describe_repairs("a", lines) == []


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (b"\xef\xbb\xbfone\ntwo\n", "a: 1 byte order mark was left out"),
        (b"one\r\ntwo\r\n", "a: 2 line ends CR LF were read as LF"),
        (b"one\ntwo", "a: 1 line break was added at the end"),
        (b"one\rtwo\r", "a: 2 line ends CR were read as LF"),
    ],
)
def test_a_repair_is_counted_once_however_often_it_is_read(
    content: bytes, note: str, tmp_path: Path
) -> None:
    lines = text_file(tmp_path, content)
    assert list(lines) == list(lines) == ["one\n", "two\n"]
    assert describe_repairs("a", lines) == [note]


def test_a_carriage_return_is_a_character_of_a_text_with_other_line_ends(tmp_path: Path) -> None:
    lines = text_file(tmp_path, b"one\rtwo\nthree\r\n")
    assert list(lines) == ["one\rtwo\n", "three\n"]
    lines = text_file(tmp_path, b"one" + b"\r" * PIECE_SIZE)  # a piece ends within the line ends
    assert list(lines) == ["one\n", *["\n"] * (PIECE_SIZE - 1)]
    crlf = "o" * (PIECE_SIZE - 1) + "\r\n"  # a piece ends within a line end
    assert "".join(text_file(tmp_path, (crlf * 2).encode())) == crlf.replace("\r", "") * 2


@pytest.mark.parametrize("pack", [gzip, bz2, lzma])
def test_a_compressed_file_is_read_alike(pack, tmp_path: Path) -> None:
    ending = {"gzip": "gz", "bz2": "bz2", "lzma": "xz"}[pack.__name__]
    lines = text_file(tmp_path, pack.compress(b"one\ntwo\n"), name=f"a.txt.{ending}")
    assert list(lines) == ["one\n", "two\n"]


def test_the_word_for_an_encoding_helps(tmp_path: Path) -> None:
    content = "one\nit\u2019s\n".encode("cp1252")
    with pytest.raises(
        DataError, match=r"a\.txt: byte 6 \(0x92, in line 2\) is not utf-8.*encoding=cp1252"
    ):
        list(text_file(tmp_path, content))
    assert list(text_file(tmp_path, content, "cp1252")) == ["one\n", "it\u2019s\n"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"one\ntw\0o\n", "line 2: holds a zero byte"),
        ("one\n".encode("utf-16"), "mark of UTF-16.* Set data.encoding=utf-16$"),
        (b"", "the file is empty"),
        ("one\ncaf\u00e9".encode()[:-1], r"byte 7 \(0xc3, in line 2\) is not utf-8"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        list(text_file(tmp_path, content))


def test_a_damaged_compressed_file_is_refused(tmp_path: Path) -> None:
    content = gzip.compress(bytes(range(1, 128)) * 100)[:-20]
    with pytest.raises(DataError, match=r"a\.txt\.gz: cannot be read: "):
        list(text_file(tmp_path, content, "ascii", "a.txt.gz"))


@pytest.mark.parametrize("encoding", ["undefined", "hex", "latin-99"])
def test_an_encoding_that_cannot_be_read_is_a_wrong_setting(encoding: str) -> None:
    with pytest.raises(ConfigError, match=f"data.encoding={encoding}"):
        check_encoding(encoding)


def test_a_long_line_comes_in_pieces_and_no_word_is_cut(tmp_path: Path) -> None:
    words = [f"w{i}" for i in range(200_000)]  # 1.3 MB
    lines = text_file(tmp_path, b"short\n" + " ".join(words).encode() + b"\nend\n")
    pieces = list(lines)
    assert len(pieces) > 15
    assert max(map(len, pieces)) <= PIECE_SIZE + 10
    assert sum(piece.endswith("\n") for piece in pieces) == 3
    assert [word for piece in pieces for word in piece.split()] == ["short", *words, "end"]
    assert lines.repairs == {}


def test_a_long_line_without_a_space_is_cut_and_counted(tmp_path: Path) -> None:
    content = "\u00e9" * PIECE_SIZE * 3  # two bytes each, so that pieces end within characters
    lines = text_file(tmp_path, f"{content}\n".encode())
    assert "".join(lines) == f"{content}\n"
    assert describe_repairs("a", lines)[0].startswith("a: 3 cuts in a line without a space")


def test_a_text_without_line_breaks_is_not_given_one(tmp_path: Path) -> None:
    lines = text_file(tmp_path, b"one two " * PIECE_SIZE)
    assert "".join(lines) == "one two " * PIECE_SIZE
    assert not lines.repairs


def test_an_accent_stays_with_its_letter(tmp_path: Path) -> None:
    lines = text_file(tmp_path, ("e\u0301" * PIECE_SIZE * 2).encode())
    assert "".join(lines) == "e\u0301" * PIECE_SIZE * 2
    assert not any(piece.startswith("\u0301") for piece in lines)


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0\ufeff"))))
def test_every_text_comes_back(rows: list[str]) -> None:
    import tempfile

    content = "".join(f"{row}\n" for row in rows).encode()
    if not content:
        return
    with tempfile.TemporaryDirectory() as folder:
        assert "".join(text_file(Path(folder), content)).encode() == content


@given(st.lists(st.text("ab ", max_size=9), min_size=1), st.data())
def test_parts_that_touch_hold_every_character_once(rows: list[str], data: st.DataObject) -> None:
    whole = TextRows(rows)
    size = sum(map(len, whole))
    first, second = sorted(data.draw(st.integers(0, size)) for _ in range(2))
    bounds = ((0, first), (first, second), (second, None))
    parts = ["".join(TextRange(whole, start, end)) for start, end in bounds]
    assert "".join(parts) == "".join(whole)
    assert [len(part) for part in parts] == [first, second - first, size - second]


@pytest.mark.parametrize(
    ("text", "position", "tolerance", "wanted"),
    [
        ("one\ntwo\n", 4, 0, Cut(4, True)),  # a line starts there
        ("one\ntwo\n", 2, 2, Cut(4, True)),
        ("one\ntwo\n", 2, 1, Cut(2, False)),  # the next line is too far away
        ("one two three", 5, 3, Cut(7, False)),  # before a space
        ("one two three", 5, 1, Cut(5, False)),
        ("\u0915\u093f\u0915\u093f", 1, 2, Cut(2, False)),  # after a vowel sign
        ("a\u200d\U0001f469b", 1, 3, Cut(3, False)),  # after joined characters
    ],
)
def test_a_text_is_divided_at_a_line_a_space_or_a_character(
    text: str, position: int, tolerance: int, wanted: Cut, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(text, encoding="utf-8", newline="")
    assert find_cut(TextFile(tmp_path / "a.txt", "utf-8"), position, tolerance) == wanted


def test_a_place_in_a_huge_line_is_found_in_little_memory() -> None:
    class Endless(Lines):
        """A line of 2 ** 20 pieces of 2 ** 16 characters."""

        def __iter__(self) -> Iterator[str]:
            return repeat("a" * (1 << 16), 1 << 20)

    text = Endless()
    assert find_cut(text, 1 << 22, 1 << 40) == Cut(1 << 22, False)
    assert next(iter(TextRange(text, 5, None))) == "a" * ((1 << 16) - 5)


def test_a_row_of_a_table_is_one_line() -> None:
    assert list(TextRows(["a\n", "b\nc", ""])) == ["a\n", "b c\n", "\n"]


def test_all_characters_are_told() -> None:
    told: list[int] = []
    lines = ["x" * 700_000] * 4
    assert list(with_progress(lines, told.append)) == lines
    assert told == [1_400_000, 1_400_000, 0]


# Which files of a folder.


@pytest.mark.parametrize(
    "names",
    [
        ("train.txt", "valid.txt", "test.txt"),
        ("train.txt", "val.txt", "test.txt"),
        ("Training.txt", "validation.text", "TEST.TXT"),
        ("my_train.raw", "my_dev.raw", "newstest2014.raw"),
        ("ptb.train.txt.xz", "ptb.valid.txt.xz", "ptb.test.txt.gz"),
        ("wiki.train.tokens", "wiki.valid.tokens", "wiki.test.tokens"),
    ],
)
def test_both_customs_of_naming_files_are_known(names: tuple[str, ...], tmp_path: Path) -> None:
    for name in (*names, "README.md", "contrasting.txt", "train.py"):
        (tmp_path / name).write_text("x")
    found = find_text_files(tmp_path)
    assert [found[split].name for split in ("train", "val", "test")] == list(names)


def test_a_folder_without_the_files_says_what_was_wanted_and_found(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(DataError, match=r"expected train\.txt.*found notes\.md"):
        find_text_files(tmp_path)


def test_two_files_of_one_split_are_one_too_many(tmp_path: Path) -> None:
    for name in ("train.txt", "wiki.train.tokens"):
        (tmp_path / name).write_text("x")
    with pytest.raises(
        DataError, match=r"several files of the train split: train\.txt, wiki\.train\.tok"
    ):
        find_text_files(tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt: there is no such file"):
        find_text_files(tmp_path / "none.txt")
