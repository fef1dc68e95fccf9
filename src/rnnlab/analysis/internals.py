"""What goes on inside a trained network, drawn for some sequences that it was tested on."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from rnnlab.models import RecurrentModel
from rnnlab.plots import internals as inside_plots
from rnnlab.spec import Batch
from rnnlab.tasks import Encoded

SEQUENCES = 8  # that are looked at
STEPS = 30  # of them, about; so many words can still be read


def draw(model: RecurrentModel, batch: Batch, names: Sequence[str], folder: Path) -> list[Path]:
    """States and gates of one sequence, attention over some, and gradients of all; as PNGs.

    Reads the batch in evaluation, so that nothing is drawn by lot.

    Args:
        model: trained.
        batch: some sequences.
        names: of tokens or features; see DataModule.input_names.
        folder: of the run.
    """
    with looked_at(model):
        batch = model.transfer_batch_to_device(batch, model.device, 0)
        files = [draw_states(model, batch, names, folder / "insides.png")]
        files += draw_attention(model, batch, names, folder)
        profile = gradient_profile(model, batch)
        return [*files, inside_plots.gradient_profile(profile, folder / "gradient_profile.png")]


@contextmanager
def looked_at(model: RecurrentModel) -> Iterator[None]:
    """In evaluation; by kernels that give gradients in evaluation too, which cuDNN's do not."""
    training = model.training
    model.eval()
    with torch.backends.cudnn.flags(enabled=False):
        yield
    model.train(training)


@torch.no_grad()
def draw_states(model: RecurrentModel, batch: Batch, names: Sequence[str], path: Path) -> Path:
    """`RecurrentModel.insides` of the longest sequence."""
    i = int(batch.lengths.argmax())
    states = {
        name: values[i].float().cpu().numpy() for name, values in model.internals(batch).items()
    }
    tokens, values = read(batch, i, names)
    return inside_plots.states(states, tokens, values, path)


@torch.no_grad()
def draw_attention(
    model: RecurrentModel, batch: Batch, names: Sequence[str], folder: Path
) -> list[Path]:
    """Where the architecture looks, and where the pooling of its task does; none for others."""
    outputs, state = model(model.task.embed(batch.inputs), batch.lengths)
    encoded = Encoded(outputs, batch.lengths, state)
    places = attentions(model, encoded, batch)
    if not places:
        return []
    captions = model.task.captions(model.task.predict(encoded, batch), batch)
    files = []
    for place, weights in places.items():
        rows = [
            (captions[i], read(batch, i, names)[0], weights[i, :length].float().cpu().numpy())
            for i, length in enumerate(batch.lengths.tolist())
        ]
        files.append(inside_plots.attention(rows, folder / f"attention_{place}.png"))
    return files


def attentions(model: RecurrentModel, encoded: Encoded, batch: Batch) -> dict[str, Tensor]:
    """The weights (B, T) of each place that weighs steps."""
    places = {"layers": model.attention(batch), "pooling": model.task.attention(encoded)}
    return {place: weights for place, weights in places.items() if weights is not None}


def read(batch: Batch, i: int, names: Sequence[str]) -> tuple[list[str], Mapping[str, list[float]]]:
    """The tokens of a sequence, or its values by feature; the other is empty."""
    valid = batch.inputs[i, : int(batch.lengths[i])].cpu()
    if valid.ndim == 1:
        known = dict(enumerate(names))
        return [known.get(int(token), str(int(token))) for token in valid], {}
    features = dict(enumerate(names))
    columns = enumerate(valid.T.tolist())
    return [], {features.get(k, f"feature {k}"): column for k, column in columns}


def gradient_profile(model: RecurrentModel, batch: Batch) -> dict[str, list[float]]:
    """How far gradients reach back in time: their norm at the step 0, 1, 2 .. before the last one.

    Vanishing gradients are a line that falls: what stood early cannot be learned (Hochreiter, 1991;
    Bengio et al., 1994; Pascanu et al., 2013, https://arxiv.org/abs/1211.5063).

    Args:
        model: any; its parameters get no gradient.
        batch: of at least one sequence.

    Returns:
        `loss`: of the task's loss in what enters the architecture, the mean over the sequences of
        |d loss / d x_t|; and `last output`: the same of the last valid output, an estimate of the
        size of its Jacobian |d h_T / d x_t| by random signs.
    """
    entered = model.task.embed(batch.inputs).detach().requires_grad_()  # (B, T, D)
    outputs, state = model(entered, batch.lengths)
    encoded = Encoded(outputs, batch.lengths, state)
    loss = model.task.loss(model.task.predict(encoded, batch), batch) * len(batch.inputs)
    last = outputs[torch.arange(len(outputs)), batch.lengths.clamp(max=outputs.shape[1]) - 1]
    signs = torch.randint(0, 2, last.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    targets = {"loss": loss, "last output": (last * signs.to(last)).sum()}
    return {
        name: from_the_end(torch.autograd.grad(target, entered, retain_graph=True)[0], batch)
        for name, target in targets.items()
    }


def from_the_end(gradient: Tensor, batch: Batch) -> list[float]:
    """Norms of (B, T, D) over D, as means over the sequences, counted from their last steps."""
    norms = gradient.double().norm(dim=2).cpu()  # (B, T)
    longest = int(batch.lengths.max())
    turned = [row[: int(length)].flip(0) for row, length in zip(norms, batch.lengths, strict=True)]
    return [
        float(torch.stack([row[k] for row in turned if len(row) > k]).mean())
        for k in range(longest)
    ]
