"""Texts of twenty scripts with default settings: every task can tell their words apart."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnlab.config.schema import parse
from rnnlab.experiment.build import build_data
from tests.helpers.configs import compose

NUM_LINES = 240

# Script -> text between two words, and words, of which neighbours differ in marks or one letter.
SCRIPTS: dict[str, tuple[str, str]] = {
    "latin": (" ", "cafe\u0301 cafe\u0302 na\u00efve naive peche p\u00eache l'eau leau"),
    "greek": (" ", "λόγος λογος ἄνθρωπος άνθρωπος νύχτα νυχτα μέρα μερα"),
    "cyrillic": (" ", "всё все йод иод їжа іжа мир мір"),
    "hebrew": (" ", "שָׁלוֹם שָׂלוֹם בַּיִת בֵּית סֵפֶר סַפָּר דָּג דֹּג"),
    "arabic": (" ", "كَتَبَ كُتِبَ عِلْم عَلَم مَلِك مُلْك دَرَسَ دَرْس"),
    "devanagari": (" ", "की का के को हिन्दी हिन्दू मन मान"),
    "bengali": (" ", "কি কী কু কূ মন মান বই বউ"),
    "tamil": (" ", "கி கீ கு கூ மணி மணை பல் பால்"),
    "telugu": (" ", "కి కీ కు కూ పల పాల మర మార"),
    "sinhala": (" ", "කි කී කු කූ මල මාල ගම ගමේ"),
    "georgian": (" ", "მამა მამი დედა დედი ძმა ძმო და დო"),
    "armenian": (" ", "տուն տունը ծառ ծառը մարդ մարդը օր օրը"),
    "ethiopic": (" ", "ሰላም ሰላሙ ቤት ቤቱ ልጅ ልጁ ውሻ ውሻው"),
    "korean": (" ", "가다 가자 오다 오자 보다 보자 먹다 먹자"),
    "chinese": ("", "我们 我 学校 学生 今天 明天 北京 南京"),
    "japanese": ("", "はし ばし ハ パ 日本 日々 カー かあ"),
    "thai": ("", "มา ม้า หมา ข้าว ข่าว เสือ เสื้อ ไก่"),
    "lao": ("", "ມາ ມ້າ ໝາ ເຂົ້າ ຂ່າວ ເສືອ ເສື້ອ ໄກ່"),
    "khmer": ("", "កា កី ខ្ញុំ ខ្លា ទៅ ទឹក ស្រី ស្រា"),
    "burmese": ("", "မာ မား မာ့ ကျွန် ကျွဲ စာ စား ရေ"),
    "tibetan": ("", "ཀི་ ཀུ་ ཀེ་ ཀོ་ བོད་ བོན་ མི་ མེ་"),
    "emoji": ("", "😀 😁 👍🏽 👍🏿 👨‍👩‍👧 👨‍👩‍👦 🇩🇪 🇫🇷"),
}  # fmt: skip


def sentences(script: str, seed: int = 0) -> tuple[list[list[int]], list[str]]:
    """Different sentences: the numbers of their words, and their texts."""
    space, listed = SCRIPTS[script]
    words = listed.split()
    rows = np.random.default_rng(seed).permutation(len(words) ** 4)[:NUM_LINES]
    numbers = [[int(row) // len(words) ** i % len(words) for i in range(4)] for row in rows]
    return numbers, [space.join(words[i] for i in sentence) for sentence in numbers]


def open_data(folder: Path, name: str, content: str, *words: str) -> Any:
    """Return a data set, with its file read."""
    path = folder / name
    path.write_text(content, encoding="utf-8")
    data = build_data(parse(compose(f"data={path.stem}", f"data.path={path}", *words)))
    data.setup()
    assert not [note for note in data.provenance.notes if "<unk>" in note]
    return data


@pytest.mark.parametrize("script", SCRIPTS)
def test_texts_that_differ_in_one_letter_have_different_ids(script: str, tmp_path: Path) -> None:
    numbers, texts = sentences(script)
    rows = [f"{text},{sentence[0] % 2}" for sentence, text in zip(numbers, texts, strict=True)]
    content = "\n".join(["text,label", *rows])
    data = open_data(tmp_path, "text_classification.csv", content)
    ids = {
        tuple(data.inputs[split].gather(np.array([row]))[0][0].tolist())
        for split in ("train", "val", "test")
        for row in range(len(data.labels[split]))
    }
    assert len(ids) == sum(data.provenance.sizes.values()) == NUM_LINES


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_text_is_written_as_it_was_read(script: str, tmp_path: Path) -> None:
    _, texts = sentences(script)
    content = "".join(f"{text}\n" for text in texts)
    data = open_data(tmp_path, "text_file.txt", content, "data.batch_size=4")
    tokenizer = data.vocabulary.tokenizer
    written = [data.vocabulary.decode(ids) for ids in data.vocabulary.encode(texts)]
    assert written == [tokenizer.normalize(text) for text in texts]
    assert len(set(written)) == NUM_LINES
    assert not any(data.unknown.values())


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_perfect_translation_is_an_exact_match(script: str, tmp_path: Path) -> None:
    _, texts = sentences(script)
    content = "".join(f"{text}\t{text}\n" for text in texts)
    languages = ["data.source_language=a", "data.target_language=b"]
    data = open_data(tmp_path, "parallel_text.tsv", content, "data.tokens=words", *languages)
    context = data.evaluation_context("test", np.arange(10))
    ids = data.target_tokens("test", np.arange(10)).tolist()
    references = [data.vocabularies["target"].tokenizer.normalize(t) for t in context["references"]]
    assert [context["detokenize"](tokens) for tokens in ids] == references
