"""The end of a search in Weights & Biases, where its trials are."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rnnlab.sweeps.report.report import FIGURE_FOLDER
from rnnlab.sweeps.report.summary import SUMMARY_FILE

SETTINGS = ("project", "entity", "mode", "init_timeout")  # of the logger, the same for all trials


def log_end(base: Mapping[str, Any], folder: Path, name: str, token: str) -> bool:
    """Log what the report says, if the trials log to W&B: once, whoever comes to the end.

    Args:
        base: the config that all trials share.
        folder: of the search, with its report.
        name: of the search, the group of its trials.
        token: that tells its study from others of this name.

    Returns:
        Whether anything was logged.

    Raises:
        ConfigError: mode=online, and W&B cannot be used.
    """
    loggers = [member for member in (base.get("logger") or {}).values() if member]
    settings = next((one for one in loggers if one["_target_"].endswith("WandbLogger")), None)
    if settings is None:
        return False

    from filelock import FileLock

    from rnnlab.loggers.wandb_search import log_search

    same = {key: settings[key] for key in SETTINGS if key in settings}
    identity = {"name": name, "group": name, "id": f"{name}-{token}-search"}
    summary = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
    pictures = sorted((folder / FIGURE_FOLDER).glob("*.png"))
    with FileLock(folder / "wandb.lock"):
        return log_search(folder, {**same, **identity}, summary, pictures)
