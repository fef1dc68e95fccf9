"""New files that are written in another way than those of the training: what helps."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from starlette.testclient import TestClient

import rnnlab
from rnnlab.commands import evaluate, predict
from rnnlab.errors import ConfigError, DataError
from rnnlab.inference.trained_run import TrainedRun
from rnnlab.report.folder import RunFolder
from rnnlab.serving.application import make_application
from rnnlab.serving.handlers import make_handler
from rnnlab.serving.limits import ServerLimits
from tests.helpers.run_folders import write_run

SETTING = re.compile(r"data\.\w+=[^\s,.;)]+")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = RunFolder(write_run("imdb", tmp_path_factory.mktemp("run")).folder)
    folder.write_report({**folder.read_report(), "scores": {"test/accuracy": 0.5}})
    return folder.path


@pytest.fixture(scope="module")
def forecaster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run("csv_series", tmp_path_factory.mktemp("run")).folder


def review_file(run: Path) -> pd.DataFrame:
    return pd.read_csv(run.parents[1] / "reviews.csv")


def series_file(run: Path) -> pd.DataFrame:
    return pd.read_csv(run.parents[1] / "series.csv")


def error_of(call: Callable[[], None]) -> str:
    with pytest.raises((ConfigError, DataError)) as error:
        call()
    return str(error.value)


def test_the_column_of_the_texts_is_named(classifier: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    review_file(classifier).rename(columns={"text": "review"}).to_csv(file, index=False)
    words = [str(classifier), str(file), "--no-probabilities"]
    message = error_of(lambda: predict.main(words))
    assert message.endswith("Name the right one with data.text_column")
    predict.main([*words, "data.text_column=review"])
    table = rnnlab.load(classifier, settings=["data.text_column=review"]).predict(file)
    expected = rnnlab.load(classifier).predict(review_file(classifier))
    assert table["prediction"].tolist() == expected["prediction"].tolist()


def test_the_column_of_the_labels_is_named(
    classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new.csv"
    review_file(classifier).rename(columns={"label": "2024"}).to_csv(file, index=False)
    words = [str(classifier), "--data", str(file)]
    assert "data.label_column" in error_of(lambda: evaluate.main(words))
    evaluate.main([*words, "data.label_column=2024"])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("next")]
    predict.main(shlex.split(line)[4:])


@pytest.mark.parametrize(
    "content",
    [
        "text,label\nna\u00efve caf\u00e9,1\nworda,0\n".encode("cp1252"),
        b"worda wordb wordc,1\nwordd worde wordd,0\nwordb worde,1\n",
        b"text;label\nworda, wordb;1\nwordc;0\n",
    ],
    ids=["encoding", "header", "delimiter"],
)
def test_the_advice_of_an_error_works_as_it_is_typed(
    content: bytes, classifier: Path, tmp_path: Path
) -> None:
    file = tmp_path / "new.csv"
    file.write_bytes(content)
    words = [str(classifier), str(file)]
    message = error_of(lambda: predict.main(words))
    settings = SETTING.findall(message)
    assert settings, message
    if "data.header=false" in settings:
        message = error_of(lambda: predict.main([*words, *settings]))
        assert "choices: column1, column2. Name the right one with data.text_column" in message
        settings.append("data.text_column=column1")
    predict.main([*words, *settings, "--output", str(tmp_path / "answers.csv")])
    assert len(pd.read_csv(tmp_path / "answers.csv")) >= 2


@pytest.mark.parametrize("data", ["imdb", "text_file", "parallel_text"])
def test_lines_of_another_encoding(data: str, tmp_path: Path) -> None:
    """The setting is that of the advice; without it they are UTF-8, whatever the training read."""
    run, file = write_run(data, tmp_path).folder, tmp_path / "new.txt"
    file.write_bytes("na\u00efve\nb\n".encode("cp1252"))
    message = error_of(lambda: predict.main([str(run), str(file)]))
    assert "data.encoding=cp1252" in message
    setting = ["data.encoding=cp1252"]
    predict.main([str(run), str(file), *setting])
    assert rnnlab.load(run, settings=setting).predict(file)["text"].tolist() == ["na\u00efve", "b"]
    if data == "text_file":
        assert rnnlab.load(run, settings=setting).evaluate(file).targets == 4


def test_dates_and_decimals_of_a_series(forecaster: Path, tmp_path: Path) -> None:
    table, file = series_file(forecaster), tmp_path / "new.csv"
    table.rename(columns={"date": "day"}).to_csv(file, index=False, sep=";", decimal=",")
    message = error_of(lambda: predict.main([str(forecaster), str(file)]))
    settings = ["data.delimiter=semicolon", "data.decimal=comma", "data.date_column=day"]
    assert settings[0] in message
    message = error_of(lambda: predict.main([str(forecaster), str(file), *settings[:2]]))
    assert "data.date_column" in message
    new = rnnlab.load(forecaster, settings=settings).predict(file)
    pd.testing.assert_frame_equal(new, rnnlab.load(forecaster).predict(table))


def test_a_column_that_has_no_setting_is_renamed(forecaster: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.csv"
    series_file(forecaster).rename(columns={"two": "three"}).to_csv(file, index=False)
    message = error_of(lambda: predict.main([str(forecaster), str(file)]))
    assert "there is no column 'two'; did you mean" in message or "'two'" in message
    assert "Rename the column of the table" in message
    assert "data." not in message
    with pytest.raises(DataError) as error:
        predict.main([str(forecaster), str(file)])
    (problem,) = error.value.problems
    assert (problem.setting, problem.value, problem.suggestions) == (None, "two", [])
    assert "three" in problem.choices
    missing = error_of(lambda: predict.main([str(forecaster), str(tmp_path / "none.csv")]))
    assert missing.endswith("none.csv: there is no such file")


def test_a_request_has_no_settings(forecaster: Path) -> None:
    table = series_file(forecaster).rename(columns={"date": "day"})
    handler = make_handler(TrainedRun(forecaster), ServerLimits())
    with TestClient(make_application(handler, {"run": "", "task": "", "model": ""})) as client:
        rows = json.loads(table.to_json(orient="records"))
        answer = client.post("/predict", json={"rows": rows})
    assert answer.status_code == 400
    assert "no column 'date'" in answer.json()["error"]
    assert "data." not in answer.json()["error"]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("data.seq_len=5", r"data\.seq_len: is not read with a file; .*data\.text_column"),
        ("data.encodng=utf-8", r"did you mean data\.encoding"),
        ("data.quoting=maybe", r"data\.quoting=maybe: Input should be 'auto', 'standard'"),
        ("data.text_column=label", r"data\.(text|label)_column=label: is data\.\w+ too"),
        ("other.csv", r"other\.csv: "),
    ],
)
def test_what_is_no_setting_of_the_reading(word: str, message: str, classifier: Path) -> None:
    words = [str(classifier), str(classifier.parents[1] / "reviews.csv"), word]
    with pytest.raises(ConfigError, match=message):
        predict.main(words)


def test_settings_are_for_a_new_file(classifier: Path) -> None:
    with pytest.raises(ConfigError, match=r"data.label_column=x: .*give it with --data <file>"):
        evaluate.main([str(classifier), "data.label_column=x"])
