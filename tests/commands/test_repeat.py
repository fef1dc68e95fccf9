"""rnnlab repeat trains a run again, and says what differs."""

import shlex
from pathlib import Path

import pytest

from rnnlab.commands.repeat import main, repeated_config
from rnnlab.comparison.repetition import compare_repetition
from rnnlab.errors import ConfigError
from rnnlab.experiment.run import run
from tests.helpers.configs import small


@pytest.mark.slow
@pytest.mark.usefixtures("no_plots")
def test_a_run_is_repeated_by_the_command_of_its_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = small("sine", tmp_path, "model=gru", "model.hidden_size=4")
    plain["trainer"] |= {"max_epochs": 1, "limit_train_batches": 2, "limit_val_batches": 1}
    folder = run(plain).folder
    page = (folder.path / "report.html").read_text(encoding="utf-8").partition("</style>")[2]
    words = shlex.split(page.partition("repeat ")[2].partition("</pre>")[0])
    assert words == [str(folder.path)]
    main(words)
    assert "scores are equal bit for bit; the weights are, too" in capsys.readouterr().out
    runs = [*folder.path.parent.glob("*/report.json")]
    assert len(runs) == 2
    report = folder.read_report()
    report["scores"]["test/mse"] += 1e-12
    folder.write_report({**report, "versions": {**report["versions"], "torch": "1.0"}})
    with pytest.raises(SystemExit) as exit_status:
        main([str(folder.path), "--output-dir", str(tmp_path / "elsewhere")])
    assert exit_status.value.code == 1
    output = capsys.readouterr().out
    assert "versions.torch: was 1.0, is 2" in output
    assert "scores differ: test/mse; the weights are, too" in output
    assert [*(tmp_path / "elsewhere").rglob("report.html")]


def test_every_difference_is_named() -> None:
    old = {"scores": {"test/mse": 1.0, "test/mae": float("nan")}, "versions": {"torch": "2.0"}}
    new = {
        "scores": {"test/mse": 1.0, "test/mae": float("nan")},
        "baselines": {"naive": {"test/mse": 2.0}},
        "versions": {"torch": "2.1"},
        "git": {"commit": "b"},
        "data": {"sha256": "c"},
        "kernel": {"name": "torch", "reason": "kernel=torch"},
    }
    configs = {"seed": 0, "run_dir": "a"}, {"seed": 0, "run_dir": "b", "data": {"new": 1}}
    repetition = compare_repetition((old, new), configs, None)
    names = {"versions.torch", "git.commit", "data.sha256", "data.new", "kernel.name"}
    assert repetition.causes.keys() == names
    assert repetition.scores["naive: test/mse"] == (None, 2.0)
    assert not repetition.is_equal, "a baseline is new"
    assert compare_repetition((old, old), (configs[0], configs[0]), True).is_equal
    assert not compare_repetition((old, old), (configs[0], configs[0]), False).is_equal


def test_only_a_finished_run_is_repeated(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is no finished run: it has no report\.json"):
        main([str(tmp_path)])
    (tmp_path / "report.json").write_text('{"status": "stopped"}')
    with pytest.raises(ConfigError, match="is no finished run: it is stopped"):
        main([str(tmp_path)])


def test_the_new_run_has_a_folder_of_its_own() -> None:
    plain = {"seed": 3, "run_dir": "a", "output_dir": "b", "resume": None}
    assert repeated_config(plain, None) == {**plain, "run_dir": None}
    assert repeated_config(plain, "c")["output_dir"] == "c"
