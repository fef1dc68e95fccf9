"""Interface strings of JupyterLab, in English and in other languages."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rnnlab.config.types import PositiveInt
from rnnlab.data.prepared import Source
from rnnlab.data.readers.sentence_pairs import Pairs
from rnnlab.data.sources.cache import file_sha256
from rnnlab.data.sources.packages import package_file, package_version
from rnnlab.data.sources.provenance import Provenance
from rnnlab.data.text.pair_columns import Pair
from rnnlab.data.translation import FILE_SETTINGS, ParallelTextDataModule
from rnnlab.errors import DataError

LOCALES = {"de": "de-DE", "fr": "fr-FR", "es": "es-ES"}
CONTEXT_SEPARATOR = "\x04"  # between the context of a string and the string, in a catalogue


class InterfaceStringsDataModule(ParallelTextDataModule):
    """English interface strings of JupyterLab and their translations by volunteers.

    embedded: the catalogues of the package jupyterlab-language-pack-<locale>, with the first form
        of each string. Placeholders such as %1 are kept; repeated pairs are removed.

    Args:
        language: target language: fr (3,300 pairs) | de (1,200) | es (900), or the locale of
            another installed pack, such as pt-BR.
        vocab_size, shared_vocabulary, settings: see ParallelTextDataModule.
    """

    available_sources = ("embedded",)
    fixed_settings = frozenset({*FILE_SETTINGS, "source_language", "target_language"})

    def __init__(
        self,
        language: str = "fr",
        vocab_size: PositiveInt = 3_000,
        shared_vocabulary: bool = True,
        **settings: Any,
    ) -> None:
        super().__init__(
            source_language="en",
            target_language=language,
            vocab_size=vocab_size,
            shared_vocabulary=shared_vocabulary,
            **settings,
        )
        self.locale = LOCALES.get(language, language).replace("_", "-")

    def packaged(self) -> Source:
        distribution = f"jupyterlab-language-pack-{self.locale}"
        folder = f"locale/{self.locale.replace('-', '_')}/LC_MESSAGES"
        file = package_file(distribution.replace("-", "_"), f"{folder}/jupyterlab.json")
        files = sorted(file.parent.glob("*.json"))
        sha256 = hashlib.sha256("".join(map(file_sha256, files)).encode()).hexdigest()
        version = package_version(distribution)
        provenance = Provenance("embedded", distribution, version, sha256)
        return Source(provenance, lambda: {"all": read_catalogues(distribution, files)})


def read_catalogues(name: str, files: Sequence[Path]) -> Pairs:
    """Return the pairs of all catalogues in order, without repetitions."""
    pairs = dict.fromkeys(pair for file in files for pair in read_catalogue(file))
    return Pairs(name, lambda: iter(pairs))


def read_catalogue(file: Path) -> Iterator[Pair]:
    """Iterate over the strings of a catalogue and the first form of their translations.

    Raises:
        DataError: the file is not a catalogue.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        for key, forms in content.items():
            if key:  # the empty key contains the header of the catalogue
                source, target = key.rpartition(CONTEXT_SEPARATOR)[2], forms[0]
                yield " ".join(source.split()), " ".join(target.split())
    except (ValueError, AttributeError, LookupError) as error:
        raise DataError(f"{file}: is not a catalogue of interface strings: {error}") from error
