"""Saving of figures."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from rnnlab.plots import classification, data, forecasting, internals, translation
from rnnlab.plots.figures import MAX_LINE_LENGTH, caption, create_figure, save_figure

HOSTILE_NAMES = [
    *("$", "$10_$20", "[/b]", "<script>alert(1)</script>", "\u202emirrored \u200f", "\U0001f642"),
    *("\x1b[31mred", "two\nlines", r"\frac{", "x" * 300),
]
N = len(HOSTILE_NAMES)
SERIES = np.linspace(0, 1, N * 4).reshape(4, N)


def draw_series(path: Path) -> None:
    examples = [data.SeriesExample(HOSTILE_NAMES[1], SERIES, SERIES)]
    data.draw_series_examples(examples, HOSTILE_NAMES[1:4], path)


def draw_moments(path: Path) -> None:
    moments = SimpleNamespace(**dict.fromkeys(("mean", "std", "low", "high"), np.ones(N)))
    data.draw_value_ranges({"train": moments}, HOSTILE_NAMES, path)


def draw_forecasts(path: Path) -> None:
    examples = [{"history": SERIES[:, :1], "title": name, "label": name} for name in HOSTILE_NAMES]
    values = np.ones((N, 3, 1))
    baseline = (HOSTILE_NAMES[1], values)
    forecasting.draw_forecast_examples(
        examples, values, values, [], baseline, HOSTILE_NAMES[1], path
    )


FIGURES: list[Callable[[Path], Any]] = [
    lambda path: classification.draw_confusion_matrix(np.eye(N, dtype=int), HOSTILE_NAMES, path),
    lambda path: data.draw_class_balance({"train": np.arange(N)}, HOSTILE_NAMES, path),
    lambda path: data.draw_token_ranks({"train": np.arange(N, 0, -1)}, HOSTILE_NAMES, 0, path),
    lambda path: translation.draw_attention_maps([(HOSTILE_NAMES, HOSTILE_NAMES, np.eye(N))], path),
    lambda path: internals.draw_attention_weights([("$1$", HOSTILE_NAMES, np.ones(N))], path),
    lambda path: internals.draw_attention_weights(
        [(name, [], np.ones(3)) for name in HOSTILE_NAMES], path
    ),
    draw_series,
    draw_moments,
    draw_forecasts,
]


@pytest.mark.slow
@pytest.mark.parametrize("draw", FIGURES)
def test_names_of_users_are_drawn_as_they_are(
    draw: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures, write = list[Any](), FigureCanvasAgg.print_png
    monkeypatch.setattr(
        FigureCanvasAgg,
        "print_png",
        lambda canvas, path: [write(canvas, path), figures.append(canvas.figure)],
    )
    draw(tmp_path / "a.png")
    texts = figures[0].findobj(Text)
    assert [text for text in texts if text.get_text() and text.get_parse_math()] == []
    content = "\n".join(text.get_text() for text in texts)
    assert "$" in content
    assert not set("\x1b\u202e\u200f") & set(content)
    assert max(map(len, content.split("\n"))) <= MAX_LINE_LENGTH


def test_logarithmic_axes_keep_their_numbers(tmp_path: Path) -> None:
    figure, axes = create_figure(1, 1, 3, 2)
    axes[0, 0].loglog([1, 10, 1000], [0.001, 0.1, 1])
    save_figure(figure, tmp_path / "a.png")
    labels = [label.get_text() for label in axes[0, 0].get_xticklabels()]
    assert "100" in labels
    assert not any("$" in label for label in labels)


@pytest.mark.parametrize(("largest", "between"), [(100.0, {2.0, 5.0, 20.0, 50.0}), (1e5, set())])
def test_logarithmic_axes_have_few_ticks(
    largest: float, between: set[float], tmp_path: Path
) -> None:
    figure, axes = create_figure(1, 1, 3, 3)
    axes[0, 0].set(yscale="log", ylim=(1, largest))
    save_figure(figure, tmp_path / "a.png")
    ticks = axes[0, 0].get_yticks(minor=True)
    assert {round(tick) for tick in ticks if 1 <= tick <= largest} == between


def test_of_many_classes_those_of_the_most_confused_pairs_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = np.diag(np.full(1000, 5))
    counts[700, 3], counts[20, 900] = 4, 3
    assert set(classification.find_confused_classes(counts, 4).tolist()) == {3, 20, 700, 900}
    assert len(classification.find_confused_classes(counts)) == 30
    counts += np.random.default_rng(0).poisson(3, counts.shape)
    figures: list[Figure] = []
    save = "rnnlab.plots.figures.save_figure"
    monkeypatch.setattr(save, lambda figure, _: figures.append(figure))
    names = [f"class {i}" for i in range(1000)]
    classification.draw_confusion_matrix(counts, names, tmp_path / "a")
    (axis,) = figures[0].axes
    assert len(axis.texts) <= 30 * 30
    assert [len(axis.get_xticks()), len(axis.get_yticks())] == [30, 30]
    assert "30 of 1,000 classes" in axis.get_title()


def test_a_figure_names_the_run_that_saves_it(tmp_path: Path) -> None:
    figures = [create_figure(1, 1, 3, 2)[0] for _ in range(2)]
    with caption("sine-gru, model=gru,seed=1 $x"):
        save_figure(figures[0], tmp_path / "named.png")
    save_figure(figures[1], tmp_path / "plain.png")
    assert " ".join(figures[0].get_suptitle().split()) == "sine-gru, model=gru,seed=1 $x"
    assert figures[1].get_suptitle() == ""
    assert (tmp_path / "named.png").stat().st_size > (tmp_path / "plain.png").stat().st_size
