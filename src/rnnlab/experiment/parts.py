"""The objects of one run, passed from stage to stage."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnnlab.config.schema import RunConfig
from rnnlab.report.folder import RunFolder

if TYPE_CHECKING:
    import lightning.pytorch as L

    from rnnlab.data.base import DataModule
    from rnnlab.models import RecurrentModel


@dataclass(frozen=True)
class RunParts:
    """The objects that a run consists of.

    Attributes:
        callbacks: by their names in the config.
        seconds: duration of each finished stage, by name.
    """

    config: RunConfig
    folder: RunFolder
    data: "DataModule"
    model: "RecurrentModel"
    trainer: "L.Trainer"
    callbacks: dict[str, Any]
    seconds: dict[str, float]
