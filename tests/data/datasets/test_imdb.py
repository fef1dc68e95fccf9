"""IMDBDataModule, and through it what every data set of labelled texts does."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from rnnlab.data import prepared
from rnnlab.data.datasets.classification.imdb import IMDBDataModule
from rnnlab.data.sources import movie_reviews
from rnnlab.errors import ConfigError, DataError
from rnnlab.spec import PADDING_ID, UNKNOWN_ID

SPLITS = ("train", "val", "test")


def reviews(count, first=0):
    """Different reviews of growing length, every second one positive."""
    texts = [f"review{i} " + "so good " * i for i in range(first, first + count)]
    return pd.DataFrame({"text": texts, "label": [i % 2 for i in range(count)]})


def write(table, path):
    table.to_csv(path, index=False)
    return path


def local(path, **settings):
    """Read a file or folder of the user."""
    data = IMDBDataModule(source="local", path=str(path), **settings)
    data.setup()
    return data


def read_texts(data, split):
    raw = np.load(data.folder / f"{split}.texts.values.npy").tobytes()
    offsets = np.load(data.folder / f"{split}.texts.offsets.npy").tolist()
    return [raw[start:end].decode() for start, end in pairwise(offsets)]


def targets(data, split):
    """Row of each target -> its class, as the loader gives them."""
    loader = data.val_dataloader() if split == "val" else data.test_dataloader()
    batches = list(loader)
    rows = np.concatenate([batch.rows for batch in batches])
    labels = np.concatenate([batch.targets for batch in batches])
    assert len(rows) == len(set(rows))
    return dict(zip(rows.tolist(), labels.tolist(), strict=True))


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """Nothing is prepared yet."""
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "own_cache"))


# The user's own files.


def test_one_file_is_split_by_the_given_shares(tmp_path):
    data = local(write(reviews(100), tmp_path / "a.csv"), val_fraction=0.2, test_fraction=0.1)
    assert data.provenance.sizes == {"train": 70, "val": 20, "test": 10}
    texts = [text for split in SPLITS for text in read_texts(data, split)]
    assert sorted(texts) == sorted(reviews(100)["text"])
    assert data.provenance.source == "local"
    assert data.provenance.notes == []


def test_labels_and_examples_belong_to_their_texts(tmp_path):
    table = reviews(60)
    data = local(write(table, tmp_path / "a.csv"), vocab_size=1000)
    words = ["<pad>", "<unk>", *data.vocabulary()]
    labels = dict(zip(table["text"], table["label"], strict=True))
    for split in SPLITS:
        batch = data.gather(split, np.arange(len(data.labels[split])))
        for row, tokens in enumerate(batch.inputs):
            text = data.example(split, row)["text"]
            assert batch.targets[row] == labels[text]
            read = [words[token] for token in tokens[: batch.lengths[row]]]
            wanted = [word if word in words else "<unk>" for word in text.split()]
            assert read == wanted
            assert (tokens[batch.lengths[row] :] == PADDING_ID).all()


def test_other_columns_and_names_of_classes(tmp_path):
    table = reviews(40).rename(columns={"text": "review", "label": "stars"})
    path = write(table, tmp_path / "a.tsv.csv")
    data = local(path, text_column="review", label_column="stars", class_names={"1": "good"})
    assert data.spec.class_names == ("0", "good")
    assert data.spec.output_size == 2
    assert data.spec.num_tokens == 2 + len(data.vocabulary())  # fewer than data.vocab_size
    assert (
        local(path, text_column="review", label_column="stars", vocab_size=9).spec.num_tokens == 9
    )


def test_a_missing_label_is_named_with_its_file_and_row(tmp_path):
    table = reviews(10)
    table["label"] = table["label"].astype(object)
    table.loc[6, "label"] = np.nan
    with pytest.raises(DataError, match=r"^mine\.csv, row 7: the label is ''"):
        local(write(table, tmp_path / "mine.csv"))


def test_empty_reviews_are_left_out_and_noted(tmp_path):
    table = reviews(50)
    table.loc[[3, 7], "text"] = ["", "  "]
    data = local(write(table, tmp_path / "mine.csv"))
    assert data.provenance.notes == ["2 empty texts of mine.csv were left out"]
    assert sum(data.provenance.sizes.values()) == 48


def test_a_review_without_words_is_read_as_one_token(tmp_path):
    table = reviews(50)
    table["text"] = [f"... {i} ---" if i % 2 else "\U0001f600" * (i + 1) for i in range(50)]
    data = local(write(table, tmp_path / "a.csv"))
    assert all(min(data.lengths(split)) == 1 for split in SPLITS)


def test_one_label_alone_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"^a\.csv: all labels are '1'; two are needed"):
        local(write(reviews(20).assign(label=1), tmp_path / "a.csv"))


def test_a_column_of_texts_as_labels_is_refused(tmp_path):
    path = write(reviews(1001).assign(label=range(1001)), tmp_path / "a.csv")
    with pytest.raises(DataError, match=r"1,001 different labels.* data\.label_column"):
        local(path)


def test_too_few_texts_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"^a\.csv: 4 texts leave none for test"):
        local(write(reviews(4), tmp_path / "a.csv"))


def test_a_build_that_was_refused_is_not_found_later(tmp_path, own_cache):
    path = write(reviews(20).assign(label=1), tmp_path / "a.csv")
    for _ in range(2):
        with pytest.raises(DataError):
            local(path)


def test_equal_texts_stand_in_one_split(tmp_path):
    table = pd.concat([reviews(30)] * 3)
    data = local(write(table, tmp_path / "a.csv"), val_fraction=0.2, test_fraction=0.2)
    members = [set(read_texts(data, split)) for split in SPLITS]
    assert sum(map(len, members)) == len(set.union(*members)) == 30


def test_a_group_stands_in_one_split(tmp_path):
    table = reviews(120)
    table["movie"] = [f"tt{i % 30}" for i in range(120)]
    movies = dict(zip(table["text"], table["movie"], strict=True))
    data = local(write(table, tmp_path / "a.csv"), group_column="movie")
    members = [{movies[text] for text in read_texts(data, split)} for split in SPLITS]
    assert sum(map(len, members)) == len(set.union(*members)) == 30
    assert data.provenance.sizes == {"train": 96, "val": 12, "test": 12}


def test_a_folder_of_two_files_keeps_its_test_split(tmp_path):
    write(reviews(50), tmp_path / "train.csv")
    reviews(20, first=50).to_parquet(tmp_path / "test.parquet")
    data = local(tmp_path)
    assert data.provenance.sizes == {"train": 45, "val": 5, "test": 20}
    assert read_texts(data, "test") == reviews(20, first=50)["text"].tolist()


def test_a_folder_of_three_files_is_not_split_at_all(tmp_path):
    for first, split in [(0, "train"), (50, "val"), (60, "test")]:
        write(reviews(10, first), tmp_path / f"{split}.csv")
    data = local(tmp_path)
    assert data.provenance.sizes == {"train": 10, "val": 10, "test": 10}
    assert read_texts(data, "val") == reviews(10, first=50)["text"].tolist()


def test_training_texts_of_the_test_file_are_left_out_and_noted(tmp_path):
    write(reviews(50), tmp_path / "train.csv")
    write(reviews(20, first=45), tmp_path / "test.csv")
    data = local(tmp_path, val_fraction=0.2, split_seed=1)
    assert len(read_texts(data, "test")) == 20
    assert not set(read_texts(data, "train")) & set(read_texts(data, "test"))
    assert not set(read_texts(data, "val")) & set(read_texts(data, "test"))
    assert data.provenance.notes[-1].endswith(
        "training texts that are in val or test too were left out"
    )


def test_the_same_file_for_training_and_test_is_refused(tmp_path):
    write(reviews(50), tmp_path / "train.csv")
    write(reviews(50), tmp_path / "test.csv")
    with pytest.raises(DataError, match=r"^train\.csv: all 5 validation texts are in test too"):
        local(tmp_path)


@pytest.mark.parametrize(
    ("there", "named"), [(["train.csv", "notes.md"], "notes.md, train.csv"), ([], "nothing")]
)
def test_a_folder_without_its_files_says_what_it_has(tmp_path, there, named):
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in there:
        write(reviews(5), folder / name)
    with pytest.raises(
        DataError, match=rf"mine: expected train\.csv and test\.csv .*, found {named}$"
    ):
        local(folder)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.csv: there is no such file"):
        local(tmp_path / "none.csv")


def test_the_vocabulary_is_that_of_training(tmp_path):
    write(reviews(30), tmp_path / "train.csv")
    test = reviews(10, first=50).assign(text="so unseen words")
    write(test, tmp_path / "test.csv")
    data = local(tmp_path)
    assert "unseen" not in data.vocabulary()
    so = data.vocabulary().index("so") + 2
    assert data.gather("test", np.array([0])).inputs.tolist() == [[so, UNKNOWN_ID, UNKNOWN_ID]]


def test_a_smaller_vocabulary_reads_the_same_cache(tmp_path):
    path = write(reviews(50), tmp_path / "a.csv")
    whole, small = local(path), local(path, vocab_size=3, seq_len=7, batch_size=2, seed=9)
    assert small.folder == whole.folder
    assert set(small.gather("train", np.arange(9)).inputs.unique().tolist()) <= {0, 1, 2}
    assert len(small.vocabulary()) == 1
    assert small.spec.num_tokens == 3


def test_another_split_seed_makes_another_split(tmp_path):
    path = write(reviews(50), tmp_path / "a.csv")
    assert read_texts(local(path), "val") != read_texts(local(path, split_seed=1), "val")


def test_the_batches_keep_to_seq_len(tmp_path):
    data = local(write(reviews(60), tmp_path / "a.csv"), seq_len=5, head_fraction=0.2)
    for batch in data.train_dataloader():
        assert batch.inputs.shape[1] == batch.lengths.max() <= 5
    longest = int(np.argmax(data.tokens["train"].lengths))
    whole = data.tokens["train"].gather(np.array([longest]), 10_000)[0][0].tolist()
    cut = data.gather("train", np.array([longest])).inputs[0].tolist()
    assert cut == whole[:1] + whole[-4:]


def test_the_majority_baseline_is_that_of_training(tmp_path):
    write(reviews(40).assign(label=[0] * 30 + [1] * 10), tmp_path / "train.csv")
    write(reviews(10, first=50).assign(label=[0] * 4 + [1] * 6), tmp_path / "test.csv")
    data = local(tmp_path, linear_baseline=False)
    majority = data.baselines("test")["majority"]
    often, rare = np.array(data.spec.class_counts) / sum(data.spec.class_counts)
    loss = -0.4 * np.log(often) - 0.6 * np.log(rare)
    wanted = {"loss": loss, "accuracy": 0.4, "f1": 2 / 7, "mcc": 0, "auroc": 0.5}
    assert majority == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"source": "local"}, r"data\.source=local: needs data\.path"),
        (
            {"source": "hub", "path": "a.csv"},
            r"data\.path=a\.csv: is read by data\.source=local, not hub",
        ),
        ({"vocab_size": 2}, r"data\.vocab_size=2"),
    ],
)
def test_settings_that_cannot_work(settings, message):
    with pytest.raises(ConfigError, match=message):
        IMDBDataModule(**settings)


# The package; a small one has the columns of the real one, and its sentences that are no reviews.


@pytest.fixture
def small_package(tmp_path, own_cache, monkeypatch):
    table = pd.concat(
        [reviews(50).assign(source="imdb"), reviews(7, 90).assign(source="Rotten_Tomatoes")]
    )
    file = write(table, tmp_path / "combined.csv")
    monkeypatch.setattr(movie_reviews, "package_file", lambda package, path: file)


def test_auto_takes_the_package_when_the_hub_cannot_be_reached(small_package, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    data = IMDBDataModule()
    data.setup()
    assert data.provenance.source == "embedded"
    assert data.provenance.notes == [
        "the hub cannot be reached",
        "only the official training half, split again: not the official test",
    ]
    assert data.provenance.sizes == {"train": 40, "val": 5, "test": 5}


def test_auto_takes_the_file_that_is_given(small_package, tmp_path):
    data = IMDBDataModule(path=str(write(reviews(30), tmp_path / "mine.csv")))
    data.setup()
    assert data.provenance.source == "local"


@pytest.fixture(scope="module")
def embedded():
    """The real package, prepared once."""
    data = IMDBDataModule(source="embedded")
    data.setup()
    return data


@pytest.mark.slow
def test_the_embedded_split_has_its_exact_sizes_and_no_text_twice(embedded):
    assert embedded.provenance.sizes == {"train": 20_000, "val": 2_500, "test": 2_500}
    members = []
    for split in SPLITS:
        texts = read_texts(embedded, split)
        assert len(texts) == len(embedded.labels[split]) == embedded.provenance.sizes[split]
        assert len(embedded.lengths(split)) == len(embedded.labels[split])
        assert embedded.labels[split].mean() == pytest.approx(0.5, abs=0.03)
        members.append(set(texts))
    assert sum(map(len, members)) == len(set.union(*members))


@pytest.mark.slow
@pytest.mark.parametrize("split", ["val", "test"])
def test_what_is_evaluated_does_not_change_with_what_is_tuned(embedded, split):
    wanted = dict(enumerate(embedded.labels[split].tolist()))
    for seq_len, batch_size, seed in [(20, 17, 0), (100, 256, 3)]:
        tuned = IMDBDataModule(
            source="embedded", seq_len=seq_len, batch_size=batch_size, vocab_size=99, seed=seed
        )
        tuned.setup()
        assert tuned.folder == embedded.folder
        assert targets(tuned, split) == wanted


# The hub, played by a small local data set.


@pytest.fixture
def small_hub(monkeypatch):
    import datasets

    halves = {"train": reviews(50), "test": reviews(20, first=50)}
    asked = []

    def load_dataset(name, split):
        asked.append((name, split))
        return datasets.Dataset.from_pandas(halves[split])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    return asked


def test_the_hub_keeps_the_official_test_half(small_hub, own_cache):
    data = IMDBDataModule(source="hub")
    data.setup()
    assert small_hub == [("stanfordnlp/imdb", "train"), ("stanfordnlp/imdb", "test")]
    assert data.provenance.source == "hub"
    assert data.provenance.sizes == {"train": 45, "val": 5, "test": 20}
    assert read_texts(data, "test") == reviews(20, first=50)["text"].tolist()
    assert data.labels["test"].tolist() == reviews(20)["label"].tolist()


def test_auto_takes_the_hub_when_it_can_be_reached(small_hub, small_package, monkeypatch):
    monkeypatch.setattr(prepared, "hub_is_reachable", lambda: True)
    data = IMDBDataModule()
    data.setup()
    assert data.provenance.source == "hub"


def test_auto_takes_a_cached_copy_of_the_hub_without_asking_it(
    small_hub, small_package, monkeypatch
):
    IMDBDataModule(source="hub").prepare_data()
    small_hub.clear()
    monkeypatch.setattr(prepared, "hub_is_reachable", lambda: pytest.fail("was asked"))
    data = IMDBDataModule()
    data.setup()
    assert data.provenance.source == "hub"
    assert data.provenance.notes[0] == "a cached copy of the hub's data"
    assert small_hub == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [(ConnectionError("no route\nto host"), "no route"), (RuntimeError(), "RuntimeError")],
)
def test_a_hub_that_fails_says_why_and_what_to_choose(own_cache, monkeypatch, error, reason):
    import datasets

    def load_dataset(name, split):
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    message = rf"stanfordnlp/imdb could not be loaded: {reason}\. .*data\.source=embedded"
    with pytest.raises(DataError, match=message):
        IMDBDataModule(source="hub").setup()


# The official halves, where they are.


@pytest.fixture(scope="module")
def official(shared_data):
    return local(shared_data / "imdb", group_column="movie")


@pytest.mark.slow
def test_the_official_halves_share_no_movie_and_no_text(official, shared_data):
    table = pd.read_csv(shared_data / "imdb" / "train.csv.xz", usecols=["text", "movie"])
    movies = table.groupby("text")["movie"].agg(set).to_dict()
    train, val, test = (read_texts(official, split) for split in SPLITS)
    (left_out,) = [n for n in official.provenance.notes if "validation texts" in n]
    assert (len(val) + int(left_out.split()[0]), len(test)) == (2_500, 25_000)
    assert not set(val) & set(test)
    assert len(train) + len(val) > 22_000 + 2_500
    # A few texts stand under two movies: those say nothing about where a movie went.
    ones = [{m for t in part if len(movies[t]) == 1 for m in movies[t]} for part in (train, val)]
    assert len(ones[1]) > 100
    assert not ones[0] & ones[1]
    assert not set(train) & {*val, *test}
    assert any("training texts" in note for note in official.provenance.notes)


@pytest.mark.slow
def test_every_official_test_review_is_a_target(official):
    loaded = targets(official, "test")
    assert len(loaded) == 25_000
    assert sum(loaded.values()) == 12_500
