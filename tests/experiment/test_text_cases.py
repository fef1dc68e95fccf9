"""Cases of users with texts that ended in a traceback, in hours or in another result."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlab.commands.generate import parse_arguments
from rnnlab.errors import ConfigError, DataError
from rnnlab.experiment.run import run
from rnnlab.plots.classification import draw_confusion_matrix
from tests.helpers.cases import open_typed
from tests.helpers.configs import compose

SMALL = (
    *("trainer=cpu", "model.hidden_size=8", "task.embedding_size=8", "data.vocab_size=500"),
    *("data.batch_size=16", "trainer.max_epochs=2"),
)


def compose_case(path: Path, folder: Path, *words: str) -> dict[str, Any]:
    """The config of a small run on the file of a case."""
    own = (f"data.path='{path}'", f"output_dir={folder}/outputs", *SMALL, *words)
    return compose("data=text_classification", *own)


@pytest.mark.parametrize("callbacks", ["default", "early_stopping"])
def test_auroc_monitor_one_class_validation(
    callbacks: str, text_cases: Path, tmp_path: Path
) -> None:
    path = text_cases / "auroc_monitor_one_class_validation" / "oneclassval"
    words = ("monitor=val/auroc", f"callbacks={callbacks}")
    with pytest.raises((ConfigError, DataError), match=r"monitor=val/auroc: is undefined.*of val"):
        run(compose_case(path, tmp_path, *words))


@pytest.mark.parametrize(
    "words", ["--temperature inf", "--temperature nan", "--seed 99999999999999999999"]
)
def test_generate_odd_values(words: str, text_cases: Path) -> None:
    assert words in (text_cases / "generate_odd_values" / "cmd").read_text()
    with pytest.raises(ConfigError, match=f"{words}: must be"):
        parse_arguments(["run", *words.split()])
    with pytest.raises(ConfigError, match="character 5 is the byte 0xff"):
        parse_arguments(["run", "--prompt", "the \udcff cat"])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["l_151.csv", "l_300.csv"])
def test_many_classes_confusion_matrix(name: str, text_cases: Path, tmp_path: Path) -> None:
    path = text_cases / "many_classes_confusion_matrix" / name
    data = open_typed(f"data.path='{path}'", data="text_classification")
    classes = data.spec.class_names
    assert len(classes) == int(name[2:5])
    counts = np.random.default_rng(0).integers(0, 5, (len(classes), len(classes)))
    picture = draw_confusion_matrix(counts, classes, tmp_path / "matrix.png")
    assert picture.stat().st_size < 1_000_000


@pytest.mark.slow
@pytest.mark.usefixtures("no_figures")
def test_resume_with_changed_file(text_cases: Path, tmp_path: Path) -> None:
    case, table = text_cases / "resume_with_changed_file", tmp_path / "table.csv"
    shutil.copy(case / "res_a.csv", table)
    done = run(compose_case(table, tmp_path, "trainer.max_epochs=1"))
    report = done.folder.read_report()
    done.folder.write_report({**report, "status": "stopped"})
    before = {path: path.read_bytes() for path in done.folder.path.rglob("*") if path.is_file()}
    shutil.copy(case / "res_b.csv", table)
    with pytest.raises(DataError, match="sha256"):
        run({"resume": str(done.folder.path)})
    after = {path: path.read_bytes() for path in done.folder.path.rglob("*") if path.is_file()}
    assert after == before
