"""Compilation of the C sources with the system's compiler, once per processor and compiler."""

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rnnlab.runtime.files import cache_root

LibraryName = Literal["recurrent", "cross_entropy", "pooling"]
SOURCE_FOLDER = Path(__file__).parent
# No -ffast-math: NaN and infinity must propagate. Contraction to fused multiply-adds is allowed;
# nobody reads errno or the flags of floating-point exceptions. -O3 is no faster than -O2 that
# vectorises as much, and takes a third longer to compile.
COMPILER_FLAGS = (
    *("-std=c11", "-O2", "-ftree-vectorize", "-march=native", "-ffp-contract=fast"),
    *("-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd", "-fPIC", "-shared", "-pthread"),
)
GCC_FLAG = "-fvect-cost-model=dynamic"  # clang does not know it, and does as much without it
BUILD_TIMEOUT_SECONDS = 60.0
MAX_MESSAGE = 200  # characters of what a compiler says


class BuildError(Exception):
    """The kernels cannot be compiled; the message is the reason."""


def find_compiler() -> list[str]:
    """Return the command of the compiler, $CC or cc, with the full path of its program.

    Raises:
        BuildError: there is no such program.
    """
    name = os.environ.get("CC") or "cc"
    words = shlex.split(name)
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise BuildError(f"there is no C compiler ({name})")
    return [program, *words[1:]]


def processor_features() -> str:
    """Return what -march=native depends on: the description of the first processor."""
    lines = [platform.machine(), platform.processor()]
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        with cpuinfo.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                if not line.strip():
                    break  # the next processor
                if line.startswith(("model name", "flags", "Features", "CPU part", "isa")):
                    lines.append(line.strip())
    return "\n".join(lines)


def library_path(compiler: Sequence[str], name: LibraryName = "recurrent") -> Path:
    """Return the path of a library for its sources, compiler, flags and processor."""
    program = Path(compiler[0]).resolve()
    state = program.stat()
    identity = [*compiler, str(program), state.st_size, state.st_mtime_ns]
    key = hashlib.sha256(
        repr([identity, COMPILER_FLAGS, GCC_FLAG, processor_features(), sys.platform]).encode()
    )
    for source in (SOURCE_FOLDER / f"{name}.c", *sorted(SOURCE_FOLDER.glob("*.h"))):
        key.update(source.read_bytes())
    return cache_root() / "kernels" / f"{name}-{key.hexdigest()[:20]}.so"


def build_library(name: LibraryName = "recurrent") -> Path:
    """Return a compiled library, from the cache if it is there.

    The library gets its name in one step when it is complete. Processes that build at the same time
    each write a file of their own, and the last one is kept; the results are equal.

    Raises:
        BuildError: there is no compiler, it failed, or the cache cannot be written.
    """
    compiler = find_compiler()
    partial: Path | None = None
    try:
        path = library_path(compiler, name)
        if path.exists():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        compile_source(compiler, f"{name}.c", partial)
        partial.replace(path)
    except OSError as error:
        raise BuildError(f"the cache of compiled kernels cannot be used: {error}") from error
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)
    return path


def compile_source(compiler: Sequence[str], name: str, library: Path) -> None:
    """Compile a file of C into a library.

    Raises:
        BuildError: the compiler failed, or took too long.
    """
    words = [*COMPILER_FLAGS, "-o", str(library), str(SOURCE_FOLDER / name), "-lm"]
    messages = run_compiler([*compiler, GCC_FLAG, *words])
    if GCC_FLAG in messages:
        messages = run_compiler([*compiler, *words])
    if messages or not library.exists():
        errors = [line for line in messages.splitlines() if "error" in line.lower()]
        message = (errors or [messages or "no message"])[0][:MAX_MESSAGE]
        raise BuildError(f"{compiler[0]} failed: {message}")


def run_compiler(command: Sequence[str]) -> str:
    """Return what a compiler says if it fails; empty if it does not.

    Raises:
        BuildError: it took too long.
    """
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=BUILD_TIMEOUT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{command[0]} took more than {BUILD_TIMEOUT_SECONDS:g} s") from error
    return (result.stderr.strip() or "no message") if result.returncode else ""
