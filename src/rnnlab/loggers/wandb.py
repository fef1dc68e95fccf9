"""Logger for Weights & Biases: online if possible, else offline for `wandb sync`."""

import hashlib
import json
import logging
import os
import re
import secrets
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers.logger import Logger

from rnnlab.config.types import PositiveFloat
from rnnlab.errors import ConfigError, RunPruned, RunStopped
from rnnlab.runtime.network import probe

log = logging.getLogger(__name__)

Mode = Literal["auto", "online", "offline"]
State = Literal["complete", "pruned", "failed", "stopped"]
STEP = "trainer/global_step"  # the x axis of every chart
IMAGES = {".png", ".jpg", ".jpeg"}
RUN_FILES = ("processor.json", "config.yaml")  # beside the checkpoint in an artifact
ID_FILE = "wandb_id.txt"  # in a run folder
TIME_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}_\d{2}-\d{2}-\d{2}-")
FINISH_SECONDS = 60.0  # limit for the last uploads of a run


class WandbLogger(Logger):
    """Logger of metrics, config, scores and plots of one run; only rank zero connects to W&B.

    The first call that needs the W&B run opens it; `close` or `finish` closes it, because Lightning
    finalizes its loggers after every fit and every test. Errors of an open W&B run do not stop the
    training: a lost connection is one line in the log.

    Args:
        folder: the run's folder; W&B's own files are in its subfolder `wandb`.
        name: displayed in W&B; None for a name that W&B chooses.
        project: the W&B project.
        group: W&B displays the runs of a group together.
        tags: for filtering, at most 64 characters each; None for those of WANDB_TAGS.
        entity: user or team; None is the account's default.
        mode: online requires a key and a server that answers; auto continues offline, with the
            reason, if one is missing. WANDB_MODE=offline and WANDB_MODE=disabled take precedence.
        init_timeout: seconds to wait for the server before continuing offline.
        id: the W&B run id; None for the name of the folder, with a token unless the name has a
            time. A resumed run continues the same W&B run. A search sets it.
        log_checkpoint: upload the best checkpoint at the end of the run, as an artifact of the type
            `model`, with the processor of the run.

    Raises:
        ConfigError: W&B rejects a name, or mode=online without an API key.
    """

    axis = STEP

    def __init__(
        self,
        folder: Path,
        name: str | None = None,
        project: str = "rnnlab",
        group: str | None = None,
        tags: list[str] | None = None,
        entity: str | None = None,
        mode: Mode = "auto",
        init_timeout: PositiveFloat = 15.0,
        id: str | None = None,
        log_checkpoint: bool = False,
    ) -> None:
        super().__init__()
        self._folder = Path(folder).resolve()
        self._name = name or project
        self._mode = mode
        self._init_timeout = init_timeout
        self._log_checkpoint = log_checkpoint
        self._names = {
            "run_id": folder_id(self._folder) if id is None else run_id(id),
            "run_name": name,
            "project": project,
            "run_group": group,
            "run_tags": tags,
            "entity": entity,
        }
        self._run: Any = None
        self._is_closed = False
        self._settings()
        self._check_key()

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str:
        """The W&B run id."""
        return str(self._names["run_id"])

    @property
    def save_dir(self) -> str:
        return str(self._folder)

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The `wandb.Run`, opened on first use; a dummy on the other ranks.

        Raises:
            ConfigError: mode=online, and W&B is not available.
        """
        if self._run is None:
            self._run = self._start()
            self._run.define_metric(self.axis)
            self._run.define_metric("*", step_metric=self.axis, step_sync=True)
        return self._run

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        row = dict(metrics) if step is None else {**metrics, self.axis: step}
        self._send(lambda run: run.log(row))

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any
    ) -> None:
        plain = vars(params) if isinstance(params, Namespace) else params
        self._send(lambda run: run.config.update(plain, allow_val_change=True))

    @rank_zero_only
    def log_summary(self, scores: Mapping[str, Any]) -> None:
        """Log the final scores; until then W&B displays the last value of each metric."""
        self._send(lambda run: run.summary.update(dict(scores)))

    @rank_zero_only
    def log_files(self, paths: Sequence[Path]) -> None:
        """Log images as `plots/<stem>`, and other files unchanged.

        Raises:
            FileNotFoundError: one of them does not exist.
        """
        import wandb

        files = [Path(path).resolve(strict=True) for path in paths]
        pictures = [file for file in files if file.suffix.lower() in IMAGES]
        if pictures:
            images = {f"plots/{file.stem}": str(file) for file in pictures}
            self._send(lambda run: run.log({k: wandb.Image(file) for k, file in images.items()}))
        others = [file for file in files if file not in pictures]
        self._send(lambda run: [run.save(**self._save_options(file)) for file in others])

    @rank_zero_only
    def log_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Log a table."""
        import wandb

        data = [list(row) for row in rows]
        self._send(lambda run: run.log({name: wandb.Table(columns=list(columns), data=data)}))

    @rank_zero_only
    def close(self, scores: Mapping[str, Any], files: Sequence[Path]) -> None:
        """Log scores and files of a finished run, and close it."""
        self.log_summary(scores)
        self.log_files(files)
        if self._log_checkpoint:
            self.log_model()
        self.finish("complete")

    @rank_zero_only
    def log_model(self) -> None:
        """Log the files that predict with the run, as an artifact; W&B uploads them."""
        import wandb

        checkpoints = [self._folder / "checkpoints" / f"{name}.ckpt" for name in ("best", "last")]
        existing = [path for path in checkpoints if path.is_file()][:1]
        artifact = wandb.Artifact(f"model-{self.version}", "model")
        for path in [*existing, *(self._folder / name for name in RUN_FILES)]:
            if path.is_file():
                artifact.add_file(
                    str(path), str(path.relative_to(self._folder)), policy="immutable"
                )
        self._send(lambda run: run.log_artifact(artifact))

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Close the W&B run after a failed fit or test; Lightning calls this after each of them."""
        if status == "failed":
            self.finish(state_after(sys.exc_info()[1]))

    @rank_zero_only
    def finish(self, state: State) -> None:
        """Close the W&B run if it is open; drop everything logged afterwards.

        Args:
            state: in the summary; `failed` also ends the W&B run with exit code 1.
        """
        if self._run is not None:
            self.log_summary({"state": state})
            self._send(lambda run: run.finish(exit_code=int(state == "failed")))
        self._is_closed = True

    @rank_zero_only
    def _check_key(self) -> None:
        """Raise ConfigError if W&B would need a key that is not there."""
        if _effective_mode(self._mode) == "online" and (obstacle := _missing_key()):
            raise self._refusal(obstacle)

    def _settings(self, **more: Any) -> Any:
        """Return the settings of the W&B run.

        System metrics and metadata stay on: they cost about 15 ms at the start. With `create_new`,
        another open run of this process does not receive our metrics. Without links, a folder can
        be moved to another machine before `wandb sync`.
        """
        import wandb

        names = {key: value for key, value in self._names.items() if value is not None}
        quiet = {"silent": True, "console": "off", "root_dir": str(self._folder)}
        whole = {"resume": "allow", "reinit": "create_new", "symlink": False}
        ends = {"finish_timeout": FINISH_SECONDS, "finish_timeout_raises": True}
        try:
            return wandb.Settings(**names, **quiet, **whole, **ends, **more)
        except (wandb.errors.UsageError, ValueError) as error:
            settings = ", ".join(f"{key}={value!r}" for key, value in names.items())
            raise ConfigError(f"logger.wandb: W&B refuses {settings}: {_reason(error)}") from error

    def _start(self) -> Any:
        """Open the W&B run: disabled, online, or offline with a line that gives the reason."""
        import wandb

        mode = _effective_mode(self._mode)
        if self._folder.is_dir():
            (self._folder / ID_FILE).write_text(self.version, encoding="utf-8")
        if mode == "disabled":
            return wandb.init(mode="disabled", settings=self._settings())
        if mode == "offline":
            return self._offline("offline, as asked")
        run, obstacle = self._online()
        if run is None and mode == "online":
            raise self._refusal(obstacle)
        return run or self._offline(f"offline, because {obstacle}", logging.WARNING)

    def _online(self) -> tuple[Any, str]:
        """Return the run, or None and the obstacle.

        The server is probed first: without one, W&B tries until its timeout, which an offline
        machine with a key would wait for in every run.
        """
        import wandb

        deadline = time.monotonic() + self._init_timeout
        if obstacle := _missing_key() or _no_answer(self._init_timeout):
            return None, obstacle
        left = max(1.0, deadline - time.monotonic())
        try:
            run = wandb.init(mode="online", settings=self._settings(init_timeout=left))
        except wandb.errors.Error as error:
            _drop_service()  # it would keep the run id of a run that never started
            return None, _reason(error)
        log.info("W&B: %s", run.url)
        return run, ""

    def _offline(self, reason: str, level: int = logging.INFO) -> Any:
        import wandb

        _session()
        run = wandb.init(mode="offline", settings=self._settings())
        log.log(level, "W&B: %s. Send the run later: wandb sync %s", reason, run.settings.sync_dir)
        return run

    def _refusal(self, obstacle: str) -> ConfigError:
        return ConfigError(
            f"logger.wandb.mode=online cannot be: {obstacle}. "
            "logger.wandb.mode=auto goes on offline in such a case"
        )

    def _send(self, message: Callable[[Any], object]) -> None:
        """Send a message to the W&B run; after a lost connection, warn once and drop the rest."""
        import wandb

        if self._is_closed:
            return
        run = self.experiment
        try:
            message(run)
        except (ConnectionError, TimeoutError, wandb.errors.Error) as error:
            self._is_closed = True
            folder = run.settings.sync_dir
            log.warning("W&B was lost: %s. Send what it has: wandb sync %s", _reason(error), folder)
            if isinstance(error, ConnectionError):
                _drop_service()

    def _save_options(self, file: Path) -> dict[str, Any]:
        """Return options that keep a file below its folder's name: W&B has its own config.yaml."""
        inside = file.is_relative_to(self._folder)
        base = self._folder.parent if inside else file.parent.parent
        return {"glob_str": str(file), "base_path": str(base), "policy": "now", "glob": False}


def state_after(error: BaseException | None) -> State:
    """Return the state of a run that this error ended."""
    if isinstance(error, RunPruned):
        return "pruned"
    return "stopped" if isinstance(error, RunStopped | KeyboardInterrupt) else "failed"


def run_id(name: str) -> str:
    """Return the W&B run id for a name, with a hash if the name has invalid characters.

    >>> run_id("2026-01-31_12-00-00-x7")
    '2026-01-31_12-00-00-x7'
    >>> run_id("a:b")
    'a-b-6783a31e'
    """
    plain = re.sub(r"[^A-Za-z0-9_.-]", "-", name)[:64]
    if plain == name:
        return name
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def folder_id(folder: Path) -> str:
    """Return the W&B run id of a run folder, the same in each session; another folder has another.

    A name with a time is unique. Otherwise a token follows, which the folder keeps.
    """
    file = folder / ID_FILE
    if file.is_file():
        return file.read_text(encoding="utf-8")
    is_unique = TIME_STAMP.match(folder.name) or (folder / "wandb").is_dir()  # of rnnlab 0.1
    return run_id(folder.name) + ("" if is_unique else f"-{secrets.token_hex(4)}")


def _session() -> Any:
    """Return the W&B settings of this process; the first call reads the environment.

    Error reports to W&B are off by default (WANDB_ERROR_REPORTING): with an invalid key they fail,
    each with an error in our log.
    """
    import wandb

    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    return wandb.setup(wandb.Settings(silent=True)).settings


def _drop_service() -> None:
    """Stop W&B's service process, which may be dead; the next run starts a new one."""
    import wandb

    with suppress(ConnectionError):
        wandb.teardown()


def _effective_mode(mode: Mode) -> str:
    """Return the mode of the setting, or a stricter one of WANDB_MODE or `wandb offline`."""
    session_mode = _session().mode
    if session_mode == "disabled":
        return "disabled"
    return "offline" if session_mode in {"offline", "dryrun"} else mode


def _missing_key() -> str:
    """Return why there is no API key; empty if W&B finds one."""
    import wandb

    try:
        if wandb.login(prompt=False, verify=False):
            return ""
    except wandb.errors.AuthenticationError as error:
        return _reason(error)
    return "no API key was found (`wandb login` or WANDB_API_KEY gives one)"


def _no_answer(seconds: float) -> str:
    """Return a message if the W&B server does not answer within this time; empty if it does."""
    url = _session().base_url
    query = json.dumps({"query": "{ __typename }"}).encode()
    if not probe(f"{url}/graphql", seconds, query):
        return ""
    return f"{url} does not answer (asked for at most {seconds:g} s)"


def _reason(error: Exception) -> str:
    """Return the first line of an error without its full stop, or what each setting must be."""
    if details := getattr(error, "errors", None):  # of pydantic
        return "; ".join(f"{'.'.join(map(str, d['loc']))}: {d['msg']}" for d in details())
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
