"""Folders of a search and of its trials, and the study that each one belongs to.

The numbers of trials begin at 0 in every study, so that a folder of another study, or of the same
one before a repair, would be taken for that of a new trial.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnlab.errors import ConfigError, about_file
from rnnlab.runtime.files import write_json

Origin = Mapping[str, Any]  # see trial_origin
TRIAL_FILE = "trial.json"  # in the folder of a trial and in best/: its origin
STUDY_FILE = "study.json"  # in the folder of a search: the token of its study, and its storage


def trial_origin(token: str, number: int, overrides: Sequence[str]) -> dict[str, Any]:
    """Return what identifies a trial: the token of its study, its number and its command line."""
    return {"study": token, "number": number, "overrides": list(overrides)}


def is_foreign(folder: Path, origin: Origin) -> bool:
    """Return whether a folder is that of another trial; rnnlab 0.1 wrote no origins."""
    previous = read_object(folder / TRIAL_FILE)
    return bool(origin and previous) and previous != dict(origin)


def clear_folder(folder: Path, origin: Origin) -> str:
    """Move the folder of another trial aside, and return a message; empty if nothing was moved."""
    if not is_foreign(folder, origin):
        return ""
    names = (folder.with_name(f"{folder.name}.other-{index}") for index in range(1, 10_000))
    target = next(path for path in names if not path.exists())
    folder.rename(target)
    return f"{folder} held a trial with other settings; it is now {target.name}"


def mark_folder(folder: Path, origin: Origin) -> None:
    """Write the origin of a trial to its folder, before anything else is written there."""
    if origin and read_object(folder / TRIAL_FILE) != dict(origin):
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / TRIAL_FILE, origin)


def describe_other_study(folder: Path, token: str | None, has_trials: bool) -> str:
    """Return the study that the folder of a search belongs to; empty if it is this one.

    Args:
        folder: of the search.
        token: of this study; None if it has not started.
        has_trials: whether this study has trials.
    """
    if not any((folder / "trials").glob("[0-9]*/")):
        return ""
    stamp = read_object(folder / STUDY_FILE)
    if not stamp:  # rnnlab 0.1 wrote none
        return "" if has_trials else "another study"
    return "" if stamp["token"] == token else f"the study of {stamp['storage']}"


def check_study_folder(folder: Path, token: str | None, has_trials: bool) -> None:
    """Check that the folder of a search has no trials of another study.

    Raises:
        ConfigError: it has, for example because the journal was removed or the storage changed.
    """
    if other := describe_other_study(folder, token, has_trials):
        reason = (
            f"the folder holds trials of {other}, and these would be taken for new ones. "
            "on_change=new starts this study in another folder; or give name=<name> or "
            "output_dir=<folder>, or move the folder away"
        )
        raise ConfigError(about_file(folder, reason))


def mark_study_folder(folder: Path, token: str, storage: str) -> None:
    """Write the study of a search, whose storage is given without a password, to its folder."""
    if read_object(folder / STUDY_FILE).get("token") != token:
        write_json(folder / STUDY_FILE, {"token": token, "storage": storage})


def read_object(file: Path) -> dict[str, Any]:
    """Return the content of a JSON file; empty if there is none."""
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.exists() else {}
