"""A server that starts Python programs as forks of a process that has done the imports.

    python fork_server.py <descriptor of a listening socket> [--libraries] <filler>

A new interpreter imports for four CPU seconds before a run begins, and a small run of a test takes
less than one. The server imports everything once and forks for each program. A program is a real
process with its own id, session, environment, directory, streams and signals, and begins with
nothing but imported modules. A program that starts programs itself, as a search starts workers,
has them as its own children: they are forked before it begins, and wait for their command line.
It builds its figures, and a dot is written for each: drawing takes longer than a small run.
"""

import atexit
import base64
import ctypes
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib import import_module
from inspect import signature
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, NoReturn

LIBRARIES = (  # including those that functions import
    *("hydra.main", "jinja2", "lightning.pytorch", "markdown_it", "pandas", "pydantic"),
    *("matplotlib.backends.backend_agg", "optuna.importance", "optuna.storages._rdb.storage"),
    *("pyarrow.pandas_compat", "pydantic.dataclasses", "scipy.stats"),
    *("sklearn.feature_extraction.text", "sqlalchemy.dialects.postgresql"),
    *("sqlalchemy.dialects.sqlite", "torch._dynamo", "torch.distributed.run"),
    *("torchmetrics.classification", "torchmetrics.text"),
)
READ_BY_IMPORTS = ("OMP_", "MKL_", "PYTHON", "MPL")  # beginnings of variables
SET_BY_PROGRAMS = {"OMP_WAIT_POLICY": "passive"}  # before they import torch, where it is not set
IMPORT_ENVIRONMENT = {**SET_BY_PROGRAMS, **os.environ}
POPEN: Any = subprocess.Popen  # with the methods that it does not publish
EXECUTE_CHILD = POPEN._execute_child
SPARES = {  # programs they start
    **{"sweep.py": 8, "console.py": 2, "train.py": 1},
    "rnnlab.sweeps.workers.group": 2,
}
TITLE_LENGTH = 4000
DOT = base64.b64decode(  # a PNG of one white pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg=="
)
KEPT = ExitStack()  # changes for the life of this process and its forks
INTERRUPTS: "list[Program]" = []  # programs of this process that an interrupt has ended


@dataclass(frozen=True)
class Program:
    """A command line of Python and where it runs.

    Attributes:
        words: after the interpreter: a script, or -m and a module, and its arguments.
        new_session: as subprocess.Popen has it.
    """

    words: list[str]
    folder: str
    environment: dict[str, str]
    new_session: bool


def can_fork(
    command: Any, environment: Mapping[str, str], imported: Mapping[str, str] | None = None
) -> bool:
    """Return whether a fork can stand for a new interpreter: the imports would be the same.

    Args:
        imported: environment of the imports; None for that of this process at its start.
    """
    imported = SET_BY_PROGRAMS | dict(IMPORT_ENVIRONMENT if imported is None else imported)
    environment = SET_BY_PROGRAMS | dict(environment)
    if isinstance(command, str) or len(command) < 2 or command[0] != sys.executable:
        return False
    words = [word for word in command[1:] if word != "-u"]
    names = [k for k in {*imported, *environment} if k.startswith(READ_BY_IMPORTS)]
    return (words[0] == "-m" or words[0].endswith(".py")) and all(
        environment.get(name) == imported.get(name) for name in names if name != "PYTHONPATH"
    )


def send(channel: socket.socket, program: Program, streams: Sequence[int]) -> None:
    """Send a program, and copies of its descriptors."""
    message = json.dumps(asdict(program)).encode() + b"\n"
    sent = socket.send_fds(channel, [message], streams)
    if sent < len(message):  # an empty rest would fail where the receiver has closed
        channel.sendall(message[sent:])


def receive(channel: socket.socket) -> tuple[Program | None, list[int]]:
    """Wait for a program and its descriptors; there is none where the sender has ended."""
    message, descriptors, _, _ = socket.recv_fds(channel, 2**16, 4)
    while message and not message.endswith(b"\n"):
        message += channel.recv(2**16)
    return Program(**json.loads(message)) if message else None, descriptors


def import_everything(with_project: bool) -> None:
    """Import what programs may need; without the project for tests that change a copy of it."""
    os.environ.update(IMPORT_ENVIRONMENT)
    for name in LIBRARIES:
        import_module(name)
    if with_project:
        package = import_module("rnnlab")
        for module in walk_packages(package.__path__, "rnnlab."):
            if "__main__" not in module.name:
                import_module(module.name)
        import_module("rnnlab.runtime.environment").versions()  # reads metadata of packages
        compose_choices()
    registry: Any = import_module("lightning.fabric.utilities.registry")
    registry.entry_points = cache(registry.entry_points)  # each trainer reads all packages
    rendezvous: Any = import_module("torch.distributed.elastic.rendezvous.dynamic_rendezvous")
    rendezvous.get_method_name = lambda: "method"  # for its log, it searches all modules
    registry.entry_points(group="lightning.pytorch.callbacks_factory")
    assert "huggingface_hub" not in sys.modules, "it reads the variables HF_*"
    gc.collect()
    gc.freeze()  # the collector of a fork would copy all pages


def compose_choices() -> None:
    """Let forks compose from memory, with what most of them need in it."""
    compositions = import_module("tests.helpers.compositions")
    KEPT.enter_context(compositions.remember_compositions())
    for choices in (["data=sine"], ["data=sine", "trainer=cpu"], ["data=sine", "model=gru"]):
        import_module("rnnlab.config.compose").compose(compositions.CONF, choices)
    sweeps = import_module("rnnlab.sweeps.settings")
    sweeps.compose_sweep(compositions.SWEEPS, "sine_gru", [])


def serve(listener: socket.socket) -> Program:
    """Fork for each request that arrives; return in the fork, with its program.

    A request has four descriptors: the standard streams, and a socket that is told the number of
    the process when it runs, and its exit status when it has ended. The server ends with the last
    of its clients.
    """
    clients: list[socket.socket] = []
    running: dict[int, tuple[int, int]] = {}  # descriptor of a process -> its number, its socket
    while True:
        sources: list[Any] = [listener, *clients, *running]
        ready = select.select(sources, [], [])[0]
        for ended in running.keys() & set(ready):
            process, report = running.pop(ended)
            _, status = os.waitpid(process, 0)
            tell(report, status)
            os.close(report)
            os.close(ended)
        for client in [client for client in clients if client in ready]:
            program, descriptors = receive(client)
            if program is None:
                clients.remove(client)
                client.close()
                continue
            *streams, report = descriptors
            if (process := os.fork()) == 0:
                for channel in (listener, *clients):
                    channel.close()
                for descriptor, (_, other) in running.items():
                    os.close(descriptor)
                    os.close(other)
                begin(program, streams)
                tell(report, os.getpid())
                os.close(report)
                return program
            for descriptor in streams:
                os.close(descriptor)
            running[os.pidfd_open(process)] = (process, report)
        if listener in ready:
            clients.append(listener.accept()[0])
        elif not clients:
            os._exit(0)


def tell(report: int, number: int) -> None:
    """Write a number for a client, which may have ended."""
    with suppress(BrokenPipeError):
        os.write(report, f"{number}\n".encode())


def begin(program: Program, streams: Sequence[int]) -> None:
    """Give this process the session, streams, directory and environment of a program."""
    if program.new_session:
        os.setsid()
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(program.folder)
    os.environ.clear()
    os.environ.update(program.environment)
    set_title([sys.executable, *program.words])


def set_title(words: Sequence[str]) -> None:
    """Overwrite the command line that the system shows for this process."""
    with open("/proc/self/stat", "rb") as file:  # noqa: PTH123
        fields = file.read().rpartition(b")")[2].split()
    start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end
    title = b"\0".join(word.encode() for word in words)[: end - start - 1]
    ctypes.memmove(start, title.ljust(end - start, b"\0"), end - start)


@dataclass
class Spare:
    """A fork of a program, made before it began, that waits for a program of its own."""

    process: int
    channel: socket.socket


def fork_spares(program: Program) -> tuple[Program, list[Spare]]:
    """Fork what a program will start; return in each of them when it has its own program."""
    spares: list[Spare] = []
    while len(spares) < count_spares(program):
        ours, theirs = socket.socketpair()
        if process := os.fork():
            theirs.close()
            spares.append(Spare(process, ours))
            continue
        for one in (ours, *(spare.channel for spare in spares)):
            one.close()
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        os.close(nothing)
        set_title(["spare"])
        received, streams = receive(theirs)
        if received is None:  # the program has ended
            os._exit(0)
        program = received
        begin(program, streams)
        theirs.sendall(b"\n")
        theirs.close()
        spares = []
    return program, spares


def count_spares(program: Program) -> int:
    """Return how many programs a program may start."""
    words = program.words
    name = next(word for word in words if not word.startswith("-")).rpartition("/")[2]
    is_single = name == "train.py" and not any("ddp" in word for word in words)
    return 0 if is_single else SPARES.get(name, 0)


def use_spares(spares: list[Spare]) -> None:
    """Let Popen take a spare for each program, while there is one and it can."""

    def execute_child(process: Any, *values: Any) -> None:
        arguments = bind_arguments(process, values)
        if not spares or not can_fork(arguments["args"], arguments["env"] or os.environ):
            EXECUTE_CHILD(process, *values)
            return
        spare = spares.pop(0)
        send(spare.channel, make_program(arguments), streams_of(arguments))
        spare.channel.recv(1)
        spare.channel.close()
        process.pid = spare.process
        process._child_created = True
        close_streams(process, arguments)

    POPEN._execute_child = execute_child  # in place, for libraries import Popen by its name


def bind_arguments(process: subprocess.Popen, values: Sequence[Any]) -> dict[str, Any]:
    """Return the arguments of Popen._execute_child by name."""
    return dict(signature(EXECUTE_CHILD).bind(process, *values).arguments)


def make_program(arguments: Mapping[str, Any]) -> Program:
    """Return the program that arguments of Popen ask for."""
    words = [str(word) for word in arguments["args"][1:]]
    folder = str(arguments["cwd"] or Path.cwd())
    environment = dict(arguments["env"] or os.environ)
    return Program(words, folder, environment, bool(arguments["start_new_session"]))


def streams_of(arguments: Mapping[str, Any]) -> list[int]:
    """Return the descriptors for the standard streams; -1 means that of the parent."""
    streams = (arguments[name] for name in ("p2cread", "c2pwrite", "errwrite"))
    return [number if stream == -1 else stream for number, stream in enumerate(streams)]


def close_streams(process: Any, arguments: Mapping[str, Any]) -> None:
    """Close the ends of the pipes that the child has."""
    names = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
    process._close_pipe_fds(*(arguments[name] for name in names))


def run(program: Program) -> None:
    """Run a program as the interpreter runs it."""
    words = [word for word in program.words if word != "-u"]
    is_unbuffered = "-u" in program.words or bool(program.environment.get("PYTHONUNBUFFERED"))
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=is_unbuffered or stream is sys.stderr)
    paths = program.environment.get("PYTHONPATH", "").split(os.pathsep)
    ours = {*IMPORT_ENVIRONMENT.get("PYTHONPATH", "").split(os.pathsep), sys.path[0]}
    rest = [path for path in sys.path if path not in ours]
    is_module = words[0] == "-m"
    first = program.folder if is_module else os.path.dirname(words[0])  # noqa: PTH120
    sys.path[:] = [first, *(path for path in paths if path), *rest]
    sys.argv = words[1:] if is_module else words
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.filterwarnings("ignore", message=".*found in sys.modules after import.*")
    if is_module:
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(words[0], run_name="__main__")


def main(listener: socket.socket, with_project: bool) -> None:
    """Serve; and in a fork, run its program and end."""
    atexit.register(end_by_interrupt)  # before those of the imports, so it is called last
    import_everything(with_project)
    program = serve(listener)
    program, spares = fork_spares(program)
    use_spares(spares)
    if "pytest" not in program.words:
        write_dots(setattr, with_project)
    error: BaseException | None = None
    try:
        run(program)
    except BaseException as raised:
        error = raised
    if isinstance(error, KeyboardInterrupt):
        INTERRUPTS.append(program)
    end(error)


def end(error: BaseException | None) -> NoReturn:
    """End this process as the interpreter does, without removing objects: that copies all pages.

    Args:
        error: what the program raised; None at its end.
    """
    status = 0
    if isinstance(error, SystemExit) and (error.code is None or isinstance(error.code, int)):
        status = error.code or 0
    elif isinstance(error, SystemExit):
        print(error.code, file=sys.stderr)
        status = 1
    elif error is not None:
        sys.excepthook(type(error), error, error.__traceback__)
        status = 1
    threads: Any = threading
    threads._shutdown()  # waits for those that are no daemons
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
    except (OSError, ValueError):  # closed by its reader, or by the program
        status = 120
    os._exit(status & 0xFF)


def write_dots(replace: Callable[[Any, str, Any], None], with_project: bool = True) -> None:
    """Let figures be built, but not drawn.

    Args:
        replace: sets an attribute of an object.
    """
    canvas: Any = import_module("matplotlib.backends.backend_agg").FigureCanvasAgg
    replace(canvas, "print_png", write_dot)
    if with_project:  # else it is imported from elsewhere
        figures = import_module("rnnlab.plots.figures")
        # It makes all ticks, so that none is drawn as a formula.
        replace(figures, "_show_texts_literally", lambda figure: None)


def write_dot(canvas: Any, file: Path) -> None:
    """Write a picture of one point instead of that of a canvas."""
    file.write_bytes(DOT)


def end_by_interrupt() -> None:
    """End by SIGINT after an interrupt that the program did not handle, as the interpreter does."""
    if INTERRUPTS:
        sys.stdout.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])), "--libraries" not in sys.argv)
