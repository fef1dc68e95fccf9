"""Internals of a trained network, drawn for some test sequences."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from rnnlab.models import RecurrentModel
from rnnlab.plots import internals as plots
from rnnlab.spec import Batch
from rnnlab.tasks import Encoding

NUM_SEQUENCES = 8
NUM_STEPS = 30  # preferred length; as many words are readable


def save_internals(
    model: RecurrentModel, batch: Batch, names: Sequence[str], folder: Path
) -> list[Path]:
    """Save figures of states and gates of one sequence, of attention, and of gradients.

    Uses evaluation mode, so that nothing is random. The names are those of DataModule.input_names.
    """
    with evaluation_mode(model):
        batch = model.transfer_batch_to_device(batch, model.device, 0)
        files = [plot_states(model, batch, names, folder / "internals.png")]
        files += plot_attention(model, batch, names, folder)
        profile = compute_gradient_profile(model, batch)
        return [*files, plots.draw_gradient_profile(profile, folder / "gradient_profile.png")]


@contextmanager
def evaluation_mode(model: RecurrentModel) -> Iterator[None]:
    """Switch to evaluation mode, without cuDNN, whose kernels have no gradients in this mode."""
    training = model.training
    model.eval()
    with torch.backends.cudnn.flags(enabled=False):
        yield
    model.train(training)


@torch.no_grad()
def plot_states(model: RecurrentModel, batch: Batch, names: Sequence[str], path: Path) -> Path:
    """Draw `RecurrentModel.internals` of the longest sequence."""
    i = int(batch.lengths.argmax())
    internals = model.internals(batch).items()
    states = {name: values[i].float().cpu().numpy() for name, values in internals}
    tokens, values = select_inputs(batch, i, names)
    return plots.draw_state_maps(states, tokens, values, path)


@torch.no_grad()
def plot_attention(
    model: RecurrentModel, batch: Batch, names: Sequence[str], folder: Path
) -> list[Path]:
    """Draw the attention of the architecture and of the task's pooling, where there is one."""
    outputs, state = model(model.task.embed(batch.inputs), batch.lengths)
    encoding = Encoding(outputs, batch.lengths, state)
    places = attention_weights(model, encoding, batch)
    if not places:
        return []
    captions = model.task.captions(model.task.predict(encoding, batch), batch)
    files = []
    for place, weights in places.items():
        shares = weights.float().cpu().numpy()
        rows = [
            (captions[i], select_inputs(batch, i, names)[0], shares[i, :length])
            for i, length in enumerate(batch.lengths.tolist())
        ]
        files.append(plots.draw_attention_weights(rows, folder / f"attention_{place}.png"))
    return files


def attention_weights(model: RecurrentModel, encoding: Encoding, batch: Batch) -> dict[str, Tensor]:
    """Return the weights (B, T) of each part of the network that has attention."""
    places = {"layers": model.attention(batch), "pooling": model.task.attention(encoding)}
    return {place: weights for place, weights in places.items() if weights is not None}


def select_inputs(
    batch: Batch, i: int, names: Sequence[str]
) -> tuple[list[str], Mapping[str, list[float]]]:
    """Return the tokens of a sequence, or its values by feature; the other is empty."""
    valid = batch.inputs[i, : int(batch.lengths[i])].cpu()
    labels = dict(enumerate(names))
    if valid.ndim == 1:
        return [labels.get(token, str(token)) for token in valid.tolist()], {}
    columns = enumerate(valid.T.tolist())
    return [], {labels.get(k, f"feature {k}"): column for k, column in columns}


def compute_gradient_profile(model: RecurrentModel, batch: Batch) -> dict[str, list[float]]:
    """Return the norm of gradients 0, 1, 2 ... steps before the last one.

    With vanishing gradients it falls, and early inputs cannot be learned (Hochreiter, 1991; Bengio
    et al., 1994; Pascanu et al., 2013, https://arxiv.org/abs/1211.5063).

    The parameters of the model get no gradient.

    Returns:
        `loss`: of the task's loss with respect to the inputs of the architecture, the mean of
        |d loss / d x_t| over the sequences; and `last output`: the same of the last valid output,
        an estimate of the size of its Jacobian |d h_T / d x_t| by random signs.
    """
    features = model.task.embed(batch.inputs).detach().requires_grad_()  # (B, T, D)
    outputs, state = model(features, batch.lengths)
    encoding = Encoding(outputs, batch.lengths, state)
    loss = model.task.loss(model.task.predict(encoding, batch), batch) * len(batch.inputs)
    last = outputs[torch.arange(len(outputs)), batch.lengths.clamp(max=outputs.shape[1]) - 1]
    signs = torch.randint(0, 2, last.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    targets = {"loss": loss, "last output": (last * signs.to(last)).sum()}
    return {
        name: norms_from_end(torch.autograd.grad(target, features, retain_graph=True)[0], batch)
        for name, target in targets.items()
    }


def norms_from_end(gradient: Tensor, batch: Batch) -> list[float]:
    """Return norms of (B, T, D) over D, as means over the sequences, from their last steps on."""
    norms = gradient.double().norm(dim=2).cpu()  # (B, T)
    longest = int(batch.lengths.max())
    reversed_norms = [
        row[: int(length)].flip(0) for row, length in zip(norms, batch.lengths, strict=True)
    ]
    return [
        float(torch.stack([row[k] for row in reversed_norms if len(row) > k]).mean())
        for k in range(longest)
    ]
