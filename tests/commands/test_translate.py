"""What a finished run is for: sentences of one's own."""

import gzip
import io
import os
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

import rnnlab
from rnnlab.commands.translate import main
from rnnlab.config.schema import parse
from rnnlab.errors import ConfigError, DataError
from rnnlab.experiment.build import build_data
from tests.helpers.run_folders import write_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run that knows next to nothing; upper case is not told apart."""
    place = tmp_path_factory.mktemp("run")
    return write_run("multi30k", place, "model=bilstm", tokens="bpe", vocab_size=300).folder


def test_a_sentence_is_translated_as_in_the_test(folder: Path) -> None:
    model = rnnlab.load(folder).model
    data: Any = build_data(parse(model.hyper_parameters["config"]))
    data.setup()
    rows = np.arange(12)
    written = model.predict_step(data.gather("test", rows), 0).tolist()
    wanted = [data.vocabularies["target"].decode(ids).strip() for ids in written]
    sources = data.original_texts("test", "source", rows)
    assert rnnlab.load(folder).translate(sources)["translation"].tolist() == wanted
    assert len(set(wanted)) > 1


def test_it_reads_as_the_data_set_reads(folder: Path) -> None:
    table = rnnlab.load(folder).translate(["aa bb n3", "  AA bb N3\n"])
    plain, upper = zip(table["translation"], table["score"], strict=True)
    assert plain == upper


def test_the_n_best_come_with_their_scores(folder: Path) -> None:
    several = rnnlab.load(folder).translate(["aa bb"], beam_size=4, n_best=3)
    scores = several["score"].tolist()
    assert scores == sorted(scores, reverse=True)
    assert several["rank"].tolist() == [1, 2, 3]
    assert scores[0] < 0


def test_the_command_line_gives_a_translation_a_line(folder: Path, capsys, monkeypatch) -> None:
    main([str(folder), "aa bb", "cc"])
    words = capsys.readouterr().out
    assert len(words.splitlines()) == 2
    (folder.parent / "mine.de").write_text("aa bb\n\ncc\n", encoding="utf-8")
    main([str(folder), "--input", str(folder.parent / "mine.de")])
    first, empty, last = capsys.readouterr().out.splitlines()
    assert [first, last] == words.splitlines()
    assert empty == "", "lines stay beside each other"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"aa bb\ncc")))
    main([str(folder), "--beam-size", "2", "--n-best", "2"])
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == ["1", "1", "2", "2"]
    assert all(float(line[1]) < 0 for line in lines)


def test_a_reference_gives_scores(folder: Path, tmp_path: Path, capsys) -> None:
    (text,) = rnnlab.load(folder).translate(["aa bb"])["translation"]
    (tmp_path / "mine.en").write_text(f"{text.upper()}\n", encoding="utf-8")
    main([str(folder), "aa bb", "--reference", str(tmp_path / "mine.en")])
    matches, bleu, chrf = capsys.readouterr().err.splitlines()
    assert matches == "exact matches 100.00%"
    assert bleu.startswith("BLEU 100.00 (nrefs:1|case:lc|")
    assert chrf.startswith("chrF 100.00 (")
    with pytest.raises(DataError, match=r"mine\.en has 1 lines for 2 sentences"):
        main([str(folder), "aa bb", "cc", "--reference", str(tmp_path / "mine.en")])
    assert capsys.readouterr().out == "", "counted before the translation"


def test_files_are_read_as_training_reads_them(folder: Path, tmp_path: Path, capsys) -> None:
    plain, marked = tmp_path / "plain.de", tmp_path / "marked.de.gz"
    plain.write_bytes("aä bb\ncc\r\n\naa\rbb\n  ".encode())
    marked.write_bytes(gzip.compress(b"\xef\xbb\xbf" + plain.read_bytes()))
    outputs = []
    for file in (plain, marked):
        main([str(folder), "--input", str(file)])
        outputs.append(capsys.readouterr().out)
    assert outputs[0] == outputs[1]
    lines = outputs[0].split("\n")
    assert len(lines) == 6, "five lines, and no carriage return in them"
    assert "\r" not in outputs[0]
    assert [bool(line) for line in lines] == [True, True, False, True, False, False]
    plain.write_bytes("aä bb\ncc\r\n\naa\rbb\n  ".encode("utf-16"))
    with pytest.raises(DataError, match=r"byte-order mark of UTF-16, .* Set --encoding utf-16$"):
        main([str(folder), "--input", str(plain)])
    main([str(folder), "--input", str(plain), "--encoding", "utf-16"])
    assert capsys.readouterr().out == outputs[0]


def test_standard_input_is_read_as_a_file(folder: Path, capsys, monkeypatch) -> None:
    def translate(content: bytes, *options: str) -> str:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
        main([str(folder), *options])
        return capsys.readouterr().out

    plain = translate("aä bb\ncc\n".encode())
    assert translate("\ufeffaä bb\r\ncc".encode()) == plain
    assert translate("aä bb\ncc\n".encode("cp1252"), "--encoding", "cp1252") == plain
    assert translate(b"") == ""
    with pytest.raises(DataError, match=r"standard input, line 2: is not utf-8.*--encoding cp1252"):
        translate("aa\nä\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"standard input, line 1: holds a zero byte"):
        translate(b"a\0\n")
    with pytest.raises(ConfigError, match=r"--encoding utf-16: not of standard input"):
        translate(b"", "--encoding", "utf-16")


def test_a_pipe_is_read_once(folder: Path, tmp_path: Path, capsys) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_bytes, args=(b"\xef\xbb\xbfaa bb\n",))
    writer.start()
    main([str(folder), "--input", str(pipe)])
    writer.join()
    piped = capsys.readouterr().out
    main([str(folder), "aa bb"])
    assert capsys.readouterr().out == piped


def test_nothing_cannot_be_scored(folder: Path, tmp_path: Path, capsys) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    main([str(folder), "--input", str(empty)])
    assert capsys.readouterr().out == ""
    with pytest.raises(DataError, match=r"empty: contains no sentences, .* --reference .*empty$"):
        main([str(folder), "--input", str(empty), "--reference", str(empty)])


def test_line_breaks_of_a_sentence_are_spaces(folder: Path, capsys) -> None:
    main([str(folder), "aa bb\ncc", "aa bb cc"])
    one, other = capsys.readouterr().out.splitlines()
    assert one == other


def test_unknown_tokens_are_counted(tmp_path: Path, capsys) -> None:
    main([str(write_run("parallel_text", tmp_path).folder), "aa new bb words"])
    note = "note: 2 of 4 tokens of the sentences are not in the vocabulary: <unk>\n"
    assert capsys.readouterr().err == note


@pytest.mark.parametrize("name", ["plain", "bom", "edge"])
def test_files_of_users_give_a_line_for_each_line(name: str, folder: Path, capsys) -> None:
    case = Path(__file__).parents[3] / "shared" / "cases" / "text" / "translate_input_files"
    if not case.exists():
        pytest.skip("the cases of users are not in this checkout")
    main([str(folder), "--input", str(case / f"{name}.txt")])
    lines = capsys.readouterr().out.split("\n")
    assert len(lines) - 1 == (case / f"{name}.txt").read_bytes().count(b"\n")
    if name == "bom":
        main([str(folder), "--input", str(case / "plain.txt")])
        assert capsys.readouterr().out.split("\n") == lines


def test_what_cannot_work_is_said_in_words(folder: Path, tmp_path: Path, capsys) -> None:
    with pytest.raises(ConfigError, match="no such checkpoint; give the folder of a run"):
        main([str(tmp_path), "aa"])
    with pytest.raises(ConfigError, match=r"--n-best 9: a beam of 5 .* --beam-size 9 or more"):
        main([str(folder), "aa", "--n-best", "9"])
    with pytest.raises(ConfigError, match="leave one of them out"):
        main([str(folder), "aa", "--input", "mine.de"])
    with pytest.raises(DataError, match=r"--input absent\.de: there is no such file"):
        main([str(folder), "--input", "absent.de"])
    with pytest.raises(DataError, match=r"--input a+: cannot be read: File name too long"):
        main([str(folder), "--input", "a" * 5000])
    (tmp_path / "latin").write_bytes("schön".encode("latin-1"))
    with pytest.raises(
        DataError, match=r"latin: byte 3 .*in line 1\) .*such as --encoding cp1252$"
    ):
        main([str(folder), "--input", str(tmp_path / "latin")])
    with pytest.raises(ConfigError, match=r"--encoding utf-9: unknown encoding"):
        main([str(folder), "--input", str(tmp_path / "latin"), "--encoding", "utf-9"])
    with pytest.raises(ConfigError, match=r"'a\\udcff': holds bytes that are not text"):
        main([str(folder), "a\udcff"])
    with pytest.raises(DataError, match=r"sentence 2: has 40,000 characters; divide it"):
        main([str(folder), "aa", "aa b" * 10_000])
    with pytest.raises(SystemExit):
        main([str(folder), "aa", "--beam-size", "0"])
    assert "must be a whole number from 1 to 1,000, not '0'" in capsys.readouterr().err


def test_a_run_of_another_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"task=forecasting, which does not translate.*multi30k"):
        main([str(write_run("adding", tmp_path).folder), "aa"])
