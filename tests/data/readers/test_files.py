"""Every reader accepts the same files, and rejects the others with the same message."""

import bz2
import csv
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from rnnlab.data.datasets.classification.sms_spam import read_collection
from rnnlab.data.readers import files
from rnnlab.data.readers.class_folders import read_class_folders
from rnnlab.data.readers.delimited import TableFormat
from rnnlab.data.readers.files import file_format, open_bytes, open_text, read_lines, read_text
from rnnlab.data.readers.lines import TextFile
from rnnlab.data.readers.sentence_pairs import read_aligned_files, read_pair_file
from rnnlab.data.readers.series import read_series
from rnnlab.data.readers.series_columns import SeriesColumns
from rnnlab.data.readers.tables import read_table
from rnnlab.data.text.pair_columns import PairColumns
from rnnlab.errors import ConfigError, DataError

WORD = "caf\u00e9"
TABLE = f"text,label\n{WORD},1\nb,0\n"
PLAIN = f"{WORD}\nb\n"
PAIRS = f"{WORD}\t1\nb\t0\n"
SERIES = f"date,{WORD}\n2020-01-01,1\n2020-01-02,2\n"
MESSAGES = f"ham\t{WORD}\nspam\tb\n"


def pairs(path: Path, encoding: str) -> object:
    return list(read_pair_file(path, PairColumns(("en", "de")), TableFormat(encoding)).read())


def table(path: Path, encoding: str) -> object:
    return read_table(path, ["text"], (), TableFormat(encoding)).to_dict()


def series(path: Path, encoding: str) -> object:
    table = read_series(path, SeriesColumns(encoding=encoding), [])
    return table.columns, table.values.tolist()


def class_folder(path: Path, encoding: str) -> object:
    return list(read_class_folders([path.parent], encoding).texts)


Reader = Callable[[Path, str], object]
READERS: dict[str, tuple[str, str, Reader]] = {  # extension, content, reader
    "table": (
        ".csv",
        TABLE,
        lambda path, e: read_table(path, ["text"], (), TableFormat(e)).to_dict(),
    ),
    "lines": (".txt", PLAIN, lambda path, e: list(TextFile(path, e))),
    "pairs": (".tsv", PAIRS, pairs),
    "aligned": (".de", PLAIN, lambda path, e: list(read_aligned_files(path, path, e).read())),
    "series": (".csv", SERIES, series),
    "class folder": (".txt", PLAIN, class_folder),
    "messages": (".txt", MESSAGES, lambda path, e: read_collection(path, e).texts),
}


def zip_of(content: bytes, *names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.mkdir("folder")
        for name in names:
            archive.writestr(name, content)
    return buffer.getvalue()


def zst_of(content: bytes) -> bytes:
    buffer = pa.BufferOutputStream()
    with pa.CompressedOutputStream(buffer, "zstd") as stream:
        stream.write(content)
    return buffer.getvalue().to_pybytes()


Pack = Callable[[bytes], bytes]
PACKS: dict[str, Pack] = {
    "": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zst_of,
    ".zip": lambda content: zip_of(content, "folder/a"),
}


@pytest.fixture(params=READERS)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str, Reader]:
    """The path that a file of this reader may have, its content and the reader."""
    extension, content, reader = READERS[request.param]
    folder = tmp_path / "class"
    folder.mkdir()
    return folder / f"a{extension}", content, reader


def expected(path: Path, content: str, reader: Reader) -> object:
    """What the reader makes of the same content as plain UTF-8."""
    folder = path.parent.parent / "plain"
    folder.mkdir()
    plain = folder / f"a{file_format(path)}"
    plain.write_bytes(content.encode())
    return reader(plain, "utf-8")


def rejected(case: tuple[Path, str, Reader], content: bytes | None, extension: str = "") -> str:
    """Return the error without the path that it begins with."""
    path, _, reader = case
    path = path.with_name(path.name + extension)
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        reader(path, "utf-8")
    message = str(caught.value)
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


@pytest.mark.parametrize(
    ("encoding", "setting"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-32", "utf-32"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "cp1252"),
    ],
)
@pytest.mark.parametrize("extension", PACKS)
def test_all_readers_accept(
    case: tuple[Path, str, Reader], extension: str, encoding: str, setting: str
) -> None:
    path, content, reader = case
    compressed = path.with_name(path.name + extension.upper())
    compressed.write_bytes(PACKS[extension](content.encode(encoding)))
    assert reader(compressed, setting) == expected(compressed, content, reader)


def test_all_readers_drop_the_mark_of_an_encoding_with_a_byte_order(
    case: tuple[Path, str, Reader],
) -> None:
    path, content, reader = case
    path.write_bytes(f"\ufeff{content}".encode("utf-16-le"))
    assert reader(path, "utf-16-le") == expected(path, content, reader)


@pytest.mark.parametrize("extension", PACKS)
def test_all_readers_reject_a_wrong_encoding(
    case: tuple[Path, str, Reader], extension: str
) -> None:
    content = case[1].encode("cp1252")
    place = content.index(b"\xe9")
    line = content[:place].count(b"\n") + 1
    assert rejected(case, PACKS[extension](content), extension) == (
        f": byte {place} (0xe9, in line {line}) is not utf-8. Save the file as UTF-8, or name its "
        "encoding, such as data.encoding=cp1252"
    )


@pytest.mark.parametrize(
    ("encoding", "name"), [("utf-16", "utf-16"), ("utf-32", "utf-32"), ("utf-16-be", "utf-16")]
)
def test_all_readers_reject_the_mark_of_another_encoding(
    case: tuple[Path, str, Reader], encoding: str, name: str
) -> None:
    mark = "\ufeff" if encoding.endswith("be") else ""
    assert rejected(case, f"{mark}{case[1]}".encode(encoding)) == (
        f": begins with the byte-order mark of {name.upper()}, but is read as utf-8. "
        f"Set data.encoding={name}"
    )


def test_all_readers_reject_a_utf_8_mark_under_another_encoding(
    case: tuple[Path, str, Reader],
) -> None:
    path, content, reader = case
    path.write_bytes(content.encode("utf-8-sig"))
    with pytest.raises(DataError, match=r"mark of UTF-8, but .* cp1252. Set data.encoding=utf-8$"):
        reader(path, "cp1252")


def test_all_readers_reject_utf_16_without_a_mark(case: tuple[Path, str, Reader]) -> None:
    assert rejected(case, case[1].encode("utf-16-le")) == (
        ", line 1: holds a zero byte. Is it a text file in utf-8? UTF-16 needs "
        "data.encoding=utf-16-le or utf-16-be"
    )
    path, _, reader = case
    with pytest.raises(DataError, match=r"no byte-order mark. Set data.encoding=utf-16-le or "):
        reader(path, "utf-16")


def test_all_readers_reject_an_unknown_encoding(case: tuple[Path, str, Reader]) -> None:
    path, content, reader = case
    path.write_bytes(content.encode())
    for encoding in ("utf-9", "hex"):
        with pytest.raises(ConfigError, match=f"data.encoding={encoding}: .*; utf-8 and cp1252"):
            reader(path, encoding)


def test_all_readers_reject_an_archive_of_several_files(case: tuple[Path, str, Reader]) -> None:
    for names, said in ((("a", "b"), "2 files (a, b)"), ((), "0 files (none)")):
        assert rejected(case, zip_of(case[1].encode(), *names), ".zip") == (
            f": holds {said}, but exactly one is expected. Unpack the archive, or pack each file "
            "on its own"
        )


def test_all_readers_ignore_the_entries_of_macos(case: tuple[Path, str, Reader]) -> None:
    path, content, read = case
    archive = path.with_name(f"{path.name}.zip")
    archive.write_bytes(zip_of(content.encode(), "a", "__MACOSX/._a"))
    assert read(archive, "utf-8") == expected(path, content, read)


def test_all_readers_reject_an_encrypted_archive(case: tuple[Path, str, Reader]) -> None:
    archive = bytearray(zip_of(case[1].encode(), "a"))
    archive[archive.rindex(b"PK\x01\x02") + 8] |= 1
    message = ": is encrypted. Unpack the archive first"
    assert rejected(case, bytes(archive), ".zip") == message


@pytest.mark.parametrize("extension", [".gz", ".bz2", ".xz", ".zst"])
def test_all_readers_reject_a_truncated_file(
    case: tuple[Path, str, Reader], extension: str
) -> None:
    content = PACKS[extension](case[1].encode())[:-6]
    reason = "Compressed file ended before the end-of-stream marker was reached"
    if extension == ".zst":
        reason = "Truncated compressed stream"
    assert rejected(case, content, extension) == f": cannot be read: {reason}"


@pytest.mark.parametrize("extension", [".gz", ".bz2", ".xz", ".zst", ".zip"])
def test_all_readers_reject_a_file_that_is_not_compressed(
    case: tuple[Path, str, Reader], extension: str
) -> None:
    assert rejected(case, case[1].encode(), extension).startswith(": cannot be read: ")


@pytest.mark.parametrize(("content", "extension"), [("", ""), ("\ufeff", ""), ("", ".gz")])
def test_all_readers_reject_an_empty_file(
    case: tuple[Path, str, Reader], content: str, extension: str
) -> None:
    packed = PACKS[extension](content.encode())
    path, _, reader = case
    if reader is class_folder:  # an empty text of a class is dropped and counted later
        path = path.with_name(path.name + extension)
        path.write_bytes(packed)
        assert reader(path, "utf-8") == [""]
    else:
        assert rejected(case, packed, extension) == ": the file is empty"


def test_all_readers_reject_a_folder(case: tuple[Path, str, Reader]) -> None:
    case[0].mkdir()
    assert rejected(case, None) == ": is a folder, but a file is expected"


def test_all_readers_reject_a_missing_file(case: tuple[Path, str, Reader]) -> None:
    path, _, reader = case
    if reader is not class_folder:  # it lists the files that exist
        assert rejected(case, None) == ": there is no such file"
        path.parent.joinpath("b").touch()
        with pytest.raises(DataError, match=r"there is no such file"):
            reader(path.parent / "b" / path.name, "utf-8")


def test_all_readers_reject_a_file_without_permission(
    case: tuple[Path, str, Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "_open_plain", refuse)
    assert rejected(case, case[1].encode()) == ": no permission to read it"


# Functions.


@pytest.mark.parametrize("before", [0, 3, 65_534, 65_535, 65_536, 200_000])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "shift_jis"])
def test_the_place_of_an_invalid_byte_is_exact(tmp_path: Path, before: int, encoding: str) -> None:
    """Also if the character begins in one chunk and ends in the next."""
    invalid = {"utf-8": b"\xe9x", "utf-16-le": b"\x00\xdcxx", "shift_jis": b"\xff\xff"}[encoding]
    text = ("x" * 9 + "\n") * (before // 10) + "x" * (before % 10)
    content = text.encode(encoding)
    path = tmp_path / "a"
    path.write_bytes(content + invalid + "x\n".encode(encoding))
    byte, line = len(content), text.count("\n") + 1
    with pytest.raises(DataError, match=rf"a: byte {byte} \(0x{invalid[:1].hex()}, in line {line}"):
        list(read_lines(path, encoding))


def test_the_suggested_encoding_accepts_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\x81\n")  # undefined in cp1252
    with pytest.raises(DataError, match=r"such as data.encoding=latin-1$"):
        read_text(path, "utf-8")
    with pytest.raises(DataError, match=r"such as data.encoding=latin-1$"):
        read_text(path, "cp1252")
    assert read_text(path, "latin-1") == "\x81\n"


def test_lines_end_with_a_newline_only(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes("a\u2028b\x0bc\x85\rd\r\n\n\r\nlast\r".encode())
    assert list(read_lines(path, "utf-8")) == ["a\u2028b\x0bc\x85\rd", "", "", "last\r"]
    assert read_text(path, "utf-8") == "a\u2028b\x0bc\x85\nd\n\n\nlast\n"


def test_csv_and_binary_streams(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b'\xef\xbb\xbfa,"b\r\nc"\r\n1,2\r\n'))
    with open_text(path, "utf-8", newline="") as stream:
        assert stream.has_mark
        assert list(csv.reader(stream)) == [["a", "b\r\nc"], ["1", "2"]]
    with open_bytes(path) as file:
        assert file.read(4) == b"\xef\xbb\xbfa"


def test_a_text_without_lines_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_TEXT_CHARACTERS", 10)
    path = tmp_path / "a"
    path.write_text("123456789\n" + "x" * 11)
    lines = read_lines(path, "utf-8")
    assert next(lines) == "123456789"
    with pytest.raises(DataError, match=r"line 2: has over 10 characters. Is it a text file?"):
        next(lines)
    with pytest.raises(DataError, match="a: has over 10 characters"):
        read_text(path, "utf-8")
