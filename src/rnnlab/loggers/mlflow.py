"""Logger for MLflow: a data base in the folder of the run, without a server."""

import logging
import os
import re
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.rank_zero import rank_zero_only

from rnnlab.loggers.folder_logger import FolderLogger, text_settings

RUN_ID_FILE = "run_id.txt"
MAX_PARAMETERS, MAX_CHARACTERS = 100, 6000  # of a message, of a value
INVALID = re.compile(r"[^\w/. -]+", re.ASCII)  # in the name of a metric


class MLflowLogger(FolderLogger):
    """Logger of metrics, settings, results and figures of one run, in the folder `mlflow` of it.

    MLflow opens its data base at the first call; a resumed run continues the same MLflow run.
    MLflow's usage statistics are off (MLFLOW_DISABLE_TELEMETRY).

    Args:
        folder: of the run.
        experiment: MLflow displays the runs of an experiment together.
        name: of the run in MLflow; None for the name of the folder.

    Raises:
        ConfigError: the package mlflow is not installed.
    """

    def __init__(self, folder: Path, experiment: str = "rnnlab", name: str | None = None) -> None:
        super().__init__("mlflow", folder, experiment, name)

    @property
    def version(self) -> str:
        """The id of the MLflow run."""
        file = self.folder / RUN_ID_FILE
        return file.read_text(encoding="utf-8") if file.is_file() else ""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        client = self.experiment
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        for group in batches(metrics):
            values = [Metric(INVALID.sub("_", k), float(v), now, step or 0) for k, v in group]
            client.log_batch(self.version, metrics=values)

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        """Log settings; those of an earlier session cannot be changed in MLflow."""
        client = self.experiment
        from mlflow.entities import Param

        logged = client.get_run(self.version).data.params
        new = {k: v for k, v in text_settings(params).items() if k not in logged}
        for group in batches(new):
            values = [Param(INVALID.sub("_", k), v[:MAX_CHARACTERS]) for k, v in group]
            client.log_batch(self.version, params=values)

    @rank_zero_only
    def log_files(self, paths: Sequence[Path]) -> None:
        """Copy the figures and other files to the artifacts of the run."""
        for path in paths:
            is_figure = path.suffix == ".png"
            self.experiment.log_artifact(self.version, str(path), "plots" if is_figure else None)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Set the state of the MLflow run; Lightning calls this after each fit and test."""
        if self.client is not None:
            state = "FINISHED" if status == "success" else "FAILED"
            self.client.set_terminated(self.version, state)

    def open(self) -> Any:
        """Open the data base, with the run of the folder or a new one."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow.tracking import MlflowClient

        for name in ("mlflow", "alembic"):  # they report each table of the data base
            logging.getLogger(name).setLevel(logging.WARNING)
        self.folder.mkdir(parents=True, exist_ok=True)
        registry = f"file:{self.folder / 'models'}"  # mlflow-skinny has no other one
        client = MlflowClient(f"sqlite:///{self.folder / 'mlflow.db'}", registry)
        if not self.version:
            experiment = client.create_experiment(self.name, str(self.folder / "artifacts"))
            run = client.create_run(experiment, run_name=self.run_name)
            (self.folder / RUN_ID_FILE).write_text(run.info.run_id, encoding="utf-8")
        return client


def batches(values: Mapping[str, Any]) -> Iterator[list[tuple[str, Any]]]:
    """Yield the members of a mapping in groups that MLflow accepts."""
    members = iter(values.items())
    while group := list(islice(members, MAX_PARAMETERS)):
        yield group
