import json
from dataclasses import asdict
from pathlib import Path

from optuna.trial import create_trial

from rnnlab.sweeps.workers.messages import (
    Job,
    Reporting,
    TrialResult,
    has_result,
    load_result,
    stored_result,
)


def test_a_study_of_the_first_version_can_be_continued(tmp_path: Path) -> None:
    """It called a result a verdict, in files and in the study."""
    result = TrialResult(2, "infeasible", "out of memory", oom_overrides=["data.batch_size=8"])
    values = asdict(result)
    values["smaller"] = values.pop("oom_overrides")
    (tmp_path / "verdict.json").write_text(json.dumps(values))
    read = load_result(tmp_path, 2)
    assert read == result
    assert load_result(tmp_path) == result
    assert has_result(tmp_path, 2)
    assert not has_result(tmp_path, 3)
    trial = create_trial(value=1.0, user_attrs={"verdict": values})
    assert stored_result(trial)["failure"] == "out of memory"


def test_a_later_attempt_counts_over_a_file_of_the_first_version(tmp_path: Path) -> None:
    stopped = asdict(TrialResult(1, "stopped"))
    (tmp_path / "verdict.json").write_text(json.dumps(stopped))
    TrialResult(2, "complete").write(tmp_path)
    results = [load_result(tmp_path, attempt) for attempt in (1, 2, None)]
    assert [result and result.state for result in results] == ["stopped", "complete", "complete"]


def test_the_result_of_the_process_that_failed_counts(tmp_path: Path) -> None:
    TrialResult(2, "stopped").write(tmp_path)
    TrialResult(2, "failed", "crash", "why").write(tmp_path, rank=1)
    result = load_result(tmp_path, 2)
    assert result is not None
    assert result.failure == "crash"
    assert load_result(tmp_path, 3) is None, "an older attempt says nothing"


def test_a_stop_is_no_final_result(tmp_path: Path) -> None:
    TrialResult(2, "stopped").write(tmp_path)
    assert load_result(tmp_path) is None
    TrialResult(3, "pruned").write(tmp_path)
    result = load_result(tmp_path)
    assert result is not None
    assert result.state == "pruned"


def test_a_job_is_read_as_it_was_written() -> None:
    reporting = Reporting("journal://x", "s", 3, {"_target_": "x"}, "epochs", 0.5)
    job = Job("folder", 2, ["a=1"], 1, reporting, {"test": False}, {"id": "x"}, [["b=2"]])
    assert Job.from_line(job.to_line()) == job
    assert job.to_line().count("\n") == 1
