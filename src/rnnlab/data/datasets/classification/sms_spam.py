"""The SMS Spam Collection (Almeida et al., 2011, https://doi.org/10.1145/2034691.2034742)."""

from pathlib import Path

from rnnlab.data.prepared import Source
from rnnlab.data.readers.files import check_file, read_lines
from rnnlab.data.readers.tables import is_table
from rnnlab.data.sources.provenance import Provenance
from rnnlab.data.text.labelled_texts import LabelledTexts, read_hub_texts
from rnnlab.data.text_classification import TextClassificationDataModule
from rnnlab.errors import DataError

SMS_SPAM_HUB_NAME = "ucirvine/sms_spam"
FILE = "SMSSpamCollection"
CLASSES = ("ham", "spam")


class SMSSpamDataModule(TextClassificationDataModule):
    """5,574 short messages, 13% of them spam; many are repeated.

    hub: one table with the labels 0 for ham and 1 for spam.
    local: the published file SMSSpamCollection with lines `ham<TAB>text` or `spam<TAB>text`, plain
        or compressed, or its folder; or your own labelled texts in a table or in a folder for each
        class.
    """

    available_sources = ("hub", "local")
    default_columns = ("sms", "text", "label")

    def hub(self) -> Source:
        return Source(
            Provenance("hub", SMS_SPAM_HUB_NAME),
            lambda: read_hub_texts(SMS_SPAM_HUB_NAME, {"all": "train"}, text="sms", label="label"),
        )

    def local(self) -> Source:
        path = self.local_path()
        files = sorted(path.glob(f"{FILE}*")) if path.is_dir() else [path]
        if not files or files[0].is_dir() or is_table(files[0]):
            return super().local()
        self._check_no_columns(f"lines of {FILE}")
        file = check_file(files[0])
        encoding = self.columns.encoding
        return self.file_source(
            [file], lambda: {"all": read_collection(file, encoding)}, "collection"
        )


def read_collection(file: Path, encoding: str) -> LabelledTexts:
    """Return the messages of the published file, which has no quotes and no header.

    Raises:
        DataError: a line is not `ham<TAB>text` or `spam<TAB>text`.
    """
    labels, texts, empty = [], [], 0
    for number, line in enumerate(read_lines(file, encoding), start=1):
        label, tab, text = line.partition("\t")
        if not line.strip():
            empty += 1
        elif not tab or label not in CLASSES:
            raise DataError(
                f"{file}, line {number}: {line[:40]!r} does not begin with ham or spam and a tab. "
                "A table with a header needs the extension of its format: .csv, .tsv, .parquet ..."
            )
        else:
            labels.append(label)
            texts.append(text)
    notes = [f"{empty:,} empty lines of {file.name} were left out"] if empty else []
    return LabelledTexts(file.name, texts, labels, notes=notes)
