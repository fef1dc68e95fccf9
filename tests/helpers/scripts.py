"""Invented texts of many scripts: classes, translations and chains that can be learned exactly."""

from typing import NamedTuple

import numpy as np

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
    "gujarati": (" ", "કિ કી કુ કૂ મન માન પલ પાલ"),
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
NUM_WORDS = 8  # of each script
SHIFT = 3  # the translation of a word is the word that follows it by this number


class Chain(NamedTuple):
    """A text whose next word is one of two, with equal probability.

    Attributes:
        lines: each begins with any word.
        entropy: of a line, in nats.
    """

    lines: list[str]
    entropy: float


def list_words(script: str) -> list[str]:
    """Return the words of a script."""
    return SCRIPTS[script][1].split()


def write_sentence(script: str, numbers: list[int]) -> str:
    """Return the words of these numbers as a text."""
    words = list_words(script)
    return SCRIPTS[script][0].join(words[number] for number in numbers)


def draw_sentences(
    script: str, seed: int = 0, length: int = 4, count: int = NUM_LINES
) -> tuple[list[list[int]], list[str]]:
    """Return different sentences: the numbers of their words, and their texts."""
    rows = np.random.default_rng(seed).permutation(NUM_WORDS**length)[:count]
    numbers = [[int(row) // NUM_WORDS**i % NUM_WORDS for i in range(length)] for row in rows]
    return numbers, [write_sentence(script, sentence) for sentence in numbers]


def draw_labelled(script: str, seed: int = 0, length: int = 4) -> tuple[list[str], list[str]]:
    """Return different texts of two classes, and their labels.

    A class has every second word: the words of a text of the other class differ in a mark or a
    letter.
    """
    half = NUM_WORDS // 2
    rows = np.random.default_rng(seed).permutation(2 * half**length)[:NUM_LINES]
    numbers = [
        [2 * (int(r) // 2 // half**i % half) + int(r) % 2 for i in range(length)] for r in rows
    ]
    texts = [write_sentence(script, sentence) for sentence in numbers]
    return texts, ["even" if sentence[0] % 2 == 0 else "odd" for sentence in numbers]


def draw_pairs(
    script: str, seed: int = 0, length: int = 3, count: int = 400
) -> tuple[list[str], list[str]]:
    """Return different sentences, and their translations word by word."""
    numbers, sources = draw_sentences(script, seed, length, count)
    shifted = [[(number + SHIFT) % NUM_WORDS for number in sentence] for sentence in numbers]
    return sources, [write_sentence(script, sentence) for sentence in shifted]


def draw_chain(script: str, seed: int = 0, num_lines: int = 600, length: int = 6) -> Chain:
    """Return lines in which each word is the next but one or two of the word before."""
    random = np.random.default_rng(seed)
    steps = random.integers(1, 3, (num_lines, length))
    steps[:, 0] = random.integers(NUM_WORDS, size=num_lines)
    numbers = steps.cumsum(axis=1) % NUM_WORDS
    lines = [write_sentence(script, line) for line in numbers.tolist()]
    entropy = float(np.log(NUM_WORDS) + (length - 1) * np.log(2))
    return Chain(lines, entropy)
