"""Pictures of what goes on inside a network. Each function draws one file and returns its path."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnlab.plots import figures
from rnnlab.plots.figures import BLUE, GREY, ORANGE, RED

ROWS = 64  # features of a heat map
FULL = 4.0  # times an even share of the attention is the darkest shade
LINE = 140  # characters of a line of words
WIDEST = 60  # steps whose words are written below a heat map
LONGEST = 20  # characters of a word there

Panel = tuple[str, NDArray[Any]]


def states(
    values: Mapping[str, NDArray[Any]],
    tokens: Sequence[str],
    series: Mapping[str, Sequence[float]],
    path: Path,
) -> Path:
    """Heat maps of states and gates over the steps of one sequence, with what was read.

    The features are the ones of the first map that change most, in the order in which they are
    strongest; the same in all maps.

    Args:
        values: name -> (steps, H); the first one decides which features are drawn.
        tokens: what was read, if it was words.
        series: what was read by feature, if it was numbers.
        path: of the PNG.
    """
    steps = len(tokens) or len(next(iter(series.values())))
    maps = {name: rows[:steps] for name, rows in values.items()}
    chosen = in_order(next(iter(maps.values())))
    count = len(maps) + bool(series)
    width = min(max(7.0, 2.5 + 0.2 * steps), 14.0)
    made, axes = figures.create_figure(count, 1, width, 2.1 * count + 0.8)
    panels = list(axes[:, 0])
    if series:
        _draw_series(panels.pop(0), series)
    for axis, (name, rows) in zip(panels, maps.items(), strict=True):
        _heat_map(made, axis, name, rows[:, chosen].T)
    _name_steps(axes[-1, 0], tokens, maps)
    return figures.save_figure(made, path)


def in_order(rows: NDArray[Any]) -> NDArray[Any]:
    """Which features to draw: those that change most, by the step at which they are strongest.

    >>> in_order(np.array([[0.0, 9.0], [1.0, 0.0], [0.0, 0.0]])).tolist()
    [1, 0]
    """
    changing = np.argsort(-rows.std(axis=0), kind="stable")[:ROWS]
    strongest = np.abs(rows[:, changing]).argmax(axis=0)
    ordered: NDArray[Any] = changing[np.argsort(strongest, kind="stable")]
    return ordered


def _heat_map(made: Any, axis: Any, name: str, rows: NDArray[Any]) -> None:
    """Values in 0..1 from white to blue, those of both signs from blue to red."""
    signed = rows.min() < 0
    top = max(float(np.abs(rows).max()), 1e-9)
    colours = {"cmap": "RdBu_r", "vmin": -top, "vmax": top} if signed else {"cmap": "Blues"}
    scale = colours if signed else {**colours, "vmin": 0, "vmax": max(top, 1.0)}
    image = axis.imshow(rows, aspect="auto", interpolation="nearest", **scale)
    made.colorbar(image, ax=axis, pad=0.01, fraction=0.04)
    axis.set(ylabel=name)
    axis.set_yticks([])
    axis.set_xticks([])


def _draw_series(axis: Any, series: Mapping[str, Sequence[float]]) -> None:
    colours = (BLUE, ORANGE, GREY, RED)
    for (name, values), colour in zip(series.items(), colours, strict=False):
        axis.plot(values, label=name, linewidth=1, color=colour)
    axis.set(ylabel="read", xlim=(-0.5, len(next(iter(series.values()))) - 0.5))
    axis.set_xticks([])
    axis.legend(frameon=False, fontsize="small", loc="upper left", ncols=len(colours))


def _name_steps(axis: Any, tokens: Sequence[str], maps: Mapping[str, NDArray[Any]]) -> None:
    """Words below the last map, or the number of the step where there are none, or too many."""
    steps = len(next(iter(maps.values())))
    if len(tokens) == steps <= WIDEST:
        upright = max(map(len, tokens)) > 1
        style = {"rotation": 90 if upright else 0, "fontsize": 9, "parse_math": False}
        axis.set_xticks(range(steps), [token[:LONGEST] for token in tokens], **style)
    else:
        places = np.unique(np.linspace(0, steps - 1, min(steps, 11)).astype(int))
        axis.set_xticks(places, places + 1)
        axis.set_xlabel("step")


def attention(rows: Sequence[tuple[str, Sequence[str], NDArray[Any]]], path: Path) -> Path:
    """How much of each step was seen: words with a background, or lines over the steps of series.

    Args:
        rows: a caption, words (none for series) and weights (steps,) of each sequence.
        path: of the PNG.
    """
    return _words(rows, path) if rows[0][1] else _strips(rows, path)


def _words(rows: Sequence[tuple[str, Sequence[str], NDArray[Any]]], path: Path) -> Path:
    """As running text, where texts can be compared: a pale word has an even share, 1 / steps."""
    texts = [(caption, in_lines(words), weights) for caption, words, weights in rows]
    height = sum(len(lines) + 2 for _, lines, _ in texts)
    made, axes = figures.create_figure(1, 1, 11, 0.2 * height + 0.5)
    axis, y = axes[0, 0], 0
    style: dict[str, Any] = {"va": "center", "fontsize": 9, "parse_math": False}
    for caption, lines, weights in texts:
        axis.text(0, y + 0.5, caption, color=BLUE, weight="bold", **style)
        seen = iter(in_shares(weights) / FULL)
        for line in lines:
            y += 1
            shades = [(0.88, 0.54, 0.12, min(float(next(seen)), 1.0)) for _ in line]
            spans = [(x - 0.3, len(word) + 0.6) for x, word in line]
            axis.broken_barh(spans, (y + 0.05, 0.9), facecolors=shades)
            for x, word in line:
                axis.text(x, y + 0.5, word, family="monospace", **style)
        y += 2
    axis.set(xlim=(-1, LINE + 1), ylim=(y, -0.2))
    axis.set_title(f"where the network looked: pale, an even share; dark, {FULL:g} times as much")
    axis.set_axis_off()
    return figures.save_figure(made, path)


def in_shares(weights: NDArray[Any]) -> NDArray[Any]:
    """Weights in even shares: 1 where a step has 1 / steps.

    >>> in_shares(np.array([0.25, 0.75])).tolist()
    [0.5, 1.5]
    """
    shares: NDArray[Any] = weights * len(weights) / max(float(weights.sum()), 1e-9)
    return shares


def in_lines(words: Sequence[str], width: int = LINE) -> list[list[tuple[int, str]]]:
    """Words with their first column, in lines of so many characters.

    >>> in_lines(["one", "two", "three"], width=8)
    [[(0, 'one'), (4, 'two')], [(0, 'three')]]
    """
    lines: list[list[tuple[int, str]]] = [[]]
    column = 0
    for word in words:
        shown = word[:width]
        if column and column + len(shown) > width:
            lines.append([])
            column = 0
        lines[-1].append((column, shown))
        column += len(shown) + 1
    return lines


def _strips(rows: Sequence[tuple[str, Sequence[str], NDArray[Any]]], path: Path) -> Path:
    """A row for each series, aligned at the last step."""
    longest = max(len(weights) for *_, weights in rows)
    cells = np.full((len(rows), longest), np.nan)
    for i, (*_, weights) in enumerate(rows):
        cells[i, longest - len(weights) :] = in_shares(weights)
    made, axes = figures.create_figure(1, 1, 11, 0.28 * len(rows) + 1.6)
    axis = axes[0, 0]
    extent = (-longest + 0.5, 0.5, len(rows) - 0.5, -0.5)
    image = axis.imshow(cells, aspect="auto", cmap="Blues", vmin=0, vmax=FULL, extent=extent)
    made.colorbar(image, ax=axis, label="weight, in even shares", pad=0.01)
    axis.set_yticks(range(len(rows)), [caption for caption, *_ in rows], fontsize=8)
    axis.set(xlabel="step, counted from the last one", title="where the network looked")
    return figures.save_figure(made, path)


def gradient_profile(profile: Mapping[str, Sequence[float]], path: Path) -> Path:
    """How large gradients are at each step, on a logarithmic scale; the last step stands right.

    Args:
        profile: what the gradient is of -> its norm 0, 1, 2 .. steps before the last one.
        path: of the PNG.
    """
    made, axes = figures.create_figure(1, 1, 7, 4)
    axis = axes[0, 0]
    styles = {"last output": (BLUE, "|d last output / d x|"), "loss": (ORANGE, "|d loss / d x|")}
    for name, norms in profile.items():
        colour, label = styles.get(name, (GREY, name))
        sizes = np.array([norm if norm > 0 else np.nan for norm in norms])
        axis.plot(-np.arange(len(norms)), sizes, color=colour, label=label)
    axis.set_yscale("log")
    axis.set(xlabel="step, counted from the last one", title="how far gradients reach back")
    axis.legend(frameon=False)
    return figures.save_figure(made, path)
