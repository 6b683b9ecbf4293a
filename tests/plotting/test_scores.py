"""Confusion matrices and training curves show the numbers they are given."""

import io

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from seisdream.plotting.panels import write_figure
from seisdream.plotting.scores import draw_confusion, draw_history

pytestmark = pytest.mark.drawn

HISTORY = [
    {"step": 10 * step, "loss": 2.0 / step, "learning_rate": 1e-3 / step, "mean_iou": 1 - 1 / step,
     "pixel_accuracy": 1 - 0.5 / step}
    for step in range(1, 9)
]  # fmt: skip


def texts_of(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def pixels_of(figure):
    file = io.BytesIO()
    write_figure(figure, file, dpi=80)
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def test_cells_are_percent_of_the_true_class():
    figure = draw_confusion(np.array([[3, 1, 0], [0, 0, 0], [1, 0, 499]]), ("sand", "shale", "salt"), title="x on y")
    axes = figure.axes[0]
    assert texts_of(figure) == ["75", "25", "<1", "100"], "zeros are not printed"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["sand", "shale", "salt"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["sand  (4)", "shale  (0)", "salt  (500)"]
    shares = axes.images[0].get_array()
    assert shares[0].tolist() == [75, 25, 0]
    assert shares.mask[1].all(), "a class without samples has no shares"
    assert figure.get_suptitle() == "x on y"


def test_counts_and_long_names_are_shortened():
    figure = draw_confusion(np.diag([1_234_567, 2_000]), ("Formation of the very lower north sea 1", "b"))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert "…" in labels[0]
    assert labels[0].endswith("sea 1  (1.23M)")
    assert len(labels[0]) < 36


@pytest.mark.parametrize("n_classes", [2, 10, 20])
def test_numbers_fit_their_cells_and_names_do_not_overlap(n_classes):
    rng = np.random.default_rng(0)
    figure = draw_confusion(
        rng.integers(0, 99, (n_classes, n_classes)), [f"class number {i}" for i in range(n_classes)]
    )
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    axes = figure.axes[0]
    cell = axes.get_window_extent(renderer).width / n_classes
    assert max(text.get_window_extent(renderer).width for text in axes.texts) < cell
    assert max(text.get_window_extent(renderer).height for text in axes.get_yticklabels()) < cell
    page = figure.bbox
    for text in (*axes.get_xticklabels(), *axes.get_yticklabels(), figure.axes[1].yaxis.label):
        box = text.get_window_extent(renderer)
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert page.y0 <= box.y0
        assert box.y1 <= page.y1


def test_dollar_signs_are_not_mathematics():
    assert pixels_of(draw_confusion(np.eye(2), ("$x_", "b$"), title="$ on _^")).std() > 0


def test_curves_show_the_history():
    figure = draw_history(HISTORY, title="facies")
    lines = {line.get_label(): line for axes in figure.axes for line in axes.get_lines()}
    assert {"loss", "learning rate", "mean IoU", "pixel accuracy"} <= set(lines)
    assert list(lines["loss"].get_ydata()) == [row["loss"] for row in HISTORY]
    assert list(lines["mean IoU"].get_xdata()) == [row["step"] for row in HISTORY]
    assert figure.axes[1].get_title(loc="right") == "best mean IoU 0.875"


@pytest.mark.parametrize("history", [[], HISTORY[:1], [{**HISTORY[0], "mean_iou": float("nan")}]])
def test_short_histories_are_drawn(history):
    assert pixels_of(draw_history(history)).std() > 0


def test_the_same_numbers_give_the_same_picture():
    assert np.array_equal(pixels_of(draw_history(HISTORY)), pixels_of(draw_history(HISTORY)))
