"""Log the outcome of a search to Weights & Biases, if its trials are logged there."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from rnnlab.sweeps.report.report import FIGURE_FOLDER
from rnnlab.sweeps.report.summary import SUMMARY_FILE

SHARED_SETTINGS = ("project", "entity", "mode", "init_timeout")  # same for search and trials


def log_outcome(base: Mapping[str, Any], folder: Path, name: str, token: str) -> bool:
    """Log the report of a search once, whichever session ends it; return whether it was logged.

    Args:
        base: config that all trials share.
        folder: of the search, with its report.
        name: of the search; the group of its trials.
        token: distinguishes its study from others of this name.

    Raises:
        ConfigError: mode=online, and W&B cannot be used.
    """
    loggers = [logger for logger in (base.get("logger") or {}).values() if logger]
    settings = next((one for one in loggers if one["_target_"].endswith("WandbLogger")), None)
    if settings is None:
        return False
    from rnnlab.loggers.wandb_search import log_search  # imports torch

    options = {key: settings[key] for key in SHARED_SETTINGS if key in settings}
    identity = {"name": name, "group": name, "id": f"{name}-{token}-search"}
    summary = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
    figures = sorted((folder / FIGURE_FOLDER).glob("*.png"))
    with FileLock(folder / "wandb.lock"):
        return log_search(folder, {**options, **identity}, summary, figures)
