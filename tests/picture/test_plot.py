"""Line plots: where points stand, ticks that are round, gaps, and names that don't lie upon each other."""

import itertools
import math

import numpy as np
import pytest

from phosphene.picture import Polyline, Text, line_plot, rasterise
from phosphene.picture.plot import ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.5, 1]),
        (0, 40, [0, 10, 20, 30, 40]),
        (-3, 17, [-5, 0, 5, 10, 15, 20]),
        (2, 2, [2, 2.5, 3, 3.5, 4]),
        (0, 0, [0, 0.5, 1]),
    ],
)
def test_ticks_are_round_and_hold_the_values(low, high, expected):
    found = ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert len(found) <= 6
    steps = {round(b - a, 9) for a, b in itertools.pairwise(found)}
    assert len(steps) == 1
    mantissa = steps.pop()
    assert round(mantissa / 10 ** math.floor(math.log10(mantissa)), 6) in (1, 2, 5)
    if expected is not None and low != high and low != 0:
        assert found == expected


def points(drawing):
    return [mark.points for mark in drawing.marks if isinstance(mark, Polyline)]


def test_points_lie_where_their_values_do():
    (line,) = points(line_plot([[0, 1, 4]], start=1))
    (x0, y0), (x1, y1), (x2, y2) = line
    assert x1 - x0 == pytest.approx(x2 - x1)
    assert (y0 - y1) * 4 == pytest.approx(y0 - y2)
    assert y0 > y1 > y2


def test_what_is_not_finite_leaves_a_gap():
    lines = points(line_plot([[0, 1, float("nan"), 2, 3, float("inf"), 1]]))
    assert [len(line) for line in lines] == [2, 2]


def test_names_at_the_same_height_are_moved_apart():
    drawing = line_plot([[0, 1], [0, 1], [0, 0.99]], ["one", "two", "three"])
    heights = sorted(
        mark.y for mark in drawing.marks if isinstance(mark, Text) and mark.string in {"one", "two", "three"}
    )
    assert all(b - a >= 12 for a, b in itertools.pairwise(heights))


@pytest.mark.parametrize("series", [[], [[]], [[3.0]], [[float("nan")] * 3], [[5.0, 5.0]]])
def test_little_data_is_still_drawn(series):
    drawing = line_plot(series, across="step", up="score")
    pixels = np.asarray(rasterise(drawing).convert("L"))
    assert pixels.shape[1] >= 420
    assert len(np.unique(pixels)) > 2
