"""A server of `rnnlab serve` in a process of its own."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.helpers.configs import ROOT
from tests.helpers.processes import ForkedProcess


class RunningServer(NamedTuple):
    """A server on the loopback interface.

    Attributes:
        first_lines: what the command printed when it began to serve.
    """

    process: subprocess.Popen[str]
    port: int
    first_lines: str

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """End the server; return its status, and what it printed at last."""
        self.process.send_signal(sign)
        output, _ = self.process.communicate(timeout=60)
        return self.process.returncode, output

    def connect(self) -> socket.socket:
        """Return a connection that waits at most 30 s."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def request(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and content of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        text = None if body is None else json.dumps(body)
        method = "GET" if body is None else "POST"
        connection.request(method, path, text, {"content-type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content)


@contextmanager
def start_server(run_dir: Path, *options: str) -> Iterator[RunningServer]:
    """Start a server on a free port, and end it."""
    command = [sys.executable, "-m", "rnnlab.serve", str(run_dir), "--port", "0", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    process = ForkedProcess(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    assert process.stdout is not None
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if line.startswith("stop"):
                break
        text = "".join(lines)
        address = re.search(r"http://127\.0\.0\.1:(\d+)", text)
        assert address, text
        yield RunningServer(process, int(address[1]), text)
    finally:
        process.kill()
        process.communicate()
