"""Serve a trained run over HTTP: predictions as JSON, and a page with a form.

    rnnlab serve outputs/imdb-gru/<run>
    rnnlab serve <run> --port 8080 --workers 2

The server is reached from this computer only. --host 0.0.0.0 opens it to the network: it has no
passwords and no encryption, so put it behind a server that has.
"""

import argparse
import importlib.util
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rnnlab.commands import CommandParser, run_program
from rnnlab.documents.output import publish
from rnnlab.errors import ConfigError, Problem
from rnnlab.runtime.imports import import_lightning
from rnnlab.runtime.progress import announce_imports

if TYPE_CHECKING:
    from rnnlab.serving.limits import ServerLimits

MAX_WORKERS = 64
SERVER_PACKAGES = ("starlette", "uvicorn")


def main(arguments: Sequence[str]) -> None:
    """Serve a run until Ctrl-C or SIGTERM."""
    options = parse_server_options(arguments)
    check_packages()
    limits = read_server_limits(options)
    announce_imports(str(options.run_dir))
    import_lightning()

    from rnnlab.serving import server

    with server.open_socket(options.host, options.port) as listener:
        load = partial(server.load_application, options.run_dir, options.checkpoint, limits)
        application = load()
        address = server.address_of(listener)
        print(server.describe(application, address), flush=True)
        service = application.state.service
        content = {"address": address, "pid": os.getpid(), "run": service.facts}
        publish(content | {"example": service.description["example"]}, at_once=True)
        if options.workers == 1:
            server.serve_here(application, limits, listener)
        else:
            server.serve_workers(load, limits, listener, options.workers)
    print("stopped")


def parse_server_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = CommandParser("serve", __doc__)
    parser.add_argument("run_dir", type=Path, help="folder of the run")
    parser.add_argument("--port", type=int, default=8000, help="default: 8000; 0: any free one")
    parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    parser.add_argument("--workers", type=int, default=1, help="processes; default: 1")
    parser.add_argument(
        "--max-batch-size", type=int, default=64, help="texts at the same time; default: 64"
    )
    parser.add_argument(
        "--max-inputs", type=int, default=10_000, help="texts or rows of a request; default: 10,000"
    )
    parser.add_argument(
        "--max-megabytes", type=float, default=1.0, help="size of a request; default: 1"
    )
    parser.add_argument(
        "--timeout", type=float, default=30.0, help="seconds to receive and to answer; default: 30"
    )
    parser.add_argument("--checkpoint", choices=("best", "last"), default="best")
    return parser.parse_args(arguments)


def read_server_limits(options: argparse.Namespace) -> "ServerLimits":
    """Return the limits of the command line.

    Raises:
        ConfigError: one is out of range.
    """
    from rnnlab.serving.limits import ServerLimits

    if not 1 <= options.workers <= MAX_WORKERS:
        raise ConfigError(f"--workers {options.workers}: must be from 1 to {MAX_WORKERS}")
    return ServerLimits(
        options.max_batch_size, options.max_inputs, options.max_megabytes, options.timeout
    )


def check_packages() -> None:
    """Raise ConfigError if a package of the server is missing."""
    if missing := [name for name in SERVER_PACKAGES if importlib.util.find_spec(name) is None]:
        command = "pip install 'rnnlab[serve]'"
        message = f"rnnlab serve needs {' and '.join(missing)}: {command}"
        raise ConfigError(Problem(message, suggestions=[command]))


if __name__ == "__main__":
    run_program(main)
