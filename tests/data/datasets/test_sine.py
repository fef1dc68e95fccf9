import numpy as np
import pytest
import torch

from rnnlab.data.datasets.synthetic.sine import SineDataModule, noise_floor, sine_waves
from rnnlab.data.loaders.windows import Windows
from rnnlab.errors import ConfigError

SPLITS = ("train", "val", "test")


def make(**settings):
    """Small series, drawn."""
    data = SineDataModule(
        **{"num_series": 8, "num_eval_series": 2, "steps": 60, "first_target": 30, "seq_len": 10}
        | settings
    )
    data.setup()
    return data


def loader(data, split):
    return {
        "train": data.train_dataloader,
        "val": data.val_dataloader,
        "test": data.test_dataloader,
    }[split]()


def targets(data, split):
    """(series, first step) of each target -> its values, as the loader gives them."""
    windows, found = data.windows[split], {}
    for batch in loader(data, split):
        for row, values in zip(batch.rows.tolist(), batch.targets, strict=True):
            found[divmod(int(windows.first[row]), 60)] = values.flatten().tolist()
    assert len(found) == len(windows)
    return found


# Waves.


def test_waves_without_noise_are_sums_of_sines():
    frequencies, amplitudes = [0.05, 0.21], [2.0, 0.5]
    waves = sine_waves(3, 40, frequencies, amplitudes, 0.0, np.random.default_rng(0))
    assert waves.shape == (3, 40, 1)
    assert waves.dtype == np.float32
    angles = 2 * np.pi * np.arange(40)[:, None] * frequencies
    basis = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)  # (N, 2K)
    weights, *_ = np.linalg.lstsq(basis, waves[..., 0].T, rcond=None)
    np.testing.assert_allclose(basis @ weights, waves[..., 0].T, atol=1e-5)
    found = np.hypot(weights[:2], weights[2:])  # (K, S)
    np.testing.assert_allclose(found, np.repeat([[2.0], [0.5]], 3, axis=1), rtol=1e-5)
    assert np.abs(waves[0] - waves[1]).max() > 0.1  # phases of their own


def test_the_noise_has_its_standard_deviation():
    noisy, clean = (
        sine_waves(200, 100, [0.05], [1.0], noise, np.random.default_rng(0)) for noise in (0.3, 0.0)
    )
    assert (noisy - clean).std() == pytest.approx(0.3, rel=0.02)
    assert (noisy - clean).mean() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("seq_len", "horizon", "frequencies"),
    [(6, 1, [0.05]), (20, 3, [0.05]), (20, 2, [0.05, 0.13]), (12, 1, [0.02, 0.2, 0.35])],
)
def test_the_noise_floor_is_the_error_of_least_squares(seq_len, horizon, frequencies):
    noise, count = 0.5, 40_000
    random = np.random.default_rng(1)
    waves = sine_waves(
        count, seq_len + horizon, frequencies, [1.0] * len(frequencies), noise, random
    )
    angles = 2 * np.pi * np.arange(seq_len + horizon)[:, None] * frequencies
    basis = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    read, ahead = waves[:, :seq_len, 0].T, waves[:, seq_len:, 0].T
    weights, *_ = np.linalg.lstsq(basis[:seq_len], read, rcond=None)
    error = np.square(basis[seq_len:] @ weights - ahead).mean()
    assert noise_floor(seq_len, horizon, frequencies, noise) == pytest.approx(error, rel=0.03)


def test_the_noise_floor_sinks_to_the_noise_in_a_long_window():
    floors = [noise_floor(seq_len, 1, [0.05], 0.1) / 0.01 for seq_len in (10, 50, 200, 5000)]
    assert floors == sorted(floors, reverse=True)
    assert floors[-1] == pytest.approx(1, abs=1e-3)


def test_a_wave_that_is_given_twice_costs_no_more():
    assert noise_floor(50, 1, [0.05, 0.05], 0.1) == pytest.approx(noise_floor(50, 1, [0.05], 0.1))


# Windows.


def test_windows_by_hand():
    values = np.arange(10, dtype=np.float32).reshape(2, 5, 1) * 10
    windows = Windows.all_of(values, first_target=2, horizon=2)
    assert windows.first.tolist() == [2, 3, 7, 8]  # the second series begins at step 5
    assert len(windows) == 4
    rows = np.array([3, 0])
    assert windows.inputs(rows, 2)[..., 0].tolist() == [[60, 70], [0, 10]]
    assert windows.inputs(rows, 1)[..., 0].tolist() == [[70], [10]]
    assert windows.targets(rows)[..., 0].tolist() == [[80, 90], [20, 30]]


def test_windows_keep_the_variables_apart():
    values = np.arange(12, dtype=np.float32).reshape(1, 6, 2)
    windows = Windows.all_of(values, first_target=2, horizon=1)
    assert windows.inputs(np.array([1]), 2).tolist() == [[[2, 3], [4, 5]]]
    assert windows.targets(np.array([1])).tolist() == [[[6, 7]]]


def test_a_window_ends_where_its_target_begins():
    data = make(horizon=3, noise=0.2)
    for split in SPLITS:
        windows = data.windows[split]
        batch = next(iter(loader(data, split)))
        B = len(batch.rows)
        assert batch.inputs.shape == (B, 10, 1)
        assert batch.targets.shape == (B, 3, 1)
        assert batch.lengths.tolist() == [10] * B
        for row, inputs, values in zip(
            batch.rows.tolist(), batch.inputs, batch.targets, strict=True
        ):
            first = windows.first[row]
            whole = torch.from_numpy(windows.values[first - 10 : first + 3])
            assert torch.equal(torch.cat([inputs, values]), whole)


# Splits.


@pytest.mark.parametrize("split", ["val", "test"])
def test_what_is_evaluated_does_not_change_with_what_is_tuned(split):
    wanted = targets(make(), split)
    assert len(wanted) == 2 * 30  # two series, all steps from the 30th on
    assert min(first for _, first in wanted) == 30
    for seq_len, batch_size, seed in [(1, 7, 0), (30, 64, 5)]:
        assert targets(make(seq_len=seq_len, batch_size=batch_size, seed=seed), split) == wanted


def test_training_reads_all_targets_that_have_a_window():
    assert len(targets(make(), "train")) == 8 * 50
    assert len(targets(make(seq_len=30, horizon=4), "train")) == 8 * (60 - 30 - 3)


def test_splits_have_series_of_their_own():
    data = make()
    train, val, test = (data.windows[split].values for split in SPLITS)
    assert np.abs(train[: len(val)] - val).max() > 0.1
    assert np.abs(val - test).max() > 0.1


def test_the_series_are_a_function_of_data_seed_alone():
    one = make(data_seed=1)
    same, other = make(data_seed=1, seed=7, batch_size=3), make(data_seed=2)
    assert one.provenance.sha256 == same.provenance.sha256 != other.provenance.sha256
    for split in SPLITS:
        np.testing.assert_array_equal(one.windows[split].values, same.windows[split].values)


@pytest.mark.parametrize("split", ["val", "test"])
def test_more_training_series_leave_the_others_as_they_are(split):
    fewer, more = make(num_series=7), make(num_series=8)
    np.testing.assert_array_equal(fewer.windows[split].values, more.windows[split].values)


def test_the_order_of_batches_is_a_function_of_seed():
    orders = [
        torch.cat([batch.rows for batch in make(seed=seed).train_dataloader()]).tolist()
        for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]


# Sizes and baselines.


def test_the_sizes_are_known_before_the_series():
    data = SineDataModule(horizon=4, noise=0.2)
    spec = data.preview()
    assert (spec.input_size, spec.output_size, spec.horizon, spec.num_tokens) == (1, 1, 4, None)
    assert spec.noise_variance == pytest.approx(0.04)
    assert spec.noise_floor == noise_floor(50, 4, [0.05], 0.2)
    data.setup()
    assert data.spec == spec


def test_without_noise_there_is_no_floor():
    data = make(noise=0.0)
    assert data.spec.noise_variance is None
    assert data.spec.noise_floor is None
    assert data.baselines("val").keys() == {"persistence"}
    assert data.baselines("val")["persistence"].keys() == {"mse", "mae"}


@pytest.mark.parametrize(("seq_len", "known"), [(3, False), (4, True)])
def test_a_window_that_cannot_tell_the_waves_has_no_floor(seq_len, known):
    data = make(seq_len=seq_len, frequencies=[0.05, 0.13])
    assert (data.spec.noise_floor is not None) == known
    baselines = data.baselines("test")
    assert ("noise floor" in baselines) == known
    assert baselines["persistence"]["noise_ratio"] > 1


@pytest.mark.parametrize("horizon", [1, 3])
def test_baselines_by_hand(horizon):
    data = make(horizon=horizon, noise=0.2)
    errors = [
        series[first + ahead] - series[first - 1]
        for series in data.windows["test"].values.reshape(-1, 60).astype(float)
        for first in range(30, 60 - horizon + 1)
        for ahead in range(horizon)
    ]
    baselines = data.baselines("test")
    mse = np.mean(np.square(errors))
    assert baselines["persistence"] == {
        "mse": pytest.approx(mse, rel=1e-4),
        "mae": pytest.approx(np.mean(np.abs(errors)), rel=1e-4),
        "noise_ratio": pytest.approx(mse / 0.04, rel=1e-4),
    }
    floor = noise_floor(10, horizon, [0.05], 0.2)
    assert baselines["noise floor"] == {"mse": floor, "noise_ratio": pytest.approx(floor / 0.04)}
    assert mse > floor


def test_an_example_is_the_window_before_its_target():
    data = make()
    windows = data.windows["val"]
    history = data.example("val", 31)["history"]
    np.testing.assert_array_equal(history, windows.values[60 + 21 : 60 + 31])


def test_the_provenance_counts_the_targets():
    data = make()
    assert data.provenance.source == "generated"
    assert data.provenance.sizes == {"train": 400, "val": 60, "test": 60}


# Settings.


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frequencies": [0.1, 0.2], "amplitudes": [1.0]}, r"data\.amplitudes: has 1 values, but"),
        ({"frequencies": [0.1, 0.5]}, r"data\.frequencies=\[0\.1, 0\.5\]"),
        ({"seq_len": 31}, r"data\.seq_len=31 is longer than data\.first_target=30"),
        ({"horizon": 31}, r"data\.steps=60 leaves no target .* data\.horizon=31"),
    ],
)
def test_settings_that_cannot_work(settings, message):
    with pytest.raises(ConfigError, match=message):
        make(**settings)


def test_settings_at_their_limits_work():
    data = make(seq_len=30, horizon=30)
    assert data.provenance.sizes == {"train": 8, "val": 2, "test": 2}
