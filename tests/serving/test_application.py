"""The application of a server, in one process and without a network."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from rnnlab.inference.trained_run import TrainedRun
from rnnlab.serving.application import make_application
from rnnlab.serving.handlers import make_handler
from rnnlab.serving.limits import ServerLimits
from tests.helpers.run_folders import write_run

FACTS = {"run": "2026-<b>run</b>", "task": "Classification", "model": "GRU"}
JSON = {"content-type": "application/json"}
LIMITS = ServerLimits(batch_size=8, inputs=300, megabytes=0.1)


def make_client(run: TrainedRun, limits: ServerLimits = LIMITS) -> TestClient:
    """A client of the application of a run."""
    return TestClient(make_application(make_handler(run, limits), FACTS))


@pytest.fixture(scope="module")
def texts_run(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A classifier of two classes."""
    return TrainedRun(write_run("imdb", tmp_path_factory.mktemp("texts")).folder)


@pytest.fixture(scope="module")
def rows_run(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """Forecasts of two series."""
    return TrainedRun(write_run("csv_series", tmp_path_factory.mktemp("rows")).folder)


@pytest.fixture(scope="module")
def texts(texts_run: TrainedRun) -> Iterator[TestClient]:
    """A client of the classifier."""
    with make_client(texts_run) as client:
        yield client


@pytest.fixture(scope="module")
def rows(rows_run: TrainedRun) -> Iterator[TestClient]:
    """A client of the forecasts."""
    with make_client(rows_run) as client:
        yield client


def post(client: TestClient, body: str | bytes, **headers: str) -> tuple[int, Any]:
    """Status and answer to a body."""
    answer = client.post("/predict", content=body, headers={**JSON, **headers})
    return answer.status_code, answer.json()


def test_texts_have_the_predictions_of_python(texts: TestClient, texts_run: TrainedRun) -> None:
    inputs = ["worda wordb", "", "wordc " * 40, "ü \u2028 \x00 <b>", "wordd"]
    status, answer = post(texts, json.dumps({"texts": inputs}))
    expected = texts_run.predict(inputs).drop(columns="text")
    assert status == 200
    frame = pd.DataFrame(answer["predictions"])
    pd.testing.assert_frame_equal(frame, expected, check_dtype=False, rtol=1e-5)
    status, answer = post(texts, json.dumps({"text": inputs[2]}))
    assert status == 200
    assert answer["predictions"][0]["probability"] == pytest.approx(expected["probability"][2])
    assert answer["predictions"][0]["prediction"] == expected["prediction"][2]


def test_rows_have_the_forecasts_of_python(rows: TestClient, rows_run: TrainedRun) -> None:
    table = pd.read_csv(rows_run.folder.read_config()["data"]["path"]).tail(40)
    records = json.loads(table.to_json(orient="records"))
    records[3]["one"] = None
    status, answer = post(rows, json.dumps({"rows": records, "steps": 7}))
    expected = rows_run.predict(pd.DataFrame(records), steps=7)
    assert status == 200
    frame = pd.DataFrame(answer["predictions"])
    assert frame["date"].tolist() == [date.isoformat() for date in expected["date"]]
    numbers = ["step", "block", "forecast"]
    np.testing.assert_allclose(frame[numbers], expected[numbers], rtol=1e-9)
    assert answer["notes"] == expected.attrs["notes"] != []


@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_a_forecast_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    run = TrainedRun(write_run("csv_series", tmp_path, "data.transform=none").folder)
    with make_client(run) as client:
        request = client.get("/example").json()
        request["rows"][-1] |= {"one": 1e200, "two": 1e200}
        check_reason(post(client, json.dumps(request)), "is not a finite number")


@pytest.mark.parametrize("data", ["stocks", "copying", "adding"])
def test_every_kind_of_input_has_an_example_that_works(data: str, tmp_path: Path) -> None:
    run = TrainedRun(write_run(data, tmp_path).folder)
    with make_client(run) as client:
        schema = client.get("/schema").json()
        status, answer = post(client, client.get("/example").content)
        assert (status, answer) == (200, schema["example_answer"])
        assert client.get("/").status_code == 200
    expected = run.predict(run.processor.example_inputs()).select_dtypes("number")
    got = pd.DataFrame(answer["predictions"])[list(expected)]
    np.testing.assert_allclose(got, expected, rtol=1e-5)


def test_translations_are_those_of_python(tmp_path: Path) -> None:
    run = TrainedRun(write_run("parallel_text", tmp_path).folder)
    sentences = ["aa bb cc", "", "dd " * 20, "ee"]
    with make_client(run) as client:
        status, answer = post(client, json.dumps({"texts": sentences}))
        best = post(client, json.dumps({"text": "aa bb", "n_best": 2, "beam_size": 3}))[1]
        check_reason(post(client, json.dumps({"text": "a", "n_best": 9})), "beam_size=9")
        check_reason(post(client, json.dumps({"text": "a", "beam_size": 21})), "beam_size: .*20")
        assert client.get("/").status_code == 200
    expected = run.translate(sentences)
    assert status == 200
    assert [row["translation"] for row in answer["predictions"]] == list(expected["translation"])
    scores = [row["score"] for row in answer["predictions"]]
    np.testing.assert_allclose(scores, expected["score"], rtol=1e-5, atol=1e-6)
    expected = run.translate("aa bb", n_best=2, beam_size=3)
    assert [row["translation"] for row in best["predictions"]] == list(expected["translation"])
    assert [row["rank"] for row in best["predictions"]] == list(expected["rank"])


def test_a_prompt_is_continued_as_in_python(tmp_path: Path) -> None:
    run = TrainedRun(write_run("text_file", tmp_path).folder)
    with make_client(run) as client:
        status, answer = post(client, '{"prompt": "worda", "tokens": 7, "seed": 3}')
        check_reason(post(client, '{"prompt": "a", "tokens": 1001}'), "tokens: .*1000")
        check_reason(post(client, '{"prompt": "a", "temperature": -1}'), "temperature: .*0")
        check_reason(
            post(client, '{"texts": ["a"], "tokens": 5}'), "either text or texts, to score"
        )
        check_reason(post(client, '{"texts": ["a"], "text": "b"}'), "not text and texts$")
        status, scores = post(client, '{"texts": ["wa wb", ""]}')
        assert 'id="temperature"' in client.get("/").text
    assert status == 200
    expected = run.generate("worda", tokens=7, seed=3)
    assert answer["predictions"] == [{"text": expected["text"][0]}]
    lines = run.predict(["wa wb", ""])
    assert [row["perplexity"] for row in scores["predictions"]] == pytest.approx(
        list(lines["perplexity"])
    )


BAD_TEXTS = {
    "": "the body is not JSON: EOF",
    "{texts": "the body is not JSON: key must be a string at line 1 column 2",
    "[" * 5_000: "the body is not JSON: recursion limit",
    '["a"]': "should be an object",
    "{}": "give either text, one text, or texts",
    '{"text": "a", "texts": ["a"]}': "give either text, one text, or texts",
    '{"texts": []}': "texts: .*at least 1 item",
    '{"texts": "a"}': "texts: .*valid array",
    '{"texts": [1]}': r"texts\.0: .*valid string",
    '{"texts": [null]}': r"texts\.0: .*valid string",
    '{"txts": ["a"]}': "txts: no such field; did you mean texts",
    '{"text": "\\ud800"}': "the body is not JSON",
    json.dumps({"texts": ["a"] * 301}): "texts: .*at most 300 items",
    json.dumps({"texts": [1] * 200}): "and 197 more",
    json.dumps({"x" * 50_000: 1}): "^x{10,60}….*no such field",
}
BAD_ROWS = {
    '{"rows": []}': "rows: .*at least 1 item",
    '{"rows": [1]}': r"rows\.0: .*object|rows\.0: .*dictionary",
    '{"rows": [{"one": [1]}]}': r"rows\.0\.one: must be a number, a text",
    '{"rows": [{"one": NaN}]}': r"rows\.0\.one: must be a finite number",
    '{"rows": [{"one": 1e999}]}': r"rows\.0\.one: must be a finite number",
    f'{{"rows": [{{"one": {"9" * 400}}}]}}': r"rows\.0\.one: must be a finite number",
    '{"rows": [{"one": 1}, {"onee": 1}]}': "row 2 (has no column 'one'|has a column 'onee')",
    '{"rows": [{"one": 1}]}': "no column 'date'",
    '{"rows": [{"date": "soon", "one": 1, "two": 2}]}': "soon",
    '{"rows": [{"date": "2020-01-01", "one": 1, "two": 2}]}': "but the network reads",
    '{"rows": [{"date": true, "one": "x", "two": {}}]}': r"rows\.0\.two: must be a number",
    '{"rows": [{"one": 1}], "steps": 0}': "steps: .*greater than or equal to 1",
    '{"rows": [{"one": 1}], "steps": 301}': "steps: .*less than or equal to 300",
    '{"rows": [{"one": 1}], "steps": "3"}': "steps: .*valid integer",
    '{"rows": [{"one": 1}], "steps": 2.5}': "steps: .*valid integer",
    '{"rows": [{"one": 1}], "batch_size": 3}': "batch_size: no such field",
    json.dumps(
        {"rows": [{"date": 10**200, "one": -(10**30), "two": 1}] * 20}
    ): "row 1, column 'date'",
}


@pytest.mark.parametrize("body", BAD_TEXTS, ids=lambda body: body[:20])
def test_invalid_texts_have_a_reason(body: str, texts: TestClient) -> None:
    check_reason(post(texts, body), BAD_TEXTS[body])


@pytest.mark.parametrize("body", BAD_ROWS, ids=lambda body: body[:40])
def test_invalid_rows_have_a_reason(body: str, rows: TestClient) -> None:
    check_reason(post(rows, body), BAD_ROWS[body])


def check_reason(answer: tuple[int, Any], pattern: str) -> None:
    status, content = answer
    assert status == 400, content
    assert list(content) == ["error"]
    assert len(content["error"]) < 1_000
    with pytest.raises(ValueError, match=pattern):
        raise ValueError(content["error"])


def test_what_is_no_request(texts: TestClient) -> None:
    status, answer = post(texts, '{"text": "a"}', **{"content-type": "text/plain"})
    assert (status, "application/json" in answer["error"]) == (415, True)
    status, answer = post(texts, b'{"text": "\xff"}')
    assert (status, "not JSON" in answer["error"]) == (400, True)
    status, answer = post(texts, json.dumps({"text": "a" * 10_000_000}))
    assert (status, answer) == (413, {"error": "the body is larger than 0.1 MB; divide the inputs"})
    assert texts.get("/predict").json() == {"error": "Method Not Allowed"}
    assert texts.get("/nowhere").status_code == 404
    assert "/schema" in texts.get("/nowhere").json()["error"]
    assert post(texts, '{"text": "a"}')[0] == 200


def test_an_unexpected_failure_is_json_and_the_server_goes_on(
    texts_run: TrainedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_application(make_handler(texts_run, LIMITS), FACTS)
    with TestClient(app, raise_server_exceptions=False) as client:
        with monkeypatch.context() as patch:
            patch.setattr(TrainedRun, "predict", lambda *args, **options: 1 / 0)
            status, answer = post(client, '{"text": "a"}')
        assert status == 500
        assert "ZeroDivision" not in answer["error"]
        assert post(client, '{"text": "a"}')[0] == 200


def test_health_and_schema(texts: TestClient) -> None:
    health = texts.get("/health").json()
    assert health.pop("uptime") >= 0
    assert health == {"status": "ok", **FACTS}
    schema = texts.get("/schema").json()
    assert set(schema["input"]["properties"]) == {"text", "texts"}
    assert set(schema["output"]["properties"]) == {"predictions"}
    columns = schema["output"]["properties"]["predictions"]["items"]["properties"]
    assert list(columns) == list(schema["example_answer"]["predictions"][0])
    assert schema["curl"].startswith("curl -s http://testserver/predict -H")
    assert schema["limits"] == {"bytes": 100_000, "inputs": 300, "seconds": 30.0}


def test_the_page_escapes_what_it_shows_and_needs_no_other_server(texts: TestClient) -> None:
    page = texts.get("/")
    assert "2026-&lt;b&gt;run&lt;/b&gt;" in page.text
    assert "<b>" not in page.text
    assert "http://www.w3.org/2000/svg" in page.text
    assert page.text.count("http") == page.text.count("http://www.w3.org") + page.text.count(
        "http://testserver"
    )
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "innerHTML" not in page.text


def test_limits_are_checked() -> None:
    from rnnlab.errors import ConfigError

    with pytest.raises(ConfigError, match="--timeout nan: must be more than 0"):
        ServerLimits(seconds=float("nan"))
    with pytest.raises(ConfigError, match="--max-batch-size 0: must be more than 0"):
        ServerLimits(batch_size=0)
