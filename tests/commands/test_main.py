"""`rnnlab <command>`: the dispatcher, its help, shell completion, and the installed wheel."""

import json
import os
import subprocess
import sys
import time
import venv
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from rnnlab import commands
from tests.helpers.configs import ROOT, choices
from tests.helpers.processes import run_forked

COMMANDS = ("describe", "evaluate", "generate", "sweep", "train", "translate")
TINY = ("data.num_series=8", "model.hidden_size=4", "debug=fast", "trainer=cpu")


def rnnlab(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the console script's function in a folder of its own."""
    code = "import sys; sys.argv[0] = 'rnnlab'; from rnnlab.commands import main; main()"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment}
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_every_file_is_a_command() -> None:
    assert set(COMMANDS) <= set(commands.list_commands())


def test_help_lists_every_command_with_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    commands.main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    for name in COMMANDS:
        assert any(line.startswith(f"  {name} ") and line.endswith(".") for line in lines), name


def test_a_new_file_is_a_new_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hello.py").write_text(
        '"""Say hello."""\ndef main(words): print("hello", *words)\n'
    )
    monkeypatch.setattr(commands, "FOLDER", tmp_path)
    monkeypatch.setattr(commands, "__path__", [str(tmp_path)])
    commands.main([])
    assert "  hello       Say hello." in capsys.readouterr().out.splitlines()
    commands.main(["hello", "world"])
    assert capsys.readouterr().out == "hello world\n"
    sys.modules.pop("rnnlab.commands.hello")


@pytest.mark.parametrize(
    ("command", "missing"), [("predict", "run_dir, input"), ("evaluate", "run_dir")]
)
def test_only_what_must_be_typed_is_named_as_required(
    command: str, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    module = import_module(f"rnnlab.commands.{command}")
    with pytest.raises(SystemExit):
        module.main([])
    assert f"are required: {missing}\n" in capsys.readouterr().err


def test_an_unknown_command_is_one_line(tmp_path: Path) -> None:
    process = rnnlab(tmp_path, "trian")
    assert process.returncode == 2
    assert process.stderr.startswith("error rnnlab trian: no such command; did you mean train?")


@pytest.mark.parametrize("words", [(), *((name,) for name in COMMANDS)])
def test_help_imports_nothing_heavy(words: tuple[str, ...], tmp_path: Path) -> None:
    code = f"""if True:
        import sys
        sys.argv = ["rnnlab", *{words!r}, "--help"]
        from rnnlab.commands import main
        try:
            main()
        except SystemExit:
            pass
        heavy = {{"torch", "lightning", "pandas", "matplotlib", "wandb", "datasets", "optuna"}}
        print("heavy:", sorted(heavy & sys.modules.keys()))
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", code]
    process = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert process.stdout.splitlines()[-1] == "heavy: []"
    assert any(word in process.stdout for word in ("usage: rnnlab", "rnnlab describe", ".py "))


@pytest.mark.parametrize("name", commands.list_commands())
def test_a_command_is_a_module_of_the_package_too(name: str) -> None:
    """`python -m rnnlab.<command>` runs it; a folder of the same name would hide it."""
    spec = find_spec(f"rnnlab.{name}")
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).parts[-2:] == ("commands", f"{name}.py")


def test_help_answers_within_a_second(tmp_path: Path) -> None:
    seconds = []
    for _ in range(3):  # the best of three: other processes use this machine, too
        start = time.perf_counter()
        rnnlab(tmp_path, "--help")
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 1


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("rnnlab tra", ["train", "translate"][:1]),
        ("rnnlab train model=", [f"model={name}" for name in choices("model")]),
        ("rnnlab train model=gru optimizer=ada", ["optimizer=adam", "optimizer=adamw"]),
    ],
)
def test_the_shell_completes_commands_and_overrides(
    line: str, answer: list[str], tmp_path: Path
) -> None:
    process = rnnlab(tmp_path, "-sc", "query=bash", COMP_LINE=line)
    assert process.returncode == 0, process.stderr
    assert set(answer) <= set(process.stdout.split())


def test_bash_completes_after_the_documented_line(tmp_path: Path) -> None:
    """What docs/commands.md says, with a program called rnnlab."""
    script = tmp_path / "rnnlab"
    script.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT / 'src')!r})\n"
        "from rnnlab.commands import main\nmain()\n"
    )
    script.chmod(0o755)
    lines = [
        'eval "$(rnnlab train -sc install=bash)"',
        "complete -p rnnlab",
        'COMP_WORDS=(rnnlab train model=gr) COMP_CWORD=2 COMP_LINE="rnnlab train model=gr"',
        "hydra_bash_completion",
        'echo "${COMPREPLY[@]}"',
    ]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    process = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "-F hydra_bash_completion rnnlab" in process.stdout
    assert process.stdout.splitlines()[-1] == "model=gru"


def rnnlab_forked(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the console script as a fork, which imports nothing again."""
    script = folder / "console.py"
    script.write_text(
        "import sys\nfrom rnnlab.commands import main\nsys.argv[0] = 'rnnlab'\nmain()\n"
    )
    command = [sys.executable, str(script), *words]
    return run_forked(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.slow
def test_train_takes_a_users_directory(tmp_path: Path) -> None:
    (tmp_path / "own" / "model").mkdir(parents=True)
    (tmp_path / "own" / "model" / "mine.yaml").write_text("defaults: [gru]\nnum_layers: 2\n")
    words = ["--config-dir", "own", "model=mine", "data=sine", *TINY, "run_dir=here"]
    process = rnnlab_forked(tmp_path, "train", *words)
    assert process.returncode == 0, process.stderr
    assert "num_layers: 2" in (tmp_path / "here" / "config.yaml").read_text()


@pytest.mark.slow
def test_a_search_takes_a_users_directory(tmp_path: Path) -> None:
    (tmp_path / "own" / "model").mkdir(parents=True)
    (tmp_path / "own" / "model" / "mine.yaml").write_text("defaults: [gru]\nnum_layers: 2\n")
    words = ["sweep=sine_gru", "model=mine", "n_trials=1", "slots=1", "repeats=0", *TINY]
    process = rnnlab_forked(tmp_path, "sweep", "--config-dir", "own", *words)
    assert process.returncode == 0, process.stderr + process.stdout
    (config, *_) = tmp_path.rglob("outputs/sweeps/**/config.yaml")
    assert "num_layers: 2" in config.read_text()


@pytest.mark.slow
def test_the_installed_wheel_trains_in_an_empty_directory(tmp_path: Path) -> None:
    """The wheel holds conf/ and sweeps/; its commands need no checkout."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(wheel, check=True)
    (file,) = tmp_path.glob("rnnlab-*.whl")
    home = tmp_path / "venv"
    venv.create(home, symlinks=True)
    packages = Path(os.__file__).parent.name
    (site,) = home.glob(f"lib/{packages}/site-packages")
    (site / "outer.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
    install = [str(home / "bin" / "python"), *pip[1:], "install", "--no-deps", str(file)]
    subprocess.run(install, check=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def call(*words: str) -> str:
        command = [str(home / "bin" / "rnnlab"), *words]
        return subprocess.run(
            command, cwd=empty, env=environment, capture_output=True, text=True, check=True
        ).stdout

    call("train", "data=sine", *TINY, "run_dir=here")
    report = json.loads((empty / "here" / "report.json").read_text())
    assert report["status"] == "finished"
    assert "the same" in call("evaluate", "here")
    assert "imdb_cells" in call("sweep", "--help")
    assert "imdb" in call("describe", "--help")
