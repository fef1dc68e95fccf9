"""SMS spam: the published file, the hub's table, folds without repeated messages."""

import lzma
import os
import socket
import sys
import time
from io import BytesIO

import pandas as pd
import pytest

from rnnlab.data.datasets.classification.sms_spam import SMSSpamDataModule
from rnnlab.data.text.labelled_texts import normalize_digits, normalize_text
from rnnlab.data.text.ragged import TextStore
from rnnlab.errors import DataError
from tests.helpers.configs import ROOT
from tests.helpers.hub import REVISION, Hub, serve
from tests.helpers.processes import run_forked

SPLITS = ("train", "val", "test")
MESSAGES = [("spam" if i % 5 == 0 else "ham", f"text {chr(97 + i % 26)}{i}") for i in range(60)]


def collection(path, lines):
    path.write_bytes("".join(f"{line}\n" for line in lines).encode())
    return path


def opened(path, **settings):
    data = SMSSpamDataModule(path=str(path), **settings)
    data.setup()
    return data


def test_the_published_file_is_read_without_quotes_and_with_repeated_messages_counted(tmp_path):
    odd = ['ham\t"never closed', "ham\tso\u2028what", "ham\ttwo\ttabs", "", "HAM\tx"]
    lines = [f"{label}\t{text}" for label, text in MESSAGES]
    lines += [*odd[:4], lines[3].upper().replace("HAM", "ham", 1), lines[4]]
    file = collection(tmp_path / "SMSSpamCollection", lines)
    data = opened(file, drop_duplicates=True)
    texts = [text for split in SPLITS for text in TextStore(data.folder, split)]
    assert {'"never closed', "so\u2028what", "two\ttabs"} < set(texts)
    assert data.provenance.notes[:2] == [
        "1 empty lines of SMSSpamCollection were left out",
        "2 repeated texts of SMSSpamCollection were left out",
    ]
    assert data.spec.class_names == ("ham", "spam")
    assert opened(tmp_path, drop_duplicates=True).folder == data.folder


@pytest.mark.parametrize("line", ["hello", "eggs\ttext", "ham text", "Spam\ttext"])
def test_a_line_of_another_form_is_named(tmp_path, line):
    file = collection(tmp_path / "SMSSpamCollection", ["ham\tx", "spam\ty", line])
    with pytest.raises(DataError, match=r"SMSSpamCollection, line 3: .* ham or spam and a tab"):
        opened(file)


def test_a_damaged_or_foreign_file_is_refused(tmp_path):
    packed = lzma.compress(b"ham\tx\n" * 999)
    (tmp_path / "SMSSpamCollection.xz").write_bytes(packed[:60])
    with pytest.raises(DataError, match=r"SMSSpamCollection\.xz: cannot be read: "):
        opened(tmp_path)
    foreign = tmp_path / "foreign"
    foreign.write_bytes("ham\tcaf\u00e9\n".encode("cp1252"))
    with pytest.raises(DataError, match=r"foreign: byte 7 \(0xe9, in line 1\) is not utf-8"):
        opened(foreign)


def test_a_table_is_read_too(tmp_path):
    table = pd.DataFrame(MESSAGES, columns=["label", "text"])
    table.to_csv(tmp_path / "mine.csv", index=False)
    assert sum(opened(tmp_path / "mine.csv").provenance.sizes.values()) == 60


# The real file.


FOLDS = {"tokens": "shapes", "drop_duplicates": True, "stratify": True, "folds": 5}


@pytest.mark.slow
def test_over_five_folds_every_message_of_the_real_file_is_tested_once(shared_data):
    path = shared_data / "sms_spam"
    folds = [opened(path, fold=fold, **FOLDS) for fold in range(5)]
    tested = [text for data in folds for text in TextStore(data.folder, "test")]
    assert len(tested) == len(set(map(normalize_text, tested))) == 5_159
    assert [int(data.labels["test"].sum()) for data in folds] == [128, 129, 128, 128, 129]
    for data in folds:
        assert data.provenance.notes[0].startswith("415 repeated texts")
        seen = [set(map(normalize_digits, TextStore(data.folder, split))) for split in SPLITS]
        assert sum(map(len, seen)) == len(set.union(*seen))


def test_the_linear_baseline_of_the_real_file_finds_most_spam(shared_data):
    scores = opened(shared_data / "sms_spam", positive_class="spam", **FOLDS).baselines("test")
    assert scores["linear"]["f1"] == pytest.approx(0.964, abs=0.01)
    assert scores["majority"]["accuracy"] == pytest.approx(0.8751, abs=1e-3)
    assert scores["majority"]["f1"] == scores["majority"]["mcc"] == 0


# The hub: the real `datasets`, in a process of its own, since it reads its settings on import.


def parquet(**columns):
    buffer = BytesIO()
    pd.DataFrame(columns).to_parquet(buffer)
    return buffer.getvalue()


def small_hub():
    reviews = {s: [f"{s} review {chr(97 + i)}" for i in range(26)] for s in ("train", "test")}
    labels = [int(label == "spam") for label, _ in MESSAGES]
    return Hub(
        {
            "ucirvine/sms_spam": {
                "plain_text/train-00000-of-00001.parquet": parquet(
                    sms=[f"{text}\n" for _, text in MESSAGES], label=labels
                )
            },
            "stanfordnlp/imdb": {
                f"{split}.jsonl": pd.DataFrame({"text": texts, "label": [0, 1] * 13})
                .to_json(orient="records", lines=True)
                .encode()
                for split, texts in reviews.items()
            },
        }
    )


def train(url, folder, *words, **environment):
    """A run of train.py on this hub, with caches of its own."""
    known = {
        key: value
        for key, value in os.environ.items()
        if not key.lower().endswith("_proxy") and key != "HF_HUB_OFFLINE"
    }
    known |= {
        "HF_ENDPOINT": url,
        "HF_HOME": str(folder / "hf"),
        "RNNLAB_CACHE": str(folder / "cache"),
        "COLUMNS": "400",
        **environment,
    }
    small = ["trainer=cpu", "trainer.max_epochs=1", "model.hidden_size=4", f"output_dir={folder}/o"]
    command = [sys.executable, str(ROOT / "train.py"), *small, "data.source=hub", *words]
    return run_forked(command, env=known, capture_output=True, text=True, timeout=200)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("sms_spam", f"hub (ucirvine/sms_spam {REVISION}): "),
        ("imdb", f"hub (stanfordnlp/imdb {REVISION}): 23 train, 3 val, 26 test"),
    ],
)
@pytest.mark.slow
def test_a_run_reads_the_hub_once_and_says_its_revision(tmp_path, name, line):
    with serve(small_hub()) as hub:
        done = train(hub.url, tmp_path, f"data={name}")
        assert done.returncode == 0, done.stdout + done.stderr
        assert line in done.stdout
        assert any("resolve" in request for request in hub.asked)
        hub.asked.clear()
        again = train(hub.url, tmp_path, f"data={name}", "data.source=auto")
        assert again.returncode == 0, again.stdout + again.stderr
        assert line in again.stdout
        assert "a cached copy of the hub's data" in again.stdout
        assert hub.asked == []


@pytest.mark.slow
def test_a_hub_that_stalls_in_the_middle_of_a_file_is_given_up(tmp_path):
    hub = small_hub()
    hub.stalls_after = 500
    with serve(hub):
        start = time.monotonic()
        done = train(hub.url, tmp_path, "data=sms_spam", RNNLAB_HUB_SECONDS="3")
        assert done.returncode != 0
        assert (
            f"{hub.url} sent nothing for 3 s (RNNLAB_HUB_SECONDS allows more)"
            in done.stdout + done.stderr
        )
        assert time.monotonic() - start < 60


@pytest.mark.slow
def test_a_hub_without_the_data_set_says_so(tmp_path):
    with serve(Hub({})) as hub:
        done = train(hub.url, tmp_path, "data=sms_spam")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "the hub's data set ucirvine/sms_spam could not be loaded" in said
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_server_that_never_answers_ends_the_run_in_words(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        done = train(url, tmp_path, "data=sms_spam")
    assert done.returncode != 0
    assert f"{url} cannot be reached (no answer within 2 s)" in done.stdout + done.stderr
