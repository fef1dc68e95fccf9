"""The tests compose from memory what Hydra composes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rnnlab.config.compose import compose
from rnnlab.sweeps.settings import compose_sweep
from tests.helpers.compositions import CONF, SWEEPS, remember_compositions
from tests.helpers.processes import run_code

RUNS = (
    ("data=sine", "model=gru"),
    ("data=sine", "model=gru", "model.hidden_size=7", "+data.min_freq=2"),  # the same choices
    ("model=gru", "data=sine", "~callbacks", "logger=[csv]"),
    ("data=imdb", "model=bilstm", "callbacks=[ema,early_stopping]", "optimizer.lr=0.5"),
    ("experiment=ptb_gru", "data.path=x", "debug=profile"),
)
SEARCHES = (("sine_gru", ()), ("sine_gru", ("sampler=random", "budget.epochs=2")))
COMPOSE = f"""
import json, sys
from pathlib import Path
from rnnlab.config.compose import compose
from rnnlab.sweeps.settings import compose_sweep
runs = [compose(Path({str(CONF)!r}), words) for words in {RUNS!r}]
searches = [compose_sweep(Path({str(SWEEPS)!r}), *search) for search in {SEARCHES!r}]
print(json.dumps([runs, searches]))
"""


@pytest.mark.slow
def test_what_is_composed_from_memory_is_what_a_new_interpreter_composes() -> None:
    composed = [compose_all(), compose_all()]  # the second time everything is in the memory
    with remember_compositions():  # an empty memory, as another process has it, finds the files
        composed.append(compose_all())
    expected = json.loads(run_code(COMPOSE).stdout)
    assert all(json.loads(json.dumps(content)) == expected for content in composed)


def compose_all() -> list[list[dict[str, Any]]]:
    runs = [compose(CONF, words) for words in RUNS]
    return [runs, [compose_sweep(SWEEPS, *search) for search in SEARCHES]]


@pytest.mark.slow
def test_files_of_users_are_read_each_time(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    for size in (3, 4):
        text = (CONF / "model" / "gru.yaml").read_text(encoding="utf-8")
        changed = re.sub(r"hidden_size: \d+", f"hidden_size: {size}", text)
        (tmp_path / "model" / "gru.yaml").write_text(changed, encoding="utf-8")
        assert compose(tmp_path, ["data=sine", "model=gru"])["model"]["hidden_size"] == size
