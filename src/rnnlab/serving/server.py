"""The process or processes of a server."""

import math
import multiprocessing
import os
import signal
import socket
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess

from rnnlab.errors import ConfigError
from rnnlab.inference.trained_run import TrainedRun
from rnnlab.serving.application import make_application
from rnnlab.serving.description import curl_command
from rnnlab.serving.handlers import make_handler
from rnnlab.serving.limits import ServerLimits
from rnnlab.serving.receiving import TimedProtocol

KEEP_ALIVE_SECONDS = 5  # of a connection between two requests
BACKLOG = 2_048  # connections that wait to be accepted
START_SECONDS = 120  # of a process to answer its supervisor, while it loads the run


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens, before the run is loaded.

    Raises:
        ConfigError: the address is not available.
    """
    if not 0 <= port <= 65_535:
        raise ConfigError(f"--port {port}: must be from 0 (any free port) to 65535")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except socket.gaierror as error:
        raise ConfigError(f"--host {host}: no such address ({error.strerror})") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(
            f"--port {port}: {host}:{port} is not available ({reason}). Stop the program that uses "
            "it, or use --port 0 for a free port"
        ) from error


def address_of(listener: socket.socket) -> str:
    """Return the URL of a socket.

    >>> with open_socket("127.0.0.1", 0) as listener:
    ...     address_of(listener).rpartition(":")[0]
    'http://127.0.0.1'
    """
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def read_facts(run: TrainedRun) -> dict[str, str]:
    """Return what a server says of its run."""
    config = run.folder.read_config()
    names = {key: str(config[key]["_target_"]).rpartition(".")[2] for key in ("task", "model")}
    return {"run": "/".join(run.folder.path.resolve().parts[-2:]), **names}


def load_application(run_dir: Path, checkpoint: str, limits: ServerLimits) -> Starlette:
    """Return the application of the run in a folder.

    Raises:
        ConfigError: the run cannot be loaded.
    """
    run = TrainedRun(run_dir, checkpoint)
    return make_application(make_handler(run, limits), read_facts(run))


class ServerConfig(uvicorn.Config):
    """Settings of uvicorn: no access log, no proxy headers, no web sockets.

    Args:
        limits: of the server.
        settings: further ones of uvicorn.
    """

    def __init__(self, limits: ServerLimits, **settings: Any) -> None:
        self.seconds = limits.seconds
        super().__init__(
            http=TimedProtocol,
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=math.ceil(limits.seconds),
            timeout_worker_healthcheck=START_SECONDS,
            **settings,
        )


def serve_here(application: Starlette, limits: ServerLimits, listener: socket.socket) -> None:
    """Answer requests in this process until SIGINT or SIGTERM, and the last requests after it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # uvicorn raises it again at the end
    with suppress(KeyboardInterrupt):
        uvicorn.Server(ServerConfig(limits, app=application)).run([listener])


def serve_workers(
    load: "partial[Starlette]", limits: ServerLimits, listener: socket.socket, workers: int
) -> None:
    """Answer requests in several processes, each with its own network; see serve_here."""
    load = partial(load_worker, load, max(1, (os.cpu_count() or 1) // workers))
    config = ServerConfig(limits, app=load, factory=True, workers=workers)
    Multiprocess(config, [listener]).run()


def load_worker(load: "partial[Starlette]", threads: int) -> Starlette:
    """Return the application of a process that ends when its parent ends."""
    torch.set_num_threads(threads)
    threading.Thread(target=follow_parent, daemon=True).start()
    return load()


def follow_parent() -> None:
    """Wait for the end of the parent process, also by kill -9, and end this one."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def describe(application: Starlette, address: str) -> str:
    """Return what a person needs to use a server, and to stop it."""
    service = application.state.service
    lines = {
        "serving": " ".join(f"{name}={value}" for name, value in service.facts.items()),
        "address": f"{address}  (a page with a form; also /schema, /health)",
        "try it": curl_command(address, service.description["example"]),
        "stop": f"Ctrl-C, or kill {os.getpid()}",
    }
    if problem := service.description.get("example_problem"):
        lines["note"] = f"there is no example for this run: {problem}"
    return "\n".join(f"{name:<9}{line}" for name, line in lines.items())
