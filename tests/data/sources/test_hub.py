import socket
import threading
import time

import pytest

from rnnlab.data.sources import hub as sources
from rnnlab.data.sources.hub import hub_is_reachable, load_from_hub
from rnnlab.errors import DataError
from rnnlab.runtime import network
from tests.helpers.hub import Hub, serve

BUSY = 8  # seconds for a machine that is busy; without a limit, each of these waits for 30 s


@pytest.fixture
def online(monkeypatch):
    """As a user's machine is: neither offline nor behind a proxy."""
    for name in ("HF_HUB_OFFLINE", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub(online, monkeypatch):
    """A hub on loopback that has no data."""
    with serve(Hub({})) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served


@pytest.fixture
def mute(online, monkeypatch):
    """A server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        yield server


@pytest.fixture
def closed(online, monkeypatch):
    """A port that nobody listens at."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{bound.getsockname()[1]}")
        yield bound


def test_a_hub_that_answers_is_reachable_whatever_it_says(hub):
    assert hub_is_reachable()
    assert hub.asked == ["HEAD /"]  # it has no such page: 404


def test_a_closed_port_is_not_reachable(closed):
    start = time.monotonic()
    assert not hub_is_reachable()
    assert time.monotonic() - start < BUSY


def test_a_server_that_never_answers_is_not_reachable(mute):
    start = time.monotonic()
    assert not hub_is_reachable(seconds=0.3)
    assert 0.3 <= time.monotonic() - start < 0.3 + BUSY


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_an_offline_hub_is_not_reachable(hub, monkeypatch, value):
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert not hub_is_reachable()


def test_offline_set_to_zero_is_online(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert hub_is_reachable()


def test_behind_a_proxy_the_probe_says_yes(closed, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.invalid:3128")
    assert hub_is_reachable()


def test_the_probe_waits_no_longer_than_its_limit_for_a_name(online, monkeypatch):
    answered = threading.Event()

    def resolve(*_):
        answered.wait(30)
        raise OSError("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    start = time.monotonic()
    assert not hub_is_reachable(seconds=0.2)
    assert 0.2 <= time.monotonic() - start < 0.2 + BUSY
    assert sources.PROBE_SECONDS <= 2
    answered.set()


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        (None, "https://huggingface.co/"),
        ("https://mirror.example", "https://mirror.example/"),
        ("https://mirror.example:8443/hf/", "https://mirror.example:8443/hf/"),
    ],
)
def test_the_probe_asks_the_hub_that_is_used(online, monkeypatch, endpoint, address):
    if endpoint:
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
    else:
        monkeypatch.delenv("HF_ENDPOINT", raising=False)
    asked = []
    monkeypatch.setattr(network, "request", lambda *given: asked.append(given) or "")
    assert hub_is_reachable(1.5)
    assert [url for url, *_ in asked] == [address]


# Loading, bounded.


@pytest.mark.slow
@pytest.mark.parametrize("server", ["closed", "mute"])
def test_a_hub_that_is_not_there_is_said_within_five_seconds(server, request):
    request.getfixturevalue(server)
    start = time.monotonic()
    with pytest.raises(DataError, match=r"a/b could not be loaded: http://127.* cannot be reached"):
        load_from_hub("a/b", ["train"])
    assert time.monotonic() - start < 5


def test_a_load_goes_on_while_files_grow(tmp_path):
    def load():
        for i in range(15):
            (tmp_path / "file").write_bytes(bytes(i))
            time.sleep(0.1)
        return "loaded"

    assert sources.call_with_stall_limit(load, [tmp_path], seconds=1.0) == "loaded"


def test_a_load_that_stands_still_is_given_up(tmp_path):
    release = threading.Event()
    start = time.monotonic()
    with pytest.raises(sources.StalledError):
        sources.call_with_stall_limit(lambda: release.wait(30), [tmp_path], seconds=0.4)
    assert 0.4 < time.monotonic() - start < 0.4 + BUSY
    release.set()


def test_an_error_of_the_load_is_passed_on(tmp_path):
    with pytest.raises(ZeroDivisionError):
        sources.call_with_stall_limit(lambda: 1 / 0, [tmp_path], seconds=1)


@pytest.mark.parametrize("given", ["0", "-1", "soon", "nan"])
def test_the_patience_must_be_a_number(monkeypatch, given):
    monkeypatch.setenv("RNNLAB_HUB_SECONDS", given)
    with pytest.raises(DataError, match=f"RNNLAB_HUB_SECONDS={given}: must be"):
        sources.stall_seconds()
