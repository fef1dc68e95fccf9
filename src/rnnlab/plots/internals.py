"""Figures of the internals of a network. Each function draws one file and returns its path."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.plots import figures
from rnnlab.plots.figures import BLUE, GREY, LINE_COLOURS, ORANGE, shorten_name

MAX_FEATURES = 64  # of a heat map
DARKEST_SHARE = 4.0  # multiple of an even share of the attention with the darkest shade
LINE_WIDTH = 140  # characters of a line of words
MAX_NAMED_STEPS = 60  # with words below a heat map
MAX_WORD_LENGTH = 20  # of a word there


def draw_state_maps(
    values: Mapping[str, NDArray[Any]],
    tokens: Sequence[str],
    series: Mapping[str, Sequence[float]],
    path: Path,
) -> Path:
    """Draw heat maps of states and gates over the steps of one sequence, with its inputs.

    All maps have the features that change most in the first map, in the order of the steps at which
    they are largest.

    Args:
        values: name -> (steps, H); the first one selects the features.
        tokens: inputs, if they are words.
        series: feature -> inputs, if they are numbers.
        path: of the PNG.
    """
    steps = len(tokens) or len(next(iter(series.values())))
    maps = {name: rows[:steps] for name, rows in values.items()}
    features = select_features(next(iter(maps.values())))
    count = len(maps) + bool(series)
    width = min(max(7.0, 2.5 + 0.2 * steps), 14.0)
    figure, axes = figures.create_figure(count, 1, width, 2.1 * count + 0.8)
    panels = list(axes[:, 0])
    if series:
        _draw_series(panels.pop(0), series)
    for axis, (name, rows) in zip(panels, maps.items(), strict=True):
        _heat_map(figure, axis, name, rows[:, features].T)
    _name_steps(axes[-1, 0], tokens, maps)
    return figures.save_figure(figure, path)


def select_features(rows: NDArray[Any]) -> NDArray[Any]:
    """Return the features that change most, in the order of the steps of their largest values.

    >>> select_features(np.array([[0.0, 9.0], [1.0, 0.0], [0.0, 0.0]])).tolist()
    [1, 0]
    """
    changing = np.argsort(-rows.std(axis=0), kind="stable")[:MAX_FEATURES]
    peaks = np.abs(rows[:, changing]).argmax(axis=0)
    features: NDArray[Any] = changing[np.argsort(peaks, kind="stable")]
    return features


def _heat_map(figure: Any, axis: Any, name: str, rows: NDArray[Any]) -> None:
    """Draw values in 0..1 from white to blue, and values of both signs from blue to red."""
    has_negative = rows.min() < 0
    top = max(float(np.abs(rows).max()), 1e-9)
    colours = {"cmap": "RdBu_r", "vmin": -top, "vmax": top} if has_negative else {"cmap": "Blues"}
    scale = colours if has_negative else {**colours, "vmin": 0, "vmax": max(top, 1.0)}
    image = axis.imshow(rows, aspect="auto", interpolation="nearest", **scale)
    figure.colorbar(image, ax=axis, pad=0.01, fraction=0.04)
    axis.set(ylabel=name)
    axis.set_yticks([])
    axis.set_xticks([])


def _draw_series(axis: Any, series: Mapping[str, Sequence[float]]) -> None:
    colours = (BLUE, ORANGE, *LINE_COLOURS[1:])
    for (name, values), colour in zip(series.items(), colours, strict=False):
        axis.plot(values, label=shorten_name(name), linewidth=1, color=colour)
    part = f" ({len(colours)} of {len(series)})" if len(series) > len(colours) else ""
    axis.set(ylabel=f"input{part}", xlim=(-0.5, len(next(iter(series.values()))) - 0.5))
    axis.set_xticks([])
    axis.legend(frameon=False, fontsize="small", loc="upper left", ncols=4)


def _name_steps(axis: Any, tokens: Sequence[str], maps: Mapping[str, NDArray[Any]]) -> None:
    """Label the steps by their words, or by their numbers where there are none or too many."""
    steps = len(next(iter(maps.values())))
    if len(tokens) == steps <= MAX_NAMED_STEPS:
        upright = max(map(len, tokens)) > 1
        style = {"rotation": 90 if upright else 0, "fontsize": 9}
        words = [shorten_name(token, MAX_WORD_LENGTH) for token in tokens]
        axis.set_xticks(range(steps), words, **style)
    else:
        places = np.unique(np.linspace(0, steps - 1, min(steps, 11)).astype(int))
        axis.set_xticks(places, places + 1)
        axis.set_xlabel("step")


def draw_attention_weights(
    rows: Sequence[tuple[str, Sequence[str], NDArray[Any]]], path: Path
) -> Path:
    """Draw the weight of each step: shaded words, or a heat map for series.

    Each row holds a caption, words (none for series) and weights (steps,) of a sequence.
    """
    return _draw_words(rows, path) if rows[0][1] else _draw_strips(rows, path)


def _draw_words(rows: Sequence[tuple[str, Sequence[str], NDArray[Any]]], path: Path) -> Path:
    """Draw running text; a pale word has an even share of the weights, 1 / steps."""
    texts = [(caption, wrap_words(words), weights) for caption, words, weights in rows]
    height = sum(len(lines) + 2 for _, lines, _ in texts)
    figure, axes = figures.create_figure(1, 1, 11, 0.2 * height + 0.5)
    axis, y = axes[0, 0], 0
    style: dict[str, Any] = {"va": "center", "fontsize": 9}
    for caption, lines, weights in texts:
        axis.text(0, y + 0.5, caption, color=BLUE, weight="bold", **style)
        shares = iter(even_shares(weights) / DARKEST_SHARE)
        for line in lines:
            y += 1
            shades = [(0.88, 0.54, 0.12, min(float(next(shares)), 1.0)) for _ in line]
            spans = [(x - 0.3, len(word) + 0.6) for x, word in line]
            axis.broken_barh(spans, (y + 0.05, 0.9), facecolors=shades)
            for x, word in line:
                axis.text(x, y + 0.5, word, family="monospace", **style)
        y += 2
    axis.set(xlim=(-1, LINE_WIDTH + 1), ylim=(y, -0.2))
    axis.set_title(f"attention weights: pale, an even share; dark, {DARKEST_SHARE:g} times as much")
    axis.set_axis_off()
    return figures.save_figure(figure, path)


def even_shares(weights: NDArray[Any]) -> NDArray[Any]:
    """Return weights as multiples of an even share: 1 where a step has 1 / steps.

    >>> even_shares(np.array([0.25, 0.75])).tolist()
    [0.5, 1.5]
    """
    shares: NDArray[Any] = weights * len(weights) / max(float(weights.sum()), 1e-9)
    return shares


def wrap_words(words: Sequence[str], width: int = LINE_WIDTH) -> list[list[tuple[int, str]]]:
    """Return lines of words of at most `width` characters, each word with its first column.

    >>> wrap_words(["one", "two", "three"], width=8)
    [[(0, 'one'), (4, 'two')], [(0, 'three')]]
    """
    lines: list[list[tuple[int, str]]] = [[]]
    column = 0
    for word in words:
        part = word[:width]
        if column and column + len(part) > width:
            lines.append([])
            column = 0
        lines[-1].append((column, part))
        column += len(part) + 1
    return lines


def _draw_strips(rows: Sequence[tuple[str, Sequence[str], NDArray[Any]]], path: Path) -> Path:
    """Draw a row for each series, aligned at the last step."""
    longest = max(len(weights) for *_, weights in rows)
    cells = np.full((len(rows), longest), np.nan)
    for i, (*_, weights) in enumerate(rows):
        cells[i, longest - len(weights) :] = even_shares(weights)
    figure, axes = figures.create_figure(1, 1, 11, 0.28 * len(rows) + 1.6)
    axis = axes[0, 0]
    extent = (-longest + 0.5, 0.5, len(rows) - 0.5, -0.5)
    image = axis.imshow(
        cells, aspect="auto", cmap="Blues", vmin=0, vmax=DARKEST_SHARE, extent=extent
    )
    figure.colorbar(image, ax=axis, label="weight, in even shares", pad=0.01)
    axis.set_yticks(
        range(len(rows)), [shorten_name(caption, 48) for caption, *_ in rows], fontsize=8
    )
    axis.set(xlabel="step, counted from the last one", title="attention weights")
    return figures.save_figure(figure, path)


def draw_gradient_profile(profile: Mapping[str, Sequence[float]], path: Path) -> Path:
    """Draw the norm of gradients at each step on a logarithmic scale, the last step on the right.

    `profile` holds the norms of the gradient of each output 0, 1, 2 ... steps before the last one.
    """
    figure, axes = figures.create_figure(1, 1, 7, 4)
    axis = axes[0, 0]
    styles = {"last output": (BLUE, "|d last output / d x|"), "loss": (ORANGE, "|d loss / d x|")}
    for name, norms in profile.items():
        colour, label = styles.get(name, (GREY, name))
        sizes = np.array([norm if norm > 0 else np.nan for norm in norms])
        axis.plot(-np.arange(len(norms)), sizes, color=colour, label=label)
    axis.set_yscale("log")
    axis.set(xlabel="step, counted from the last one", title="gradients by step")
    axis.legend(frameon=False)
    return figures.save_figure(figure, path)
