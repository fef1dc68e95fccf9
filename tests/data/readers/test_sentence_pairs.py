"""Sentence pairs of tab-separated files, with and without a header and further columns."""

from pathlib import Path
from typing import Any

import pytest

from rnnlab.config.schema import parse
from rnnlab.data.readers.delimited import TableFormat
from rnnlab.data.readers.sentence_pairs import read_aligned_files, read_pair_file
from rnnlab.data.text.pair_columns import PairColumns
from rnnlab.data.translation import ParallelTextDataModule
from rnnlab.errors import ConfigError, DataError
from rnnlab.experiment.build import build_data
from tests.helpers.configs import compose, write_lines

ENGLISH = ("Go.", "Let's try something.", "It was cold, too.", "Tom ran home.") * 10
GERMAN = ("Geh.", "Versuchen wir etwas.", "Es war auch kalt.", "Tom lief heim.") * 10
PAIRS = [(f"{ENGLISH[i]} {i}", f"{GERMAN[i]} {i}") for i in range(len(ENGLISH))]


def write_rows(file: Path, *rows: Any) -> Path:
    """Write rows of cells, separated by tabs."""
    return write_lines(file, ["\t".join(map(str, row)) for row in rows])


def read(file: Path, languages: tuple[str, str] = ("en", "de"), **settings: Any) -> Any:
    """Return the pairs of a file and the notes of reading it."""
    sides = {side: settings.pop(side, None) for side in ("source", "target")}
    pairs = read_pair_file(file, PairColumns(languages, **sides), TableFormat(**settings))
    return list(pairs.read()), pairs.notes


# Further columns.


@pytest.mark.parametrize("extension", ["tsv", "txt"])
def test_numbers_of_sentences_are_not_sentences(tmp_path: Path, extension: str) -> None:
    """As Tatoeba publishes pairs: number, sentence, number, translation."""
    rows = [(1276 + i, one, 77 + i, other) for i, (one, other) in enumerate(PAIRS)]
    file = write_rows(tmp_path / f"tatoeba.{extension}", *rows)
    pairs, notes = read(file)
    assert pairs == PAIRS
    assert notes == [
        f"{file.name}: column2 is the source and column4 the target; column1, column3 not read "
        "(data.source_column and data.target_column)"
    ]
    backwards, notes = read(file, source="column4", target="column2")
    assert backwards == [(other, one) for one, other in PAIRS]
    assert notes == []


@pytest.mark.parametrize(
    "further",
    [
        lambda i: f"CC-BY 2.0 (France) Attribution: tatoeba.org #{i} (CK) & #{7 * i} (Espi)",
        lambda i: "deu",
        lambda i: ("formal", "informal")[i % 2],
        lambda i: f"0.{i}",
        lambda i: f"https://example.org/{i}",
        lambda i: "",
    ],
)
def test_a_licence_a_label_a_score_or_an_address_is_not_a_sentence(
    tmp_path: Path, further: Any
) -> None:
    for place in range(3):
        rows = [[*pair[:place], further(i), *pair[place:]] for i, pair in enumerate(PAIRS)]
        pairs, notes = read(write_rows(tmp_path / "a.tsv", *rows))
        assert pairs == PAIRS
        assert f"; column{place + 1} not read (" in notes[0]


def test_three_columns_of_sentences_are_rejected_with_the_settings(tmp_path: Path) -> None:
    rows = [(one, other, f"{other} (formal)") for one, other in PAIRS]
    file = write_rows(tmp_path / "a.tsv", *rows)
    with pytest.raises(
        DataError, match=r"a\.tsv: has 3 columns, .* not certain .* 'Go. 0'"
    ) as said:
        read(file)
    assert "data.source_column=column1 data.target_column=column2" in str(said.value)
    assert read(file, source="column1", target="column2")[0] == PAIRS


def test_sentences_that_are_repeated_may_be_sentences(tmp_path: Path) -> None:
    """The remarks are not taken for the translations, because these are few different ones."""
    rows = [
        (one, ("Auf Wiedersehen!", "Danke sehr!")[i % 2], f"{i} remarks")
        for i, (one, _) in enumerate(PAIRS)
    ]
    with pytest.raises(DataError, match=r"not certain which two hold the sentences"):
        read(write_rows(tmp_path / "a.tsv", *rows))


def test_one_column_of_sentences_is_not_a_pair(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "a.tsv", *((i, "eng", one) for i, (one, _) in enumerate(PAIRS)))
    with pytest.raises(DataError, match=r"not certain which two hold the sentences"):
        read(file)


def test_a_line_with_another_number_of_cells_is_named(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "a.tsv", *PAIRS[:5], ("Hi", "there", "Hallo"), *PAIRS[5:])
    with pytest.raises(DataError, match=r"a\.tsv, line 6: 3 cells, but the first line has 2: 'Hi"):
        read(file)
    file = write_rows(tmp_path / "b.tsv", ("Hi", "there", "Hallo"), *PAIRS)
    with pytest.raises(DataError, match=r"b\.tsv, line 2: 2 cells, but the first line has 3"):
        read(file)


def test_carriage_returns_as_line_ends_are_rejected(tmp_path: Path) -> None:
    file = tmp_path / "a.tsv"
    file.write_bytes(b"a\tb\rc\td\r")
    with pytest.raises(DataError, match=r"a\.tsv: carriage returns \(CR\) end its lines"):
        read(file)
    other = write_lines(tmp_path / "b", ["x", "y"])
    with pytest.raises(DataError, match=r"a\.tsv: carriage returns"):
        list(read_aligned_files(other, file, "utf-8").read())


def test_empty_lines_are_left_out_and_counted(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "a.tsv", *PAIRS, (" ",), ("",))
    assert read(file) == (PAIRS, ["2 empty lines of a.tsv were left out"])


# Headers.


@pytest.mark.parametrize(
    "header",
    [
        ("English", "German"),
        ("English words/sentences", "German words/sentences"),
        ("source_text", "target_text"),
        ("sentence", "translation"),
        ("jumla", "kalimat"),
    ],
)
def test_a_line_that_may_be_a_header_is_rejected(tmp_path: Path, header: tuple[str, str]) -> None:
    file = write_rows(tmp_path / "a.tsv", header, *PAIRS)
    with pytest.raises(DataError, match=r"a\.tsv, line 1: .* looks like the names of columns"):
        read(file)
    assert read(file, header=True)[0] == PAIRS
    assert read(file, header=False)[0] == [header, *PAIRS]


@pytest.mark.parametrize("header", [("en", "de"), ("EN", "De"), ("id", "en", "de", "score")])
def test_a_header_with_the_languages_is_recognized(tmp_path: Path, header: tuple[str, ...]) -> None:
    rows = [(1276 + i, *pair, 0.5) for i, pair in enumerate(PAIRS)]
    rows = [row if len(header) > 2 else row[1:3] for row in rows]
    file = write_rows(tmp_path / "a.tsv", header, *rows)
    assert read(file) == (PAIRS, [])
    backwards = read(file, languages=("de", "en"))[0]
    assert backwards == [(other, one) for one, other in PAIRS]


def test_a_header_above_numbers_is_recognized(tmp_path: Path) -> None:
    rows = [(*pair, f"0.{i}") for i, pair in enumerate(PAIRS)]
    file = write_rows(tmp_path / "a.tsv", ("left side", "right side", "overlap of both"), *rows)
    with pytest.raises(DataError, match=r"looks like the names of columns"):
        read(file)


def test_columns_are_named_by_a_header(tmp_path: Path) -> None:
    rows = [(one, f"{other}!", other) for one, other in PAIRS]
    file = write_rows(tmp_path / "a.tsv", ("English", "loud", "German"), *rows)
    assert read(file, source="English", target="German") == (PAIRS, [])
    with pytest.raises(
        DataError, match=r"no column 'Germn'; did you mean German\? .*target_column"
    ):
        read(file, source="English", target="Germn")
    with pytest.raises(DataError, match=r"'English' cannot be both source and target"):
        read(file, source="English", target="english")


def test_a_missing_column_of_a_file_without_a_header_is_named(tmp_path: Path) -> None:
    file = write_rows(tmp_path / "a.tsv", *PAIRS)
    with pytest.raises(DataError, match=r"no column 'column3'.* choices: column1, column2\."):
        read(file, source="column1", target="column3")


def test_a_table_without_a_header_is_read_as_its_error_says(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "a.csv", [f'"{one}","{other}"' for one, other in PAIRS])
    with pytest.raises(DataError, match=r"no column 'en'.*column1.*with data\.header=false"):
        read(file)
    assert read(file, header=False, source="column1", target="column2") == (PAIRS, [])


def test_another_delimiter_is_a_setting(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "a.txt", [f"{one};{other}" for one, other in PAIRS])
    with pytest.raises(DataError, match=r"line 1: has no tab.*data\.target_path.*data\.delimiter"):
        read(file)
    assert read(file, delimiter="semicolon")[0] == PAIRS


def test_the_first_pair_of_a_word_list_is_kept(tmp_path: Path) -> None:
    pairs = [(f"Hund{chr(97 + i)}", f"dog{chr(97 + i)}") for i in range(26)]
    assert read(write_rows(tmp_path / "a.tsv", *pairs))[0] == pairs


# Settings of the data set.


def test_the_settings_of_columns_reach_the_reader(tmp_path: Path) -> None:
    rows = [(one, f"{other}!", other) for one, other in PAIRS]
    file = write_rows(tmp_path / "a.tsv", ("English", "loud", "German"), *rows)
    settings: dict[str, Any] = {"path": str(file), "vocab_size": 300}
    columns = {"source_column": "English", "target_column": "German"}
    data = ParallelTextDataModule(**settings, **columns)
    data.setup()
    assert {*data.original_texts("train", "target", data.rows["train"])} < {t for _, t in PAIRS}
    numbered = {"source_column": "column1", "target_column": "column3", "header": False}
    other = ParallelTextDataModule(**settings, **numbered)
    other.setup()
    assert sum(other.provenance.sizes.values()) == len(PAIRS) + 1


def test_columns_of_files_without_columns_are_rejected(tmp_path: Path) -> None:
    for name in ("a.en", "a.de"):
        write_lines(tmp_path / name, ["a"])
    settings = {"path": str(tmp_path / "a.en"), "source_column": "x"}
    data = ParallelTextDataModule(**settings, target_path=str(tmp_path / "a.de"))
    with pytest.raises(ConfigError, match=r"data\.source_column=x: names a column of a table"):
        data.setup()
    table = str(write_lines(tmp_path / "b.csv", ["text", "a"]))
    with pytest.raises(
        ConfigError, match=r"b\.csv is a table\. Set data\.path to a table with both"
    ):
        ParallelTextDataModule(path=settings["path"], target_path=table).setup()
    with pytest.raises(ConfigError, match=r"data\.target_column=x: is also the source column"):
        ParallelTextDataModule(**settings, target_column="x")


def test_both_sides_cannot_be_the_same_file(tmp_path: Path) -> None:
    path = str(write_lines(tmp_path / "train.en", ["a"]))
    with pytest.raises(
        ConfigError, match=r"data\.target_path: both sides are the file .*train\.en"
    ):
        ParallelTextDataModule(path=path, target_path=path).setup()
    languages = {"source_language": "en", "target_language": "en"}
    with pytest.raises(ConfigError, match=r"data\.target_language: both sides are the file"):
        ParallelTextDataModule(path=str(tmp_path), **languages).setup()
    table = write_lines(tmp_path / "a.csv", ["en,de", "a,b"])
    with pytest.raises(DataError, match=r"'en' cannot be both source and target"):
        ParallelTextDataModule(path=str(table), **languages).setup()


def test_settings_that_errors_name_are_typed_on_a_command_line(tmp_path: Path) -> None:
    rows = [(i, one, f"{other}!", other) for i, (one, other) in enumerate(PAIRS)]
    file = write_rows(tmp_path / "a.tsv", *rows)
    words = ["data.source_column=column2", "data.target_column=column4", "data.header=false"]
    words += ["data.tokens=words", "data.spaces=true"]
    data: Any = build_data(parse(compose("data=parallel_text", f"data.path={file}", *words)))
    data.setup()
    assert {*data.original_texts("train", "target", data.rows["train"])} < {t for _, t in PAIRS}
    assert "something." in data.vocabularies["source"].tokens
