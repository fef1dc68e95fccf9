"""Every command of README.md, AGENTS.md, docs/*.md and the headers of all YAML files, scaled down.

The fast tests compose each command and build what it names; the slow ones run it on small data.
docs/extend.md is followed literally by test_extend.py.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from rnnlab.commands import evaluate, generate, list_commands, predict, repeat, serve, translate
from rnnlab.config.paths import split_config_dir
from rnnlab.experiment.run import check, run
from tests.helpers.configs import CONF, ROOT, SMALL, choices, compose

PAGES = [
    ROOT / "README.md",
    ROOT / "AGENTS.md",
    *(f for f in (ROOT / "docs").glob("*.md") if f.name != "extend.md"),
]
YAMLS = sorted([*CONF.rglob("*.yaml"), *(ROOT / "sweeps").rglob("*.yaml")])
PROGRAM = r"(?:python (?:train|sweep)\.py|python -m rnnlab\.[a-z]+|rnnlab [a-z]+) ?"
END = r"(?:   .*|\s+# .*)?"  # an explanation after the command
LINE = re.compile(rf"^[#\s]*(?:\|\s*`)?({PROGRAM}.*?){END}$")
QUOTED = re.compile(rf"`({PROGRAM}[^`]*)`")
PLACEHOLDER = re.compile(r"<[^>]*>")
REFUSED = {"model=gur"}  # examples of an error message
OWN_DIRECTORY = ("--config-dir", "my_conf")  # of docs/commands.md


def commands_of(file: Path) -> Iterator[str]:
    """The commands of a page, or of the comments at the head of a YAML file."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if file.suffix == ".yaml" and not line.startswith("#"):
            continue
        yield from QUOTED.findall(line)
        if "`" not in line and (match := LINE.match(line)):
            yield match[1].strip()


def words_of(command: str) -> list[str]:
    """Everything after the program; a placeholder such as <run> is one word."""
    plain = PLACEHOLDER.sub("PLACEHOLDER", command)
    words = shlex.split(plain, comments=True)
    skipped = {"python": 3 if words[1] == "-m" else 2, "rnnlab": 2}[words[0]]
    return [word for word in words[skipped:] if word != "--json"]  # of all commands


def program_of(command: str) -> str:
    """`train` for `python train.py`, `python -m rnnlab.train` and `rnnlab train`."""
    name = re.sub(r"^(python -m rnnlab\.|python |rnnlab )", "", command).split()[0]
    return {"data": "describe"}.get(name.removesuffix(".py"), name.removesuffix(".py"))


COMMANDS = sorted({c for file in [*PAGES, *YAMLS] for c in commands_of(file) if "<Tab>" not in c})
# Of the page of results and the answers in studies.md, which are generated: they are checked, and
# were trained when these were written.
RECORDED = {*commands_of(ROOT / "docs" / "RESULTS.md")} - {
    c
    for file in [*PAGES, *YAMLS]
    if file.name not in ("RESULTS.md", "studies.md")
    for c in commands_of(file)
}
HEADERS = sorted({c for file in YAMLS for c in commands_of(file)})


def named(program: str, commands: Sequence[str] = COMMANDS) -> list[str]:
    return [c for c in commands if program_of(c) == program and words_of(c)]


TRAINING = [c for c in named("train") if not {"resume=", "-sc", "--help"} & set(c.split()[2:])]
TRAINING = [c for c in TRAINING if "resume=" not in c and "-sc" not in c and "--help" not in c]
SEARCHES = [c for c in named("sweep") if "--help" not in c]


def is_local(command: str) -> bool:
    """Return whether a search needs no server, no GPU and no earlier search.

    tests/sweeps/test_header_commands.py runs the commands of the YAML files.
    """
    return not re.search("postgresql|ray|trainer=(gpu|ddp)|report=true", command)


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory with the files of docs/commands.md."""
    (tmp_path / "my_conf" / "model").mkdir(parents=True)
    (tmp_path / "my_conf" / "model" / "wide_gru.yaml").write_text("defaults: [gru]\n")
    monkeypatch.chdir(tmp_path)


def first_of_each(words: list[str]) -> list[str]:
    """Of a list of runs (-m) the first one."""
    if "-m" not in words:
        return words
    return [re.sub(r"=([^\[{(]*?),.*", r"=\1", word) for word in words if word != "-m"]


def composed(command: str) -> dict[str, Any]:
    from rnnlab.config.compose import compose as compose_in

    conf, words = split_config_dir(words_of(command))
    words = ["trainer=cpu" if w == "trainer=gpu" else w for w in first_of_each(words)]
    return compose(*words) if conf == CONF else compose_in(conf, words)


def test_commands_are_found_where_they_are_written() -> None:
    assert len(TRAINING) > 50
    assert len(SEARCHES) > 10
    for file in YAMLS:
        if file.parent.name in ("experiment", "debug") or file.parent.name == "sweeps":
            assert list(commands_of(file)) or file.stem == "default", f"{file}: without a command"


@pytest.mark.parametrize("command", COMMANDS)
def test_the_program_exists(command: str) -> None:
    assert program_of(command) in list_commands()


@pytest.mark.parametrize("command", TRAINING)
def test_every_training_command_passes_the_check(command: str) -> None:
    if REFUSED & set(words_of(command)):
        with pytest.raises(Exception, match="gur"):
            composed(command)
        return
    check(one_process(composed(command)))


def one_process(plain: dict[str, Any]) -> dict[str, Any]:
    """Without devices that this machine may lack; two processes: tests/experiment."""
    plain["trainer"] |= {"devices": 1, "strategy": "auto"}
    return plain


@pytest.mark.slow
@pytest.mark.parametrize("command", SEARCHES)
def test_every_search_passes_the_check(command: str) -> None:
    from rnnlab.sweeps.main import split_repair
    from rnnlab.sweeps.settings import read_sweep
    from rnnlab.sweeps.study.definition import prepare

    conf, words = split_config_dir(split_repair(words_of(command))[0])
    words = ["trainer=cpu" if word.startswith("trainer=") else word for word in words]
    words = [word for word in words if not word.startswith("trainer.devices=")]
    sweep = read_sweep(ROOT, words)
    spec = prepare(sweep, conf)
    check(spec.base)


@pytest.mark.parametrize("command", named("serve"))
def test_every_server_has_valid_options(command: str) -> None:
    options = serve.parse_server_options(words_of(command))
    assert serve.read_server_limits(options).seconds > 0


@pytest.mark.parametrize(
    "command",
    [c for p in ("generate", "translate", "evaluate", "predict", "repeat") for c in named(p)],
)
def test_every_command_on_a_run_has_valid_arguments(command: str) -> None:
    words = words_of(command)
    if words == ["--help"]:
        return
    if program_of(command) == "generate":
        assert generate.parse_arguments(words).run_dir
    elif program_of(command) == "translate":
        assert translate.build_parser().parse_args(words).run_dir
    elif program_of(command) == "predict":
        assert predict.parse_options(words).run_dir
    elif program_of(command) == "repeat":
        assert repeat.parse_repetition(words).run_dir
    else:
        assert evaluate.parse_evaluation(words).run_dir


@pytest.mark.parametrize("command", named("describe"))
def test_every_described_data_set_exists(command: str) -> None:
    name = words_of(command)[0]
    assert name in choices("data") or name == "PLACEHOLDER"


def data_choice(command: str) -> str:
    """Return the choice of conf/data that a command makes, by itself or by its experiment."""
    overrides = [word for word in words_of(command) if word.startswith(("data=", "experiment="))]
    group, _, choice = (
        first_of_each(["-m", *overrides])[0].partition("=") if overrides else ("", "", "imdb")
    )
    if group != "experiment":
        return choice
    defaults = OmegaConf.load(CONF / "experiment" / f"{choice}.yaml").defaults
    groups = {
        key: value
        for default in defaults
        if isinstance(default, DictConfig)
        for key, value in default.items()
    }
    inherited = [
        default for default in defaults if isinstance(default, str) and default != "_self_"
    ]
    return str(
        groups.get("override /data") or data_choice(f"python train.py experiment={inherited[0]}")
    )


def name_as_typed(settings: dict[str, Any]) -> None:
    """Give the columns of a small file, or the endings of its files, the names of a command."""
    path = Path(settings.get("path") or "")
    if path.suffix == ".csv":
        targets = settings.get("target_columns") or ["one"]
        columns = {"date": settings.get("date_column"), "one": targets[0]}
        columns |= {"two": next(iter(settings.get("covariate_columns") or []), None)}
        columns |= {"text": settings.get("text_column"), "label": settings.get("label_column")}
        header, _, rest = path.read_text().partition("\n")
        typed = [columns.get(name) or name for name in header.split(",")]
        lines = [",".join(typed), *rest.splitlines()]
        if series := settings.get("series_column"):
            lines = [f"{lines[0]},{series}", *(f"{line},a" for line in lines[1:])]
        for column in (settings.get("known_columns") or []) + (
            settings.get("static_columns") or []
        ):
            if column not in lines[0].split(","):
                lines = [f"{lines[0]},{column}", *(f"{line},1" for line in lines[1:])]
        if group := settings.get("group_column"):
            lines = [f"{lines[0]},{group}", *(f"{x},{i % 10}" for i, x in enumerate(lines[1:]))]
        path.write_text("\n".join(lines) + "\n")
    if station := settings.get("station"):
        for file in path.glob("ETTh1.csv"):
            file.rename(file.with_name(f"{station}.csv"))
    if settings.get("target_language") == "fr":
        for file in path.glob("*.de"):
            file.rename(file.with_suffix(".fr"))


def small_data(command: str, folder: Path) -> dict[str, Any]:
    """Return the small settings of the data of a command, a table where it names columns."""
    choice, has_columns = data_choice(command), re.search(r"data\.\w+_column=", command)
    if choice == "text_classification" and has_columns:
        return SMALL["imdb"](folder)
    settings = SMALL[choice](folder)
    if choice == "parallel_text" and has_columns:
        sides = [Path(settings[key]).read_text().splitlines() for key in ("path", "target_path")]
        pairs = zip(*sides, strict=True)
        rows = [f"{i}\t{source}\t{i}\t{target}" for i, (source, target) in enumerate(pairs)]
        table = folder / "pairs.tsv"
        table.write_text("\n".join(rows) + "\n")
        return {**settings, "path": str(table), "target_path": None}
    return settings


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [c for c in TRAINING if c not in RECORDED and not REFUSED & set(words_of(c))]
)
def test_every_training_command_trains(
    command: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if "logger=" not in command:  # a logger reads the figures; they take longer than these runs
        request.getfixturevalue("no_plots")
    plain = one_process(composed(command))
    plain["data"] |= small_data(command, tmp_path)
    name_as_typed(plain["data"])
    plain["model"] |= {"hidden_size": 8} if "hidden_size" in plain["model"] else {}
    limits = dict.fromkeys(("limit_train_batches", "limit_val_batches", "limit_test_batches"), 1)
    plain["trainer"] |= {**limits, "max_epochs": 1, "accelerator": "cpu", "precision": "32-true"}
    assert run(plain).report["status"] == "finished"


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c in SEARCHES if c in RECORDED])
def test_every_recorded_search_is_accepted(command: str) -> None:
    from rnnlab.sweeps.settings import read_sweep
    from rnnlab.sweeps.study.definition import prepare

    prepare(read_sweep(ROOT, re.sub(r" data\.path=<[^>]*>", "", command).split()[2:]), CONF)


@pytest.mark.slow
@pytest.mark.usefixtures("forked_workers", "no_figures")
@pytest.mark.parametrize(
    "command", [c for c in SEARCHES if c not in RECORDED.union(HEADERS) and is_local(c)]
)
def test_every_search_of_a_page_searches(command: str, tmp_path: Path) -> None:
    from rnnlab.sweeps.main import main, split_repair
    from rnnlab.sweeps.settings import read_sweep

    conf, words = split_config_dir(split_repair(words_of(command))[0])
    sweep = read_sweep(ROOT, words)
    data = next(w for w in sweep.base if w.startswith("data=")).removeprefix("data=")
    settings = {**SMALL[data](tmp_path), "batch_size": 4}
    fixed = {f"data.{key}": settings[key] for key in settings if f"data.{key}" not in sweep.space}
    if "data.seq_len" in sweep.space:  # its windows need the steps of the data set
        fixed = {key: fixed[key] for key in fixed.keys() - {"data.steps", "data.first_target"}}
    limits = [f"++trainer.limit_{split}_batches=1" for split in ("train", "val", "test")]
    small = [*(f"++{key}={value}" for key, value in fixed.items()), *limits, "trainer=cpu"]
    main(ROOT, [*words, *small, "n_trials=1", "slots=1", "repeats=0"], conf)
    assert list(tmp_path.rglob("outputs/sweeps/*/report.html"))
