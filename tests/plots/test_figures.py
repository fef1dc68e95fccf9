"""Saving of figures."""

from pathlib import Path

from rnnlab.plots.figures import caption, create_figure, save_figure


def test_a_figure_names_the_run_that_saves_it(tmp_path: Path) -> None:
    figures = [create_figure(1, 1, 3, 2)[0] for _ in range(2)]
    with caption("sine-gru, model=gru,seed=1 $x"):
        save_figure(figures[0], tmp_path / "named.png")
    save_figure(figures[1], tmp_path / "plain.png")
    assert figures[0].get_supxlabel() == r"sine-gru, model=gru,seed=1 \$x"
    assert figures[1].get_supxlabel() == ""
    assert (tmp_path / "named.png").stat().st_size > (tmp_path / "plain.png").stat().st_size
