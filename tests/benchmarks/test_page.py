"""docs/PERFORMANCE.md, written from kept results."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from benchmarks import recipes
from benchmarks.__main__ import arguments, cpu_facts, describe_benchmarks, expand_names
from benchmarks.page import PAGE, keep_results, write_page
from benchmarks.pairs import Row
from benchmarks.runs import Settings

FACTS = {
    **{name: f"({name})" for name in ("command", "commit", "threads", "method", "load")},
    **{name: f"({name})" for name in ("other work", "date", "processor", "versions")},
}


def test_the_page_has_each_kept_result_with_its_facts(tmp_path):
    ratio = Row("speed", "ours / plain", "2 ms", "3 ms", [1.0, 1.5, 1.6, 3.0], 2.0, at_least=True)
    seconds = Row("speed", "start", "", "", [0.5], 1.0, at_least=False, unit="s")
    reported = Row("speed", "memory", "", "", [1234.5], None, at_least=False, unit="MiB")
    keep_results(tmp_path, "speed", FACTS, [ratio, seconds, reported, "text: needs a file"])
    page = tmp_path / "PERFORMANCE.md"
    write_page(tmp_path, {"other": "Not there.", "speed": "Speed of a step."}, page)
    text = page.read_text()
    assert "## other" not in text
    assert "## speed\n\nSpeed of a step.\n" in text
    for fact in FACTS.values():
        assert fact in text
    cells = "2 ms | 3 ms | 1.55 | 1.38 to 1.95 | 4 | >= 2.00 | **missed**"
    assert f"| ours / plain | {cells} |" in text
    assert "| start |  |  | 0.500 s |  | 1 | <= 1.00 | met |" in text
    assert "| memory |  |  | 1,234 MiB |  | 1 | - |  |" in text
    assert "Not measured: text: needs a file.\n" in text


def test_options_that_name_no_file_are_refused(tmp_path, capsys):
    for words, message in (
        (["--env", "jax=python"], "--env jax=python: jax is none of keras-tf, keras-torch, torch"),
        (["--env", f"torch={tmp_path}/python"], "is not a program"),
        (["--data", "wmt=a"], "--data wmt=a: wmt is none of ett, weather, sms_spam"),
        (["--data", f"ett={tmp_path}/no"], "there is no such file or folder"),
        (["--data", "ett"], "--data ett: there is no such file or folder"),
        (["--against", str(tmp_path)], "there is no train.py in this folder"),
    ):
        with pytest.raises(SystemExit):
            arguments(words)
        assert message in capsys.readouterr().err


def test_every_benchmark_has_a_description():
    assert expand_names(["peers"]) == ["keras-tf", "keras-torch", "torch", "accuracy"]
    assert all(line.endswith(".") for line in describe_benchmarks().values())


def test_the_scores_of_both_kernels_are_compared_with_the_spread_of_seeds(tmp_path, monkeypatch):
    def group(kernel: str, mean: float) -> SimpleNamespace:
        label = SimpleNamespace(label=f"kernel={kernel}")
        return SimpleNamespace(group=label, mean=mean, spread=0.1, verdict="undecided")

    trained = []
    monkeypatch.setattr(recipes, "train", lambda *run: trained.append(run[1:3]) or tmp_path)
    for native, is_equal in ((0.65, True), (0.75, False)):
        groups = [group("torch", 0.5), group("native", native)]
        comparison = SimpleNamespace(metric="test/mse", groups=groups)
        monkeypatch.setattr(recipes, "compare_runs", lambda *_, by, result=comparison: result)
        row = recipes.compare_kernels("sine-gru", Settings(seeds=2))
        assert row.median == pytest.approx((native - 0.5) / 0.1)
        assert row.bar == 2.0
        assert row.meets_bar is is_equal
    assert trained[:4] == [("native", 0), ("torch", 0), ("native", 1), ("torch", 1)]


def test_a_recipe_without_its_files_is_not_measured():
    (note,) = recipes.recipes(Settings(recipes=("ptb-gru",)))
    assert note == "ptb-gru: needs --data ptb=<path>"


def test_a_section_stays_until_its_benchmark_has_a_new_result(tmp_path: Path) -> None:
    page = tmp_path / "PERFORMANCE.md"
    descriptions = {"memory": "Memory of a run.", "speed": "Speed of a step."}
    keep_results(tmp_path / "old", "speed", FACTS, ["slow here"])
    write_page(tmp_path / "old", descriptions, page)
    before = page.read_text()
    write_page(tmp_path / "none", descriptions, page)
    assert page.read_text() == before
    keep_results(tmp_path / "new", "memory", FACTS, ["little here"])
    write_page(tmp_path / "new", descriptions, page)
    assert page.read_text().index("little here") < page.read_text().index("slow here")
    keep_results(tmp_path / "new", "speed", FACTS, ["quick here"])
    write_page(tmp_path / "new", descriptions, page)
    assert "slow here" not in page.read_text()


def test_each_kind_of_processor_has_a_section(tmp_path: Path) -> None:
    page = tmp_path / "PERFORMANCE.md"
    descriptions = {"memory": "Memory of a run.", "speed": "Speed of a step."}
    for vectors, note in (("AVX2", "half"), ("AVX-512", "twice"), ("AVX2", "quicker")):
        keep_results(tmp_path, "speed", {**FACTS, "vectors": vectors}, [note])
        write_page(tmp_path, descriptions, page)
    keep_results(tmp_path / "none", "memory", {**FACTS, "vectors": ""}, ["little"])
    write_page(tmp_path / "none", descriptions, page)
    lines = page.read_text().splitlines()
    headings = [line for line in lines if line.startswith("## ")]
    assert headings == ["## memory", "## speed on AVX-512", "## speed on AVX2"]
    assert [line for line in lines if line.startswith("Not measured")] == [
        f"Not measured: {note}." for note in ("little", "twice", "quicker")
    ]


def test_the_vectors_of_a_processor_are_those_of_its_flags(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    for flags, vectors in (("fma avx2 avx512f", "AVX-512"), ("avx avx2", "AVX2"), ("sse2", "")):
        cpuinfo.write_text(f"processor\t: 0\nmodel name\t: A: 1\nflags\t\t: {flags}\n\n" * 2)
        assert cpu_facts(cpuinfo) == {"name": "A: 1", "vectors": vectors}
    assert cpu_facts(tmp_path / "none")["vectors"] == ""


def test_the_page_of_the_project_stays_without_new_results(tmp_path: Path) -> None:
    page = tmp_path / "PERFORMANCE.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    write_page(tmp_path / "none", describe_benchmarks(), page)
    assert page.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")
