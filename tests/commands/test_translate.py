"""What a finished run is for: sentences of one's own."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnlab
from rnnlab.commands.translate import Translator, main
from rnnlab.config.schema import parse
from rnnlab.errors import ConfigError, DataError
from rnnlab.experiment.build import build_data
from rnnlab.experiment.run import run
from tests.helpers.configs import small


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a run that knows next to nothing; upper case is not told apart."""
    place = tmp_path_factory.mktemp("run")
    plain = small("multi30k", place, "model=bilstm", "test=false", tokens="bpe", vocab_size=300)
    plain["trainer"] |= {"max_epochs": 2}
    return run(plain).folder.path


def test_a_sentence_is_translated_as_in_the_test(folder: Path) -> None:
    model = rnnlab.load(folder)
    data: Any = build_data(parse(model.hyper_parameters["config"]))
    data.setup()
    rows = np.arange(12)
    written = model.predict_step(data.gather("test", rows), 0).tolist()
    wanted = [data.vocabularies["target"].decode(ids).strip() for ids in written]
    sources = data.original_texts("test", "source", rows)
    assert [found[0].text for found in Translator(folder)(sources)] == wanted
    assert len(set(wanted)) > 1


def test_it_reads_as_the_data_set_reads(folder: Path) -> None:
    translator = Translator(folder)
    plain, upper = translator(["aa bb n3", "  AA bb N3\n"])
    assert plain == upper


def test_the_n_best_come_with_their_scores(folder: Path) -> None:
    (several,) = Translator(folder)(["aa bb"], beam_size=4, n_best=3)
    scores = [one.score for one in several]
    assert scores == sorted(scores, reverse=True)
    assert len(several) == 3
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
    monkeypatch.setattr("sys.stdin", io.StringIO("aa bb\ncc"))
    main([str(folder), "--beam-size", "2", "--n-best", "2"])
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == ["1", "1", "2", "2"]
    assert all(float(line[1]) < 0 for line in lines)


def test_a_reference_gives_scores(folder: Path, tmp_path: Path, capsys) -> None:
    (text,) = Translator(folder)(["aa bb"])[0]
    (tmp_path / "mine.en").write_text(f"{text.text.upper()}\n", encoding="utf-8")
    main([str(folder), "aa bb", "--reference", str(tmp_path / "mine.en")])
    bleu, chrf = capsys.readouterr().err.splitlines()
    assert bleu.startswith("BLEU 100.00 (nrefs:1|case:lc|")
    assert chrf.startswith("chrF 100.00 (")
    with pytest.raises(DataError, match=r"has 1 lines for 2 sentences"):
        main([str(folder), "aa bb", "cc", "--reference", str(tmp_path / "mine.en")])


def test_what_cannot_work_is_said_in_words(folder: Path, tmp_path: Path, capsys) -> None:
    with pytest.raises(ConfigError, match="no such checkpoint; give the folder of a run"):
        main([str(tmp_path), "aa"])
    with pytest.raises(ConfigError, match=r"--n-best 9: a beam of 5 .* --beam-size 9 or more"):
        main([str(folder), "aa", "--n-best", "9"])
    with pytest.raises(ConfigError, match="leave one of them out"):
        main([str(folder), "aa", "--input", "mine.de"])
    with pytest.raises(DataError, match=r"absent\.de: cannot be read: No such file"):
        main([str(folder), "--input", "absent.de"])
    (tmp_path / "latin").write_bytes("schön".encode("latin-1"))
    with pytest.raises(DataError, match="latin: is not UTF-8"):
        main([str(folder), "--input", str(tmp_path / "latin")])
    with pytest.raises(SystemExit):
        main([str(folder), "aa", "--beam-size", "0"])
    assert "must be a whole number from 1, not '0'" in capsys.readouterr().err


def test_a_run_of_another_task_is_refused(tmp_path: Path) -> None:
    plain = small("adding", tmp_path, "test=false")
    plain["trainer"] |= {"max_epochs": 1, "limit_train_batches": 1}
    with pytest.raises(ConfigError, match=r"task=forecasting, which does not translate.*multi30k"):
        Translator(run(plain).folder.path)
