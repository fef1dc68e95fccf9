from benchmarks.runs import Settings
from benchmarks.thread_costs import thread_costs


def test_threads_that_spin_are_not_measured(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    (note,) = thread_costs(Settings())
    assert "OMP_WAIT_POLICY=passive" in note


def test_the_cost_of_threads_is_a_row_for_each_size(monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.setattr("benchmarks.thread_costs.MAX_STEPS", 1)
    small = ("data.num_series=4", "data.num_eval_series=2", "data.steps=40", "data.first_target=20")
    words = (*small, "data.seq_len=4", "data.batch_size=4")
    (row,) = thread_costs(Settings(0.01, "cpu", sine=words, thread_sizes=(4,)))
    assert "GRU of 4, products of 192" in row.what
    assert min(row.values) > 0
    assert row.bar is None
