import json
from dataclasses import asdict
from pathlib import Path

from optuna.trial import create_trial

from rnnlab.sweeps.workers.messages import TrialResult, has_result, load_result, stored_result


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
