"""Weights of a finished run as the start of a new one."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.config.schema import RunConfig
from rnnlab.errors import ConfigError
from rnnlab.experiment.checks import find_checkpoint
from rnnlab.experiment.fingerprint import vocabulary_sha256
from rnnlab.experiment.load import read_checkpoint
from rnnlab.report.folder import RunFolder

if TYPE_CHECKING:
    from rnnlab.data.base import DataModule
    from rnnlab.models import RecurrentModel


def load_weights(model: "RecurrentModel", config: RunConfig, data: "DataModule") -> None:
    """Load the weights of the run `config.init_from`: of best.ckpt, or of last.ckpt without it.

    Raises:
        ConfigError: they are of another network, or for another vocabulary.
    """
    content = read_checkpoint(find_checkpoint(config))
    report = RunFolder(Path(str(config.init_from))).read_report()
    before = report.get("data", {}).get("vocabulary_sha256")
    try:
        model.load_state_dict(content["state_dict"])
    except RuntimeError as error:
        settings = "; ".join(find_differences(content["hyper_parameters"]["config"], config))
        reason = settings or str(error).partition("\n")[2].strip()
        raise ConfigError(f"init_from={config.init_from}: {reason}") from error
    if before and before != vocabulary_sha256(data):
        raise ConfigError(
            f"init_from={config.init_from}: its vocabulary is another one, so its weights stand "
            "for other tokens, features or classes: use the data of that run"
        )


def find_differences(before: Mapping[str, Any], config: RunConfig) -> Iterator[str]:
    """Yield the settings of model and task that differ, in words."""
    now = asdict(config)
    for section in ("model", "task"):
        for key in dict.fromkeys([*before[section], *now[section]]):
            old, new = before[section].get(key), now[section].get(key)
            if old != new:
                yield f"{section}.{key} is {old} there and {new} here"


def describe_initial_weights(config: RunConfig) -> dict[str, Any] | None:
    """Return where the first weights of a run come from, for its report; None for random ones."""
    if not config.init_from:
        return None
    path = find_checkpoint(config)
    step = int(read_checkpoint(path)["global_step"])
    return {"folder": config.init_from, "checkpoint": path.name, "step": step}
