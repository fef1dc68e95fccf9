"""What somebody else wrote into a run folder is data: it executes nothing."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

import rnnlab
from rnnlab.commands import evaluate, predict
from rnnlab.data.processors.base import PROCESSOR_FORMAT
from rnnlab.errors import ConfigError
from rnnlab.experiment.build import partial_from
from rnnlab.experiment.run import check, run
from rnnlab.report.folder import RunFolder
from tests.helpers.run_folders import write_run

Use = Callable[[Path], object]


def resume(folder: Path) -> object:
    return run({"resume": str(folder)})


def predict_file(folder: Path) -> object:
    return predict.main([str(folder), str(folder / "processor.json")])


USES: dict[str, Use] = {
    "load": rnnlab.load,
    "predict": predict_file,
    "evaluate": lambda folder: evaluate.main([str(folder)]),
    "resume": resume,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run that could be evaluated and resumed."""
    folder = write_run("sine", tmp_path, "model.hidden_size=2").folder
    report = {"status": "finished", "scores": {"test/mse": 1.0}, "limits": {}}
    RunFolder(folder).write_report({**RunFolder(folder).read_report(), **report})
    return folder


def change_configs(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the config of a run, and the one in its checkpoints."""
    run_folder = RunFolder(folder)
    config = run_folder.read_config()
    change(config)
    run_folder.write_config(config)
    for path in (run_folder.best, run_folder.last):
        content = torch.load(path, weights_only=True)
        change(content["hyper_parameters"]["config"])
        torch.save(content, path)


def system(mark: Path) -> dict[str, Any]:
    return {"_target_": "os.system", "command": f"touch {mark}"}


class Attack:
    """A pickle that executes a command where it is read without care."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


def refuse_all_uses(folder: Path, message: str) -> None:
    for use in USES.values():
        with pytest.raises(ConfigError, match=message):
            use(folder)


def test_a_checkpoint_with_code_is_refused(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    for name in ("best", "last"):
        path = folder / "checkpoints" / f"{name}.ckpt"
        torch.save({**torch.load(path, weights_only=True), "callbacks": Attack(mark)}, path)
    refuse_all_uses(folder, r"\.ckpt: .*contains code, which is not executed")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("section", "settings"),
    [
        ("data", {"_target_": "os.system"}),
        ("optimizer", {"_target_": "subprocess.Popen", "args": "x"}),
        ("model", {"_target_": "torch.hub.load"}),
        ("scheduler", {"_target_": "rnnlab.runtime.files.write_text"}),
        ("task", {"_target_": "rnnlab.models.GRU"}),
        ("analysis", {"_target_": "builtins.exec"}),
        ("optimizer", {"_target_": "torch.optim.SGD", "lr": {"_target_": "os.getcwd"}}),
        ("callbacks", {"a": {"_target_": "hydra.utils.get_method", "path": "os.system"}}),
        ("logger", {"a": {"_target_": "antigravity.Logger"}}),
    ],
)
def test_a_config_that_names_other_code_is_refused(
    section: str, settings: dict[str, Any], folder: Path
) -> None:
    change_configs(folder, lambda config: config.update({section: settings}))
    refuse_all_uses(folder, rf"{section}\S*\._target_=\S+: (is no comp|a run folder)")
    assert "antigravity" not in sys.modules


def test_a_command_inside_of_a_component_is_not_executed(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    change_configs(folder, lambda config: config["optimizer"].update(betas=[system(mark), 0.9]))
    refuse_all_uses(folder, r"optimizer\.betas\.0\._target_=os\.system: is no component")
    assert not mark.exists()


def test_a_module_of_the_folder_is_not_imported(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "executed"
    (folder / "evil.py").write_text(f"import pathlib\npathlib.Path({str(mark)!r}).touch()")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.syspath_prepend(str(folder.parent))
    for name in ("evil", f"{folder.name}.evil"):
        target = f"{name}.Processor"
        change_configs(
            folder, lambda config, target=target: config["model"].update(_target_=target)
        )
        refuse_all_uses(folder, "does not choose which code is imported")
    assert not mark.exists()


@pytest.mark.parametrize("name", ["subprocess.Popen", "evil.Processor", "rnnlab.models.GRU"])
def test_a_processor_names_a_processor(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "evil.py").write_text("raise SystemExit('executed')")
    monkeypatch.syspath_prepend(str(folder))
    content = {"format_version": PROCESSOR_FORMAT, "class": name, "state": {"args": "ls"}}
    (folder / "processor.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=f"{name!r} is no processor"):
        rnnlab.load(folder).predict([[0.0]])


OWN = """
import rnnlab.models
class Mine(rnnlab.models.GRU): ...
"""


def test_a_class_of_ones_own_is_found_on_the_path_of_python(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_to_load.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    change_configs(folder, lambda config: config["model"].update(_target_="mine_to_load.Mine"))
    assert type(rnnlab.load(folder).model).__name__ == "Mine"


@pytest.fixture
def calls() -> Iterator[list[str]]:
    """The calls of a resolver that an application has registered."""
    calls: list[str] = []
    OmegaConf.register_new_resolver("attack", lambda: calls.append("") or "x")
    yield calls
    OmegaConf.clear_resolver("attack")


def test_an_interpolation_inside_of_a_component_is_refused(calls: list[str]) -> None:
    inner = {"_target_": "builtins.dict", "b": "${attack:}"}
    with pytest.raises(ConfigError, match="cannot have such a text"):
        partial_from({"_target_": "builtins.dict", "a": [inner]})
    assert calls == []


def test_the_config_of_a_folder_is_not_interpolated(folder: Path, calls: list[str]) -> None:
    change_configs(folder, lambda config: config.update(name="${attack:}"))
    rnnlab.load(folder)
    assert check({"resume": str(folder)}).name == "${attack:}"
    assert calls == []
