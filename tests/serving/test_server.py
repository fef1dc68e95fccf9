"""Real servers on the loopback interface."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from rnnlab.commands import serve
from rnnlab.errors import ConfigError
from rnnlab.inference.trained_run import TrainedRun
from rnnlab.serving.server import address_of, open_socket
from tests.helpers.run_folders import write_run
from tests.helpers.servers import RunningServer, start_server

HEAD = "POST /predict HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of texts."""
    return write_run("imdb", tmp_path_factory.mktemp("run")).folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    """A server that waits two seconds for slow clients."""
    with start_server(folder, "--timeout", "2") as running:
        yield running


def make_texts(count: int) -> list[str]:
    """Different texts of the words of the small reviews."""
    random = np.random.default_rng(1)
    words = [f"word{chr(97 + i)}" for i in range(26)]
    return [" ".join(random.choice(words, random.integers(1, 20))) for _ in range(count)]


@pytest.mark.slow
def test_concurrent_requests_have_their_own_answers(server: RunningServer, folder: Path) -> None:
    texts = make_texts(600)
    expected = TrainedRun(folder).predict(texts)["p(positive)"].tolist()
    groups = [list(range(i, min(i + 1 + i % 4, 600))) for i in range(0, 600, 2)]

    def ask(rows: list[int]) -> list[float]:
        status, answer = server.request("/predict", {"texts": [texts[i] for i in rows]})
        assert status == 200, answer
        return [row["p(positive)"] for row in answer["predictions"]]

    with ThreadPoolExecutor(40) as pool:
        for rows, answer in zip(groups, pool.map(ask, groups), strict=True):
            assert answer == pytest.approx([expected[i] for i in rows], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (HEAD[:30], 408),
        (f'{HEAD}content-length: 50\r\n\r\n{{"texts', 408),
        (f'{HEAD}transfer-encoding: chunked\r\n\r\n5\r\n{{"tex\r\n', 408),
        ("nonsense\r\n\r\n", 400),
        (f"{HEAD}content-length: -1\r\n\r\n", 400),
        ("", None),
    ],
)
def test_slow_and_broken_clients(sent: str, status: int | None, server: RunningServer) -> None:
    with server.connect() as connection:
        connection.sendall(sent.encode())
        answer = read_all(connection)
    if status is None:
        assert answer == b""
    else:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert f" {status} ".encode() in head.splitlines()[0]
        assert list(json.loads(body)) == ["error"]
    assert server.request("/health")[0] == 200


def send_slowly(connection: socket.socket) -> None:
    """Send a byte at a time, for up to a minute."""
    for _ in range(600):
        connection.sendall(b"x")
        time.sleep(0.1)


def read_all(connection: socket.socket) -> bytes:
    """What the server sends until it closes the connection."""
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.slow
def test_a_client_that_sends_a_byte_at_a_time_is_not_waited_for(server: RunningServer) -> None:
    with server.connect() as connection, pytest.raises(OSError, match=r"reset|pipe|abort"):
        send_slowly(connection)
    assert server.request("/health")[0] == 200


@pytest.mark.slow
def test_the_printed_command_works_as_typed(server: RunningServer) -> None:
    line = next(x for x in server.first_lines.splitlines() if x.startswith("try it"))
    command = line.removeprefix("try it").strip()
    output = subprocess.run(["bash", "-c", command], capture_output=True, check=True).stdout
    assert json.loads(output) == server.request("/schema")[1]["example_answer"]
    assert f"kill {server.process.pid}" in server.first_lines


@pytest.mark.slow
def test_the_last_requests_are_answered(folder: Path) -> None:
    with start_server(folder) as running, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(running.request, "/predict", {"texts": make_texts(3_000)})
        time.sleep(0.1)
        code, output = running.stop(signal.SIGINT)
        assert answer.result()[0] == 200
        assert (code, output) == (0, "stopped\n")
        with pytest.raises(ConnectionRefusedError):
            running.connect()


@pytest.mark.slow
def test_workers_answer_and_end_with_their_parent(folder: Path) -> None:
    with start_server(folder, "--workers", "2") as running:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(running.request, ["/predict"] * 8, [{"text": "worda"}] * 8))
        assert [status for status, _ in answers] == [200] * 8
        children = psutil.Process(running.process.pid).children()
        assert len(children) >= 2
        os.kill(running.process.pid, signal.SIGKILL)
        assert psutil.wait_procs(children, timeout=60)[1] == []


def test_a_port_that_is_not_free_is_one_sentence(tmp_path: Path) -> None:
    with open_socket("127.0.0.1", 0) as other:
        port = other.getsockname()[1]
        assert address_of(other) == f"http://127.0.0.1:{port}"
        with pytest.raises(ConfigError, match=rf"--port {port}: .*in use.*--port 0"):
            serve.main([str(tmp_path), "--port", str(port)])


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--port", "70000"], "--port 70000: must be from 0"),
        (["--host", "no.such.host.invalid"], "--host no.such.host.invalid: no such address"),
        (["--workers", "0"], "--workers 0: must be from 1 to 64"),
        (["--timeout", "-1"], "--timeout -1: must be more than 0"),
        (["--port", "0"], "there is no such checkpoint"),
    ],
)
def test_what_is_refused(options: list[str], problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=problem):
        serve.main([str(tmp_path), *options])


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs starlette and uvicorn: pip install 'rnnlab"):
        serve.main([str(tmp_path)])


def test_a_run_without_a_processor_is_refused(tmp_path: Path) -> None:
    folder = write_run("echo", tmp_path).folder
    (folder / "processor.json").unlink()
    with pytest.raises(ConfigError, match=r"has no processor\.json"):
        serve.main([str(folder), "--port", "0"])
