from pathlib import Path
from typing import Any

import pytest

from rnnlab.loggers.wandb_search import history_rows, log_search
from rnnlab.runtime.files import write_json
from rnnlab.sweeps.report.wandb_summary import log_outcome
from tests.helpers.wandb_file import (
    files_of,
    items,
    merged,
    read_run,
    records_of_kind,
    save_picture,
    whole_records,
)

OFFLINE = {"project": "lab", "entity": None, "mode": "offline", "group": "sine", "id": "sine-0-end"}


def a_summary(scores: list[float]) -> dict[str, Any]:
    best = min(range(len(scores)), key=scores.__getitem__)
    entry = {"number": best, "values": {"val/mse": scores[best]}}
    return {
        "objectives": [{"name": "val/mse", "mode": "min"}],
        "history": [{"number": i, "values": {"val/mse": s}} for i, s in enumerate(scores)],
        "best": {**entry, "params": {"optimizer.lr": 1e-3}, "command": "python train.py data=sine"},
        "front": None,
        "counts": {"complete": len(scores), "pruned": 2},
        "failures": {"diverged": 1},
        "importance": {"shares": {"optimizer.lr": 0.75, "data.seq_len": 0.25}, "remark": ""},
        "comparison": None,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "sine_gru"
    folder.mkdir()
    return folder


def test_a_search_is_one_run_in_the_group_of_its_trials(folder: Path) -> None:
    shown = save_picture(folder / "history.png")
    assert log_search(folder, OFFLINE, a_summary([0.5, 0.25, 0.75]), [shown])
    found = read_run(folder)
    (run,) = (record.run for record in found if record.HasField("run"))
    assert (run.run_id, run.run_group, run.project) == ("sine-0-end", "sine", "lab")
    assert run.display_name == "sine_gru"

    rows = [row for row in records_of_kind(found, "history") if "search/val/mse" in row]
    told = [(row["trial"], row["search/val/mse"], row["search/best val/mse"]) for row in rows]
    assert told == [(0, 0.5, 0.5), (1, 0.25, 0.25), (2, 0.75, 0.25)]
    everything = merged(records_of_kind(found, "history"))
    assert everything["plots/history/_type"] == "image-file"
    assert everything["search/importance/_type"] == "table-file"
    assert (everything["search/importance/nrows"], everything["search/importance/ncols"]) == (2, 2)

    summary = merged(records_of_kind(found, "summary"))
    assert (summary["best/number"], summary["best/val/mse"]) == (1, 0.25)
    assert summary["best/command"] == "python train.py data=sine"
    assert (summary["trials/pruned"], summary["failures/diverged"]) == (2, 1)
    assert summary["state"] == "complete"


def test_the_second_end_of_a_search_logs_what_is_new_alone(folder: Path) -> None:
    assert log_search(folder, OFFLINE, a_summary([0.5, 0.25]), [])
    assert not log_search(folder, OFFLINE, a_summary([0.5, 0.25]), [])
    assert len(files_of(folder)) == 1
    assert log_search(folder, OFFLINE, a_summary([0.5, 0.25, 0.125]), [])
    runs = [whole_records(file) for file in files_of(folder)]
    assert {record.run.run_id for run in runs for record in run if record.run.run_id} == {
        "sine-0-end"
    }
    rows = [items(r.history.item) for run in runs for r in run if r.HasField("history")]
    assert sorted(row["trial"] for row in rows if "search/val/mse" in row) == [0, 1, 2]
    repeated = {**a_summary([0.5, 0.25, 0.125]), "comparison": {"sentence": "It was chance."}}
    assert log_search(folder, OFFLINE, repeated, [])
    assert not log_search(folder, OFFLINE, repeated, [])


def test_a_search_without_a_complete_trial_is_logged_too(folder: Path) -> None:
    empty = {"history": [], "best": None, "importance": {"shares": {}, "remark": "too few"}}
    assert log_search(folder, OFFLINE, {**a_summary([1.0]), **empty}, [])
    assert merged(records_of_kind(read_run(folder), "summary"))["failures/diverged"] == 1
    assert not log_search(folder, OFFLINE, {**a_summary([1.0]), **empty}, [])


def test_what_wandb_does_not_take_is_not_said_to_be_logged(
    folder: Path, own_wandb: pytest.MonkeyPatch
) -> None:
    own_wandb.setenv("WANDB_MODE", "disabled")
    log_search(folder, OFFLINE, a_summary([0.5]), [])
    assert not (folder / "wandb").exists()


def test_the_best_so_far_follows_the_mode_of_each_objective() -> None:
    summary = {
        "objectives": [{"name": "accuracy", "mode": "max"}, {"name": "seconds", "mode": "min"}],
        "history": [
            {"number": 0, "values": {"accuracy": 0.5, "seconds": 3.0}},
            {"number": 4, "values": {"accuracy": 0.75, "seconds": None}},
            {"number": 5, "values": {"accuracy": 0.25, "seconds": 2.0}},
        ],
    }
    rows = dict(history_rows(summary))
    assert [row["search/best accuracy"] for row in rows.values()] == [0.5, 0.75, 0.75]
    assert [row["search/best seconds"] for row in rows.values()] == [3.0, 3.0, 2.0]
    assert "search/seconds" not in rows[4]


def test_a_search_is_logged_where_its_trials_are(folder: Path) -> None:
    (folder / "report").mkdir()
    save_picture(folder / "report" / "history.png")
    write_json(folder / "summary.json", a_summary([0.5, 0.25]))
    csv = {"_target_": "rnnlab.loggers.CSVLogger"}
    assert not log_outcome({"logger": {"csv": csv}}, folder, "sine", "abc")
    assert not (folder / "wandb").exists()

    wandb = {"_target_": "rnnlab.loggers.WandbLogger", "mode": "offline", "project": "lab"}
    own = {"name": "sine-0", "group": "other", "tags": [], "id": None}
    base = {"logger": {"csv": csv, "none": None, "wandb": {**wandb, **own}}}
    assert log_outcome(base, folder, "sine", "abc")
    assert not log_outcome(base, folder, "sine", "abc")
    found = read_run(folder)
    (run,) = (record.run for record in found if record.HasField("run"))
    assert (run.run_id, run.run_group, run.project) == ("sine-abc-search", "sine", "lab")
    assert "plots/history/_type" in merged(records_of_kind(found, "history"))
