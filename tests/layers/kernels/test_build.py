"""The kernels are compiled once; without them torch computes, and says why."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from torch import nn

from rnnlab.errors import ConfigError
from rnnlab.layers.kernels import (
    GRULayer,
    bfloat16_problem,
    choose_gradients,
    choose_kernel,
    native_problem,
    set_kernel,
    use_kernel_of_setting,
)
from rnnlab.layers.kernels import build as build_module
from rnnlab.layers.kernels.build import (
    BuildError,
    LibraryName,
    build_library,
    find_compiler,
    library_path,
)
from rnnlab.layers.kernels.library import load_library

FOLDER = Path(build_module.__file__).parent
has_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no compiler")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    load_library.cache_clear()
    yield tmp_path / "cache" / "kernels"
    load_library.cache_clear()


def write_compiler(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Set a compiler that writes a line for each start and then runs a script of the shell."""
    program = folder / "compiler"
    program.write_text(f'#!/bin/sh\necho start >> "{folder}/starts"\n{script}\n')
    program.chmod(0o755)
    monkeypatch.setenv("CC", str(program))


def count_starts(folder: Path) -> int:
    file = folder / "starts"
    return len(file.read_text().splitlines()) if file.exists() else 0


WRITES_LIBRARY = 'while [ "$1" != -o ]; do shift; done; echo library > "$2"'


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'kernel.c:1: error: no such header' >&2; exit 1", "error: no such header"),
        ("exit 3", "no message"),
        ("exit 0", "no message"),  # but there is no library
        (WRITES_LIBRARY, "cannot be loaded"),
    ],
)
def test_a_compiler_that_fails_is_a_reason_for_torch(
    empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    write_compiler(tmp_path, monkeypatch, script)
    assert reason in str(native_problem())
    assert native_problem() == native_problem()
    assert count_starts(tmp_path) == 1


def test_a_compiler_need_not_know_the_options_of_gcc(
    empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses = """case "$*" in *vect-cost*) echo "error: unknown argument: $1" >&2; exit 1;; esac"""
    write_compiler(tmp_path, monkeypatch, f"{refuses}; {WRITES_LIBRARY}")
    assert build_library().read_text() == "library\n"
    assert count_starts(tmp_path) == 2


@pytest.mark.skipif(shutil.which("clang") is None, reason="clang is not installed")
@pytest.mark.parametrize("name", ["recurrent", "cross_entropy", "pooling"])
def test_clang_compiles_the_kernels(
    name: LibraryName, empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "clang")
    assert native_problem(name) is None


def test_a_compiler_that_does_not_end_is_stopped(
    empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_compiler(tmp_path, monkeypatch, "exec sleep 600")
    monkeypatch.setattr(build_module, "BUILD_TIMEOUT_SECONDS", 0.2)
    with pytest.raises(BuildError, match=r"took more than 0\.2 s"):
        build_library()
    assert not list(empty_cache.iterdir())


def test_a_missing_compiler_is_named(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert native_problem() == "there is no C compiler (no-such-compiler)"


def test_a_cache_that_cannot_be_written_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    write_compiler(tmp_path, monkeypatch, WRITES_LIBRARY)
    with pytest.raises(BuildError, match="cache of compiled kernels"):
        build_library()


def test_processes_that_build_at_once_leave_one_complete_library(
    empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_compiler(tmp_path, monkeypatch, f"sleep 0.2; {WRITES_LIBRARY}")
    threads = [threading.Thread(target=build_library) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (library,) = empty_cache.iterdir()
    assert library == build_library()
    assert library.read_text() == "library\n"
    starts = count_starts(tmp_path)
    build_library()
    assert count_starts(tmp_path) == starts  # it is in the cache


def test_another_compiler_processor_or_source_has_another_library(
    empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_compiler(tmp_path, monkeypatch, "exit 0")
    first = library_path(find_compiler())
    assert library_path(find_compiler()) == first
    assert library_path([*find_compiler(), "-g"]) != first
    monkeypatch.setattr(build_module, "processor_features", lambda: "another one")
    second = library_path(find_compiler())
    write_compiler(tmp_path, monkeypatch, "exit 10")  # a new version at the same path
    assert len({first, second, library_path(find_compiler())}) == 3


def test_the_choice_says_why() -> None:
    model, linear = nn.Sequential(GRULayer(2, 3)), nn.Linear(2, 3)
    assert choose_kernel("torch", model, "cpu", "32-true").name == "torch"
    assert choose_kernel("auto", linear, "cpu", "32-true").reason == (
        "Linear has no GRU, LSTM or RNN layer"
    )
    assert "on cuda" in choose_kernel("auto", model, "cuda", "32-true").reason
    with pytest.raises(ConfigError, match=r"kernel=native: .*precision=32-true.*kernel=auto"):
        choose_kernel("native", model, "cpu", "bf16-mixed")


@pytest.mark.skipif(bfloat16_problem() is not None, reason="no products of bfloat16 here")
def test_the_choice_says_that_gradients_are_rounded() -> None:
    choice = choose_kernel("auto", nn.Sequential(GRULayer(2, 3)), "cpu", "32-true")
    assert choose_gradients("same", choice) == choice
    rounded = choose_gradients("bfloat16", choice)
    assert rounded.gradient_precision == "bfloat16"
    assert rounded.reason == (
        f"{choice.reason}; gradients of inputs and weights with products of bfloat16"
    )


def test_a_library_without_rounded_products_says_so(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("cc"):
        flags = [flag for flag in build_module.COMPILER_FLAGS if flag != "-march=native"]
        monkeypatch.setattr(build_module, "COMPILER_FLAGS", flags)
        assert "no products of bfloat16" in str(bfloat16_problem())
    else:
        assert "no C compiler" in str(bfloat16_problem())


@has_compiler
def test_a_run_keeps_the_kernel_of_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    model = GRULayer(2, 3)
    assert choose_kernel("auto", model, "cpu", "32-true").name == "native"
    assert choose_kernel("auto", model, "cpu", "32-true", "torch").name == "torch"
    monkeypatch.setattr("rnnlab.layers.kernels.choice.native_problem", lambda _: "no compiler")
    choice = choose_kernel("auto", model, "cpu", "32-true", "native")
    assert choice.name == "torch"
    assert "began with the native kernel" in choice.reason


@has_compiler
def test_a_stored_network_uses_the_kernel_of_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting, kernel in (("torch", "torch"), ("auto", "native"), ("native", "native")):
        layer = GRULayer(2, 3)
        use_kernel_of_setting(layer, setting, "32-true")
        assert layer.kernel == kernel
    layer = GRULayer(2, 3)
    monkeypatch.setattr("rnnlab.layers.kernels.choice.native_problem", lambda _: "no compiler")
    use_kernel_of_setting(layer, "native", "32-true")  # anywhere, whatever it was trained with
    assert layer.kernel == "torch"


def test_a_kernel_that_does_not_exist_is_not_set(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(RuntimeError, match="no-such-compiler"):
        set_kernel(GRULayer(2, 3), "native")


def test_the_sources_need_standard_headers_only() -> None:
    standard = {"math.h", "pthread.h", "stddef.h", "stdint.h", "stdlib.h", "string.h"}
    for file in FOLDER.glob("*.[ch]"):
        lines = file.read_text().splitlines()
        headers = {line.split()[1] for line in lines if line.startswith("#include <")}
        assert {header.strip("<>") for header in headers} <= standard
    assert not any("fast-math" in flag for flag in build_module.COMPILER_FLAGS)


@has_compiler
@pytest.mark.slow
@pytest.mark.parametrize("sanitizers", ["address,undefined", "thread"])
@pytest.mark.parametrize("name", ["check_memory.c", "check_cross_entropy.c", "check_pooling.c"])
def test_sanitizers_find_nothing(tmp_path: Path, sanitizers: str, name: str) -> None:
    flags = [
        flag for flag in build_module.COMPILER_FLAGS if flag not in ("-O2", "-shared", "-fPIC")
    ]
    program, source = tmp_path / "check", Path(__file__).with_name(name)
    checks = ["-O1", "-g", f"-fsanitize={sanitizers}", "-fno-sanitize-recover=all", f"-I{FOLDER}"]
    command = [*find_compiler(), *flags, *checks, "-o", str(program), str(source), "-lm"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if "cannot find" in built.stderr:
        pytest.skip("this compiler has no such sanitizer")
    assert built.returncode == 0, built.stderr
    result = subprocess.run([program], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "complete\n", "")


@has_compiler
@pytest.mark.slow
def test_two_processes_with_an_empty_cache_both_compute(empty_cache: Path) -> None:
    code = (
        "import torch; from rnnlab.layers.kernels import GRULayer, set_kernel\n"
        "layer = GRULayer(2, 3); set_kernel(layer, 'native'); print(layer(torch.ones(1, 2, 2)))"
    )
    runs = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0]
    assert len(list(empty_cache.iterdir())) == 1
