"""The settings that errors of tables name work as typed."""

from pathlib import Path
from typing import Any

import pytest

from rnnlab.config.schema import parse
from rnnlab.errors import DataError
from rnnlab.experiment.build import build_data
from tests.helpers.configs import compose

WINDOWS = ("data.seq_len=4", "data.horizon=1")
DAYS = [f"2020-{month:02d}-{day:02d}" for month in (1, 2) for day in range(1, 29)]


def series(sign: str, numbers: list[str], header: str = "date{}v\n") -> str:
    cells = [numbers[i % len(numbers)] for i in range(len(DAYS))]
    rows = [f"{day}{sign}{cell}" for day, cell in zip(DAYS, cells, strict=True)]
    return header.format(sign) + "\n".join(rows) + "\n"


TEXTS = [f"text {'abcdefghij'[i % 10]}{i}\t{i % 2}" for i in range(60)]
OPEN = [*TEXTS[:5], '"never\t0', *TEXTS[5:], 'closed"\t1']
PAIRS = [f'"a ""{i}"""\t"b {i}"' for i in range(60)]


def prepare(folder: Path, data: str, name: str, content: str, *overrides: str) -> Any:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    size = WINDOWS if data == "csv_series" else ("data.tokens=words", "data.vocab_size=100")
    module = build_data(parse(compose(f"data={data}", f"data.path={path}", *size, *overrides)))
    module.setup()
    return module


@pytest.mark.parametrize(
    ("data", "name", "content", "settings"),
    [
        ("csv_series", "a.csv", series(";", ["5"]), "data.delimiter=semicolon"),
        ("csv_series", "a.tsv", series("\t", ["50,346", "58"]), "data.decimal=comma"),
        ("csv_series", "a.tsv", series("\t", ["1,234", "58"]), "data.thousands=comma"),
        ("csv_series", "a.csv", series(",", ["1 234", "58"]), "data.thousands=space"),
        ("csv_series", "a.csv", series(",", ["1.234", "58"]), "data.decimal=dot"),
        (
            "csv_series",
            "a.csv",
            series(",", ["1.234", "58"]),
            "data.decimal=comma data.thousands=dot",
        ),
        ("csv_series", "a.csv", series(",", ["58 %", "1 %"]), "data.strip_signs=true"),
        ("csv_series", "a.csv", series(",", ["\u20ac58", "\u20ac-1"]), "data.strip_signs=true"),
        ("csv_series", "a.csv", series(",", ["5", "absent", "6"]), "data.missing_values=[absent]"),
        ("csv_series", "a.csv", series(",", ["5", "7"], ""), "data.header=false"),
        ("text_classification", "a.tsv", "\n".join(["text\tlabel", *OPEN]), "data.quoting=none"),
        ("text_classification", "a.tsv", "\n".join(TEXTS), "data.header=false"),
        ("parallel_text", "a.tsv", "\n".join(PAIRS), "data.quoting=standard"),
        ("parallel_text", "a.tsv", "\n".join(PAIRS), "data.quoting=none"),
    ],
)
def test_a_setting_that_an_error_names_works(
    tmp_path: Path, data: str, name: str, content: str, settings: str
) -> None:
    with pytest.raises(DataError) as caught:
        prepare(tmp_path, data, name, content)
    assert settings in str(caught.value)
    columns = {"csv_series": ["data.date_column=column1"]}
    columns["text_classification"] = ["data.text_column=column1", "data.label_column=column2"]
    others = columns[data] if settings == "data.header=false" else []
    prepare(tmp_path, data, name, content, *settings.split(), *others)


def test_missing_values_are_numbers_and_words(tmp_path: Path) -> None:
    content = series(",", ["5", "-9999", "n.v.", "6"])
    data = prepare(tmp_path, "csv_series", "a.csv", content, "data.missing_values=[-9999,n.v.]")
    assert int((~data.observed).sum()) == len(DAYS) // 2
