"""Names of the files and folders of a split: one rule for all data sets of the user.

| split | names, in any case, with an optional prefix as in ptb.train.txt or my_test.csv |
|---|---|
| train | train, training |
| val | val, valid, validation, dev, development |
| test | test, testing |

Newstest sets are test sets whose older years serve for validation: newstest* is read as the test
split if there is no other one, and the next older set as the validation split. Everything else is
listed in a note.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rnnlab.data.base import Split
from rnnlab.data.readers.files import COMPRESSIONS
from rnnlab.errors import DataError

SplitNames = Mapping[Split, Sequence[str]]
SPLIT_NAMES: SplitNames = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev", "development"),
    "test": ("test", "testing"),
}
NEWSTEST = "newstest"
DOCUMENTATION = (".", "readme", "license")  # beginnings of the names of files without data
MAX_LISTED = 10  # names in a note


def find_splits(
    folder: Path, stems: Mapping[Path, str], names: SplitNames = SPLIT_NAMES
) -> dict[Split, Path]:
    """Return the file or folder of each split, of those that the names tell.

    Args:
        folder: that contains them, for errors.
        stems: file or subfolder -> its name without extensions and language.
        names: of each split; see the table of this module.

    Raises:
        DataError: several files or folders have a name of the same split.
    """
    splits: dict[Split, Path] = {}
    for split, choices in names.items():
        paths = [path for path, stem in stems.items() if has_split_name(stem, choices)]
        if len(paths) > 1:
            listed = ", ".join(sorted(path.name for path in paths))
            kind = "folders" if paths[0].is_dir() else "files"
            raise DataError(f"{folder}: several {kind} of the {split} split: {listed}. Keep one")
        if paths:
            splits[split] = paths[0]
    return _add_newstest(splits, stems) if names is SPLIT_NAMES else splits


def has_split_name(stem: str, names: Sequence[str]) -> bool:
    """Return whether a name is one of these, or ends with one after a separator.

    >>> has_split_name("ptb.Train", ["train"]), has_split_name("contrastrain", ["train"])
    (True, False)
    """
    pattern = rf"(.+[._-])?({'|'.join(map(re.escape, names))})"
    return re.fullmatch(pattern, stem, re.IGNORECASE) is not None


def _add_newstest(splits: dict[Split, Path], stems: Mapping[Path, str]) -> dict[Split, Path]:
    """Return the splits with the newest sets as test and validation, if these are missing."""
    sets = sorted((stem.lower(), path) for path, stem in stems.items())
    newest = [path for stem, path in reversed(sets) if stem.startswith(NEWSTEST)]
    missing = [split for split in ("test", "val") if split not in splits]
    return {**splits, **dict(zip(missing, newest, strict=False))}


def file_stem(path: Path) -> str:
    """Return the name of a file without the extensions of its compression and its format.

    >>> file_stem(Path("ptb.train.txt.gz"))
    'ptb.train'
    """
    plain = path.with_suffix("") if path.suffix.lower() in COMPRESSIONS else path
    return plain.stem


def describe_unused(folder: Path, used: Iterable[Path]) -> list[str]:
    """Return a note that lists the files and subfolders that are not read, if there are some.

    Args:
        folder: of the data set.
        used: files and subfolders in it that are read. Hidden ones, readme and license are not
            listed.
    """
    rest = sorted(path.name for path in set(folder.iterdir()).difference(used))
    names = [name for name in rest if not name.lower().startswith(DOCUMENTATION)]
    if not names:
        return []
    more = f" and {len(names) - MAX_LISTED:,} more" if len(names) > MAX_LISTED else ""
    return [f"not read in {folder.name}: {', '.join(names[:MAX_LISTED])}{more}"]
