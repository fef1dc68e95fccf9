import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from rnnlab.data.datasets.translation.interface_strings import (
    InterfaceStringsDataModule,
    read_catalogue,
)
from rnnlab.data.datasets.translation.multi30k import Multi30kDataModule
from rnnlab.data.datasets.translation.numbers import NumbersDataModule, spell
from rnnlab.data.loaders.buckets import BatchLoader, ShuffledOrder, SortedOrder
from rnnlab.data.processors.base import load_processor
from rnnlab.data.readers.files import read_lines
from rnnlab.data.readers.sentence_pairs import read_aligned_files
from rnnlab.data.text.tokenizers import build_tokenizer
from rnnlab.data.translation import ParallelTextDataModule
from rnnlab.errors import ConfigError, DataError
from rnnlab.metrics.translation import score_translations
from rnnlab.spec import END_ID, PADDING_ID, UNKNOWN_ID
from tests.helpers.configs import mirrored_pairs, write_lines


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))


def ready(data: ParallelTextDataModule) -> Any:
    data.prepare_data()
    data.setup()
    return data


def two_files(folder: Path, source: str | bytes, target: str | bytes, **settings: Any) -> Any:
    """A data module over two files with exactly these contents."""
    places = [folder / "a.en", folder / "b.de"]
    for place, content in zip(places, (source, target), strict=True):
        place.write_bytes(content if isinstance(content, bytes) else content.encode())
    settings = {"tokens": "words", "vocab_size": 500, **settings}
    return ParallelTextDataModule(path=str(places[0]), target_path=str(places[1]), **settings)


def many(count: int = 60) -> tuple[str, str]:
    sources, targets = mirrored_pairs(count, seed=0)
    return "\n".join(sources) + "\n", "\n".join(targets) + "\n"


def split_folder(folder: Path, ending: str = "", **parts: list[tuple[str, str]]) -> Path:
    openers = {"": open, ".gz": gzip.open, ".xz": lzma.open}
    for split, pairs in parts.items():
        for side, language in enumerate(("en", "de")):
            place = folder / f"{split}.{language}{ending}"
            with openers[ending](place, "wt", encoding="utf-8") as file:
                file.write("".join(f"{pair[side]}\n" for pair in pairs))
    return folder


def pairs_named(word: str, count: int) -> list[tuple[str, str]]:
    return [(f"{word} {i} a", f"{word.upper()} {i} b") for i in range(count)]


def folder_data(folder: Path, **settings: Any) -> Any:
    settings = {"tokens": "words", "vocab_size": 500, **settings}
    return ParallelTextDataModule(
        path=str(folder), source_language="en", target_language="de", **settings
    )


def all_pairs(data: Any, split: str) -> list[tuple[str, str]]:
    count = len(data.lengths(split))
    return [tuple(data.example(split, i).values()) for i in range(count)]


def together(found: dict[str, list[tuple[str, str]]]) -> list[tuple[str, str]]:
    return [pair for members in found.values() for pair in members]


# Reading.


@pytest.mark.parametrize("ending", ["", ".gz", ".xz"])
def test_a_folder_of_aligned_files_is_read_with_its_own_splits(tmp_path: Path, ending: str) -> None:
    parts = {name: pairs_named(name, n) for name, n in (("train", 9), ("valid", 4), ("test", 3))}
    data = ready(folder_data(split_folder(tmp_path, ending, **parts)))
    assert all_pairs(data, "train") == parts["train"]
    assert all_pairs(data, "val") == parts["valid"]
    assert all_pairs(data, "test") == parts["test"]


def test_missing_splits_are_cut_from_training_equal_sources_together(tmp_path: Path) -> None:
    pairs = [(f"word{i % 30} x", f"wort {i}") for i in range(120)]
    data = ready(folder_data(split_folder(tmp_path, train=pairs), val_fraction=0.2))
    found = {split: all_pairs(data, split) for split in ("train", "val", "test")}
    assert sorted(together(found)) == sorted(pairs)
    sources = {split: {source for source, _ in members} for split, members in found.items()}
    assert not sources["train"] & (sources["val"] | sources["test"])
    assert not sources["val"] & sources["test"]
    assert len(found["val"]) == 24


def test_a_table_of_two_columns_is_read_with_or_without_a_header(tmp_path: Path) -> None:
    lines = [f"a{i}\tB{i}\tcredits" for i in range(40)]
    plain = write_lines(tmp_path / "plain.tsv", lines)
    headed = write_lines(tmp_path / "headed.tsv", ["en\tde\tlicence", *lines])
    settings: dict[str, Any] = {"source_language": "en", "target_language": "de"}
    settings |= {"tokens": "words", "vocab_size": 90}
    one = ready(ParallelTextDataModule(path=str(plain), **settings))
    other = ready(ParallelTextDataModule(path=str(headed), **settings))
    assert all_pairs(one, "train") == all_pairs(other, "train")
    assert sum(one.provenance.sizes.values()) == 40


@pytest.mark.parametrize(
    "extension", ["csv", "csv.gz", "jsonl", "json", "parquet", "feather", "xlsx"]
)
def test_a_table_of_any_format_has_a_column_for_each_language(
    tmp_path: Path, extension: str
) -> None:
    pairs = [(f'a{i}, "quoted"', f"B{i}\nnext") for i in range(40)]
    table = pd.DataFrame(pairs, columns=["en", "de"]).assign(number=7)
    file = tmp_path / f"pairs.{extension}"
    writers: dict[str, Any] = {
        "csv": lambda: table.to_csv(file, index=False),
        "json": lambda: table.to_json(file, orient="records"),
        "jsonl": lambda: table.to_json(file, orient="records", lines=True),
        "parquet": lambda: table.to_parquet(file),
        "feather": lambda: table.to_feather(file),
        "xlsx": lambda: table.to_excel(file, index=False),
    }
    writers[extension.split(".")[0]]()
    settings: dict[str, Any] = {"source_language": "en", "target_language": "de"}
    data = ready(ParallelTextDataModule(path=str(file), vocab_size=300, **settings))
    found = [pair for split in ("train", "val", "test") for pair in all_pairs(data, split)]
    assert sorted(found) == sorted((one, other.replace("\n", " ")) for one, other in pairs)
    with pytest.raises(
        DataError, match=r"no column 'fr'.* data.source_column and data.target_column"
    ):
        ready(ParallelTextDataModule(path=str(file), source_language="fr", target_language="de"))


def test_the_delimiter_of_a_table_of_pairs_is_a_setting(tmp_path: Path) -> None:
    lines = ["source;target", *(f"a{i};B{i}" for i in range(40))]
    file = write_lines(tmp_path / "pairs.csv", lines)
    with pytest.raises(DataError, match=r"set data\.delimiter=semicolon$"):
        ready(ParallelTextDataModule(path=str(file)))
    data = ready(ParallelTextDataModule(path=str(file), delimiter="semicolon", vocab_size=300))
    assert ("a0", "B0") in [p for s in ("train", "val", "test") for p in all_pairs(data, s)]


def test_a_line_without_a_tab_is_named(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "a.tsv", ["a\tb", "only one"])
    with pytest.raises(DataError, match=r"a\.tsv, line 2: has no tab.*'only one'"):
        ready(ParallelTextDataModule(path=str(file)))


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("1\n2\n3\n4\n", "1\n2\n", r"a\.en, line 3: .* a\.en has 4 lines, b\.de has 2"),
        ("1\n2\n", "1\n2\n3\n", r"b\.de, line 3: .* b\.de has 3 lines, a\.en has 2"),
        ("1\n2\n", "1\n2\n\n", r"b\.de, line 3: .* b\.de has 3 lines"),
    ],
)
def test_misaligned_files_are_refused_with_both_counts(
    tmp_path: Path, source: str, target: str, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        ready(two_files(tmp_path, source, target))


def test_only_a_newline_ends_a_line(tmp_path: Path) -> None:
    """What Python's splitlines cuts at stands in real texts, and would shift every later pair."""
    odd = ["one\u2028two", "a\x0bb\x0cc", "a\x85b", "emoji \U0001f600 here", "carriage\rreturn"]
    source = write_lines(tmp_path / "a", [*odd, "last"])
    target = write_lines(tmp_path / "b", ["1", "2", "3", "4", "5", "6"])
    pairs = list(read_aligned_files(source, target, "utf-8").read())
    assert pairs == list(zip([*odd, "last"], "123456", strict=True))


def test_line_ends_of_windows_and_a_byte_order_mark_are_read_over(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\n")
    assert list(read_lines(file, "utf-8")) == ["one", "two"]


def test_another_encoding_is_named_by_file_and_line_and_can_be_given(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes("eins\nfünf\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"a: byte 6 \(0xfc, in line 2\) is not utf-8.*cp1252"):
        list(read_lines(file, "utf-8"))
    assert list(read_lines(file, "cp1252")) == ["eins", "fünf"]
    with pytest.raises(DataError, match=r"no byte-order mark. Set data.encoding=utf-16-le or"):
        list(read_lines(file, "utf-16"))
    with pytest.raises(ConfigError, match="unknown encoding"):
        list(read_lines(file, "utf-9"))


def test_what_is_no_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    write_lines(tmp_path / "full", ["a"])
    (tmp_path / "broken.gz").write_bytes(b"no gzip")
    for name, said in (
        ("empty", "the file is empty"),
        (".", "is a folder"),
        ("nowhere", "there is no such file"),
        ("broken.gz", "cannot be read"),
    ):
        target = str(tmp_path / name)
        with pytest.raises(DataError, match=said):
            ready(ParallelTextDataModule(path=str(tmp_path / "full"), target_path=target))


def test_a_folder_without_the_files_says_what_was_wanted(tmp_path: Path) -> None:
    write_lines(tmp_path / "train.en", ["a"])
    with pytest.raises(DataError, match=r"train\.en: there is no file .* ending \.de"):
        ready(folder_data(tmp_path))
    (tmp_path / "train.en").rename(tmp_path / "other.en")
    with pytest.raises(DataError, match=r"expected train\.en and train\.de .* found other\.en"):
        ready(folder_data(tmp_path))


# What cannot be used.


def test_empty_and_endless_sentences_are_left_out_of_training_and_counted(tmp_path: Path) -> None:
    source, target = many()
    data = ready(
        two_files(tmp_path, source + "\nalone\nlong\n", target + "x\n\n" + "y " * 500_000 + "\n")
    )
    assert "2 pairs of a.en and b.de with an empty side were left out" in data.provenance.notes
    assert any(note.startswith("1 pairs") and "10,000" in note for note in data.provenance.notes)
    assert sum(data.provenance.sizes.values()) == 60


def test_what_is_evaluated_is_never_left_out(tmp_path: Path) -> None:
    parts = {"train": pairs_named("train", 9), "test": [("a", "b"), ("c", "")]}
    with pytest.raises(DataError, match=r"test\.en and test\.de, line 2: is a pair with an empty"):
        ready(folder_data(split_folder(tmp_path, **parts)))


def test_long_pairs_leave_training_and_long_sources_of_the_test_are_cut(tmp_path: Path) -> None:
    parts = {
        "train": [*pairs_named("train", 9), ("w " * 8, "x"), ("w", "x " * 8)],
        "val": [("a", "b")],
        "test": [("a b c d e f g", "A B C D E F G")],
    }
    data = ready(folder_data(split_folder(tmp_path, **parts), seq_len=5))
    assert "2 training pairs of over 5 tokens were left out" in data.provenance.notes
    assert data.provenance.sizes["train"] == len(data.lengths("train"))
    batch = data.gather("test", np.array([0]))
    assert batch.inputs.shape == (1, 5)
    assert batch.targets.shape == (1, 8), "the target stays whole, its end behind it"


def test_a_limit_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"seq_len=1: every training pair is longer.* has 4 tokens"):
        ready(two_files(tmp_path, *many(), seq_len=1))


# Leaks.


@pytest.mark.parametrize("tokens", ["words", "characters"])
def test_the_vocabularies_know_the_training_split_alone(tmp_path: Path, tokens: Any) -> None:
    parts = {"train": pairs_named("aa", 9), "val": [("zz 1", "ZZ 2")], "test": [("qq", "QQ")]}
    data = ready(folder_data(split_folder(tmp_path, **parts), tokens=tokens))
    for vocabulary, foreign in zip(data.vocabularies.values(), ("zq", "ZQ"), strict=True):
        assert not any(letter in piece for piece in vocabulary.tokens[4:] for letter in foreign)
    assert UNKNOWN_ID in data.gather("test", np.array([0])).inputs


def test_subwords_are_merged_in_the_training_split_alone(tmp_path: Path) -> None:
    parts = {"train": pairs_named("aa", 9), "test": [("zzzzzz", "zzzzzz")] * 50}
    data = ready(folder_data(split_folder(tmp_path, **parts), tokens="bpe"))
    assert not any("zz" in piece for v in data.vocabularies.values() for piece in v.tokens)


@pytest.mark.parametrize(
    ("source", "settings"),
    [
        ("The Same", {"lower": True}),
        ("the  same", {}),
        ("the same", {"tokens": "bpe", "vocab_size": 300}),
        ("the cafe\u0301", {}),
    ],
)
def test_a_source_that_is_equal_to_the_network_is_not_trained_on(
    tmp_path: Path, source: str, settings: dict[str, Any]
) -> None:
    evaluated = "the caf\u00e9" if "cafe" in source else "the same"
    pairs = [(source, "anders"), (f"{source}!", "gleich")]
    parts = {"train": [*pairs_named("train", 9), *pairs], "test": [(evaluated, "dasselbe")]}
    data = ready(folder_data(split_folder(tmp_path, **parts), **settings))
    known = [text for text, _ in all_pairs(data, "train") + all_pairs(data, "val")]
    assert source not in known
    assert f"{source}!" in known


def test_a_source_that_is_evaluated_is_not_trained_on(tmp_path: Path) -> None:
    parts = {
        "train": [*pairs_named("train", 9), ("the same", "anders")],
        "test": [("the same", "dasselbe")],
    }
    data = ready(folder_data(split_folder(tmp_path, **parts)))
    assert "the same" not in [source for source, _ in all_pairs(data, "train")]
    assert any(note.startswith("1 training pairs whose source") for note in data.provenance.notes)


# Batches.


def test_a_batch_holds_the_texts_ids_and_the_targets_ends(tmp_path: Path) -> None:
    data = ready(two_files(tmp_path, *many(), val_fraction=0.2))
    rows = np.arange(5)
    batch = data.gather("train", rows)
    source, target = data.vocabularies["source"], data.vocabularies["target"]
    for i, (text, reference) in enumerate(all_pairs(data, "train")[:5]):
        assert source.decode(batch.inputs[i].tolist()) == text
        assert target.decode(batch.targets[i].tolist()) == reference
        end = batch.targets[i].tolist().index(END_ID)
        assert end == len(reference.split())
        assert (batch.targets[i, end + 1 :] == PADDING_ID).all()
        assert batch.lengths[i] == len(text.split())


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_no_batch_holds_more_tokens_than_its_budget(tmp_path: Path, split: str) -> None:
    data = ready(two_files(tmp_path, *many(200), batch_tokens=70, seq_len=20))
    batches = list(getattr(data, f"{split}_dataloader")())
    assert max(b.inputs.numel() for b in batches) <= 70
    assert max(b.targets.numel() for b in batches) <= 70
    assert len({len(b.rows) for b in batches}) > 1, "short sentences stand in larger batches"
    rows = sorted(row for batch in batches for row in batch.rows.tolist())
    assert rows == list(range(len(data.lengths(split))))


def test_budgeted_batches_are_drawn_anew_and_equally_many_in_every_epoch() -> None:
    lengths = np.random.default_rng(0).integers(1, 30, 300)
    order = ShuffledOrder(lengths, 4, seed=0, batch_tokens=60)
    epochs = []
    for epoch in range(3):
        order.set_epoch(epoch)
        epochs.append([batch.tolist() for batch in order.batches()])
        assert len(epochs[-1]) == len(order)
    assert epochs[0] != epochs[1]
    order.set_epoch(0)
    assert [batch.tolist() for batch in order.batches()] == epochs[0]


def test_ranks_and_a_resumed_epoch_share_budgeted_batches() -> None:
    lengths = np.random.default_rng(0).integers(1, 30, 100)

    def loader(rank: int = 0, world: int = 1) -> Any:
        order = ShuffledOrder(lengths, 4, seed=0, batch_tokens=60)
        made: Any = BatchLoader(order, lambda rows: rows.tolist(), training=True)
        made.rank, made.world = rank, world
        return made

    whole = list(loader())
    spread = [list(loader(rank, 2)) for rank in range(2)]
    assert len(spread[0]) == len(spread[1])
    assert {tuple(rows) for part in spread for rows in part} == {tuple(rows) for rows in whole}
    begun, resumed = loader(), loader()
    steps = iter(begun)
    first = [next(steps) for _ in range(3)]
    resumed.load_state_dict(begun.state_dict())
    assert first + list(resumed) == whole


def test_a_sequence_longer_than_the_budget_stands_alone() -> None:
    order = SortedOrder(np.array([2, 9, 2, 8]), 4, batch_tokens=5)
    assert [batch.tolist() for batch in order.batches()] == [[0, 2], [3], [1]]


# Vocabularies.


def test_a_shared_vocabulary_numbers_both_sides_alike(tmp_path: Path) -> None:
    data = ready(two_files(tmp_path, *many(), shared_vocabulary=True))
    source, target = data.vocabularies.values()
    assert source.tokens == target.tokens
    apart = ready(two_files(tmp_path, *many()))
    assert apart.vocabularies["source"].tokens != apart.vocabularies["target"].tokens


def test_both_vocabularies_are_kept_with_the_run(tmp_path: Path) -> None:
    data = ready(two_files(tmp_path, *many()))
    data.save_processor(tmp_path)
    processor: Any = load_processor(tmp_path)
    for side in ("source", "target"):
        assert processor.vocabularies[side].tokens == data.vocabularies[side].tokens


@pytest.mark.parametrize("tokens", ["bpe", "characters", "words"])
def test_evaluation_context_gives_texts_back_as_they_were(tmp_path: Path, tokens: Any) -> None:
    data = ready(two_files(tmp_path, *many(), tokens=tokens))
    rows = np.array([3, 0, 2])
    known = data.evaluation_context("test", rows)
    batch = data.gather("test", rows)
    assert known["sources"] == [data.example("test", row)["text"] for row in rows]
    assert known["references"] == [data.example("test", row)["reference"] for row in rows]
    for i, row in enumerate(rows):
        assert len(known["source_tokens"](i)) == batch.lengths[i]
        if tokens == "bpe":  # no piece is unknown
            spoken = known["detokenize"](batch.targets[i].tolist())
            assert spoken == data.example("test", int(row))["reference"]


def test_lower_case_is_chosen_for_both_sides(tmp_path: Path) -> None:
    data = ready(two_files(tmp_path, *many(), lower=True))
    assert not any(piece != piece.lower() for v in data.vocabularies.values() for piece in v.tokens)
    assert data.example("test", 0)["reference"].isupper(), "references stay as they were given"


def test_the_frequency_baseline_has_a_known_answer(tmp_path: Path) -> None:
    parts = {"train": [("a", "x")] * 7, "val": [("b", "x")], "test": [("c", "x y")]}
    data = ready(folder_data(split_folder(tmp_path, **parts)))
    # Of <unk>, <eos> and x the training split has 0, 7 and 7; each is counted once more.
    scores = data.baselines("test")["token frequency"]
    chances = np.array([8, 1, 8]) / 17  # x, then y, which is unknown, then the end
    assert scores["loss"] == pytest.approx(-np.log(chances).mean())
    assert scores["perplexity"] == pytest.approx(np.exp(scores["loss"]))
    assert scores["accuracy"] == pytest.approx(1 / 3)


def test_an_unknown_token_is_never_a_correct_choice(tmp_path: Path) -> None:
    """Most test targets are <unk>, which is also the most frequent training token."""
    rare = [(f"a{i}", f"x{i} y{i}") for i in range(9)]
    parts = {"train": [*rare, ("a", "y")], "val": [("b", "z")], "test": [("c", "z z z y")]}
    data = ready(folder_data(split_folder(tmp_path, **parts), vocab_size=5))
    counts = np.bincount(data.ids["train", "target"].values)
    assert counts.argmax() == UNKNOWN_ID
    assert data.baselines("test")["token frequency"]["accuracy"] == pytest.approx(1 / 5)  # the end


def test_unknown_tokens_of_each_side_are_reported_with_the_setting(tmp_path: Path) -> None:
    parts = {"train": pairs_named("aa", 9), "val": [("aa", "ZZ 2")], "test": [("aa", "QQ XX")]}
    notes = ready(folder_data(split_folder(tmp_path, **parts))).provenance.notes
    shares = "33.3% of the target tokens of val and 66.7% of the target tokens of test"
    reason = "training does not have these words; set data.tokens=characters or data.tokens=bpe"
    assert [note for note in notes if "<unk>" in note] == [f"<unk> replaces {shares}: {reason}"]
    rare = folder_data(tmp_path, vocab_size=99, target_vocab_size=5)
    notes = [note for note in ready(rare).provenance.notes if "<unk>" in note]
    assert "raise data.target_vocab_size (now 5)" in notes[-1]


def test_what_a_perfect_network_writes_is_known(tmp_path: Path) -> None:
    """Rare words are <unk>; the other texts come back as they were."""
    parts = {"train": pairs_named("aa", 9), "val": [("aa", "ZZ")], "test": [("aa", "AA b QQ")]}
    known = ready(folder_data(split_folder(tmp_path, **parts))).evaluation_context(
        "test", np.array([0])
    )
    assert known["ceiling"] == ["AA b <unk>"]
    assert known["unknown_shares"] == {"source": 0, "target": 0.25}


def test_words_are_split_at_spaces_only_by_a_setting(tmp_path: Path) -> None:
    text = "".join(f"it 's 3.14 , ( {chr(97 + i)}-b )\n" for i in range(20))
    data = ready(two_files(tmp_path, text, text, spaces=True))
    assert "3.14" in data.vocabularies["target"].tokens
    known = data.evaluation_context("val", np.arange(2))
    assert {len(known["source_tokens"](i)) for i in range(2)} == {7}
    with pytest.raises(ConfigError, match=r"data\.spaces=true: needs data\.tokens=words, not bpe"):
        ParallelTextDataModule(path="a", spaces=True)


# Settings.


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tokens": "bpe", "vocab_size": 100}, "bpe need 260 or more"),
        ({"shared_vocabulary": True, "target_vocab_size": 300}, "the size of the only vocabulary"),
        ({"batch_tokens": 60}, "must be more than data.seq_len=60"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ParallelTextDataModule(path="a", **settings)


def test_a_target_without_a_source_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.path"):
        ParallelTextDataModule(target_path="b")


# Named sets.


@pytest.mark.slow
def test_multi30k_has_the_published_sizes(shared_data: Path) -> None:
    settings: dict[str, Any] = {"tokens": "words", "test_set": "test_2017_mscoco"}
    data = ready(Multi30kDataModule(path=str(shared_data / "multi30k"), **settings))
    assert data.provenance.sizes["val"] == 1014
    assert data.provenance.sizes["test"] == 461
    left_out = sum(int(note.split()[0].replace(",", "")) for note in data.provenance.notes[:1])
    assert data.provenance.sizes["train"] == 29_000 - left_out
    assert data.example("val", 0)["reference"].startswith("A group of men are loading cotton")


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "de", "fr", "cs"])
def test_joined_words_of_multi30k_have_the_perfect_score(shared_data: Path, language: str) -> None:
    tokenizer = build_tokenizer("words")
    for file in sorted((shared_data / "multi30k").glob(f"test_*.{language}.gz")):
        texts = list(read_lines(file, "utf-8"))
        joined = [tokenizer.join(tokenizer.tokenize(text)) for text in texts]
        scores = score_translations(joined, texts, language).scores
        assert joined == [tokenizer.normalize(text) for text in texts]
        assert scores == pytest.approx({"exact_match": 1, "bleu": 100, "chrf": 100})


def test_multi30k_on_the_hub_has_two_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    def hub(name: str, splits: list[str]) -> dict[str, Any]:
        return {
            split: {"en": [f"{split} {i} \n" for i in range(9)], "de": [f"ein {i}"] * 9}
            for i, split in enumerate(splits)
        }

    monkeypatch.setattr("rnnlab.data.datasets.translation.multi30k.load_from_hub", hub)
    data = ready(
        Multi30kDataModule(source="hub", tokens="words", source_language="en", target_language="de")
    )
    assert data.example("val", 3) == {"text": "validation 3", "reference": "ein 1"}
    with pytest.raises(ConfigError, match=r"not de-fr .* data\.path"):
        ready(Multi30kDataModule(source="hub", target_language="fr"))
    with pytest.raises(ConfigError, match="is also the source language"):
        Multi30kDataModule(source="hub", source_language="en")


@pytest.mark.slow
def test_interface_strings_keep_placeholders_and_stand_in_one_split() -> None:
    data = ready(InterfaceStringsDataModule(language="es"))
    found = {split: all_pairs(data, split) for split in ("train", "val", "test")}
    assert ("Mode: %1", "Modo: %1") in together(found)
    everything = together(found)
    assert len(everything) == len(set(everything))
    sources = {split: {source for source, _ in members} for split, members in found.items()}
    assert not sources["train"] & (sources["val"] | sources["test"])
    assert not any("\x04" in text or "\n" in text for pair in everything for text in pair)


def test_a_pack_that_is_not_installed_is_named() -> None:
    with pytest.raises(DataError, match="pip install jupyterlab-language-pack-xx-YY"):
        ready(InterfaceStringsDataModule(language="xx_YY"))


def test_a_broken_catalogue_is_named(tmp_path: Path) -> None:
    for content in ("{", "[1]", json.dumps({"a": []})):
        file = tmp_path / "a.json"
        file.write_text(content)
        with pytest.raises(DataError, match=r"a\.json: is not a catalogue"):
            list(read_catalogue(file))


def test_numbers_are_spelled_right_and_stand_in_one_split() -> None:
    assert spell(21, "en") == "twenty-one"
    assert spell(1045, "de") == "eintausendfünfundvierzig"
    small: dict[str, Any] = {"largest": 99, "num_pairs": 60, "num_eval_pairs": 20}
    data = ready(NumbersDataModule(source_language="digits", **small))
    found = {split: all_pairs(data, split) for split in ("train", "val", "test")}
    assert sorted(int(n) for n, _ in together(found)) == list(range(100))
    for number, words in found["test"]:
        assert words == spell(int(number), "de")
    other = ready(NumbersDataModule(source_language="digits", numbers_seed=1, **small))
    assert all_pairs(other, "test") != found["test"]


def test_numbers_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ConfigError, match="there are only 10 numbers"):
        NumbersDataModule(largest=9, num_pairs=9, num_eval_pairs=1)
    with pytest.raises(ConfigError, match="does not support the language 'xx'"):
        ready(NumbersDataModule(target_language="xx"))


def test_tensors_are_what_a_task_takes() -> None:
    data = ready(NumbersDataModule(largest=99, num_pairs=60, num_eval_pairs=20))
    batch = next(iter(data.train_dataloader()))
    assert batch.inputs.dtype == batch.targets.dtype == torch.long
