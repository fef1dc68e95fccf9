"""Networks as the processors of the data use them."""

import torch

from rnnlab.data.processors.base import SentenceSearch
from rnnlab.errors import ConfigError, about_file
from rnnlab.models import RecurrentModel
from rnnlab.report.folder import RunFolder
from rnnlab.spec import Batch
from rnnlab.tasks import Task, Translation

USES = {  # name of a task -> what to type with a run of it; `predict` for others
    "language_modeling": 'generate {folder} --prompt "..."',
    "translation": 'translate {folder} "..."',
}


def find_search(model: RecurrentModel) -> SentenceSearch | None:
    """Return the beam search of a network that translates, None for another one."""
    task = model.task
    if not isinstance(task, Translation):
        return None

    def search(batch: Batch, beam_size: int, n_best: int) -> list[list[tuple[list[int], float]]]:
        batch = model.transfer_batch_to_device(batch, model.device, 0)
        with torch.inference_mode():
            best = task.search(model.encode(batch), beam_size, n_best)
        return [[(one.tokens.tolist(), one.score) for one in row] for row in best]

    return search


def reject_task(folder: RunFolder, task: Task, message: str) -> ConfigError:
    """Return an error about a run of another task, with the command that uses it."""
    command = USES.get(task.name, "predict {folder} <file>").format(folder=folder.path)
    reason = f"is a run of task={task.name}, which {message}. What it does: rnnlab {command}"
    return ConfigError(about_file(folder.path, reason))
