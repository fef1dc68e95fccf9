"""A small Hugging Face hub on loopback: enough of its API for `datasets` to load a data set."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REVISION = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Data sets and what was asked of them.

    Attributes:
        files: name of a data set -> path -> content.
        stalls_after: bytes of a file that are sent before nothing more comes; None for all.
        asked: method and path of each request.
    """

    files: Mapping[str, Mapping[str, bytes]]
    stalls_after: int | None = None
    asked: list[str] = field(default_factory=list)
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """The hub, at `hub.url`."""

    class Handler(HubHandler):
        shown = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    try:
        yield hub
    finally:
        hub.closing.set()
        server.shutdown()
        server.server_close()


class HubHandler(BaseHTTPRequestHandler):
    """Answers of the hub; `shown` is what it has."""

    shown: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = self.path.split("?")[0]
        self.shown.asked.append(f"{self.command} {self.path}")
        for name, files in self.shown.files.items():
            if path.startswith(f"/api/datasets/{name}"):
                return self.describe(files, path.removeprefix(f"/api/datasets/{name}"))
            if found := re.fullmatch(rf"/datasets/{name}/resolve/[^/]+/(.+)", path):
                return self.send_file(files, found.group(1))
        return self.send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def describe(self, files: Mapping[str, bytes], path: str) -> None:
        listing = [
            {"type": "file", "path": name, "size": len(content), "oid": oid(content)}
            for name, content in files.items()
        ]
        if found := re.fullmatch(r"/tree/[^/]+/?(.*)", path):
            self.send_json(inside(listing, found.group(1)))
        elif path in ("", f"/revision/{REVISION}", "/revision/main"):
            siblings = [{"rfilename": name} for name in files]
            facts = {"id": "x", "sha": REVISION, "siblings": siblings, "tags": []}
            self.send_json({**facts, "private": False, "downloads": 0, "gated": False})
        else:
            self.send(404, b"{}", {"X-Error-Code": "EntryNotFound"})

    def send_file(self, files: Mapping[str, bytes], name: str) -> None:
        if name not in files:
            return self.send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
        content = files[name]
        return self.send(200, content, {"ETag": f'"{oid(content)}"', "X-Repo-Commit": REVISION})

    def send_json(self, content: Any) -> None:
        self.send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        stop = self.shown.stalls_after
        if stop is None or "resolve" not in self.path or stop >= len(body):
            self.wfile.write(body)
        else:
            self.wfile.write(body[:stop])
            self.wfile.flush()
            self.shown.closing.wait(60)


def inside(listing: list[dict[str, Any]], folder: str) -> list[dict[str, Any]]:
    """The files and folders that stand in a folder, without what is further down."""
    start = f"{folder}/" if folder else ""
    found = {}
    for entry in listing:
        if entry["path"].startswith(start):
            first, deeper, _ = entry["path"].removeprefix(start).partition("/")
            below = {"type": "directory", "path": start + first, "size": 0, "oid": REVISION}
            found[first] = below if deeper else entry
    return list(found.values())


def oid(content: bytes) -> str:
    """The name that git gives a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
