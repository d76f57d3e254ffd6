"""Charts: marks where their values are, words whole and apart, the same bytes twice, in both themes."""

import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.picture import (
    THEMES,
    Circle,
    Drawing,
    Line,
    Polygon,
    Polyline,
    Rect,
    Text,
    counted,
    rasterise,
    text_width,
    to_svg,
)  # fmt: skip
from phosphene.picture.chart import (
    Axis,
    Bars,
    Chart,
    Curve,
    Dots,
    Histogram,
    Points,
    Reference,
    Rug,
    over_steps,
)  # fmt: skip

RNG = np.random.default_rng(0)
STEPS = np.arange(1, 101)
NOISE = RNG.normal(size=(9, 100)).cumsum(1)
NAMES = ["ppca", "variational autoencoder", "flow", "a model with a name that is much too long for its place"]
CLOUD = RNG.normal(size=(5, 2, 30))

CHARTS = {
    "steps": lambda: over_steps(NOISE[:3], ["one", "two", "three"], up="layer4:17"),
    "one step": lambda: over_steps([[3.0]], up="score"),
    "falling": lambda: over_steps([np.exp(-STEPS / 4)], ["loss"], up="loss", log=True),
    "no values": lambda: over_steps([[np.nan] * 3], ["nothing"], up="score"),
    "nothing": lambda: over_steps([]),
    "one value": lambda: over_steps([[5.0] * 9]),
    "huge": lambda: over_steps([[1e300, -1e300, 3e299]]),
    "tiny": lambda: over_steps([[1e-300, 2e-300, 3e-301]]),
    "band": lambda: Chart(
        [Curve(STEPS, NOISE[0], "band", NOISE[0] - 1, NOISE[0] + 1), Curve(STEPS, NOISE[1], "dashed", dashed=True),
         Reference(0.0, "level"), Reference(40, "here", "across")],
        Axis("step", whole=True), Axis("value"),
    ).drawing(),
    "many lines": lambda: Chart([Curve(STEPS, row, f"line {at}") for at, row in enumerate(NOISE)]).drawing(),
    "logarithmic": lambda: Chart(
        [Curve(STEPS, 10.0 ** NOISE[0])], Axis("step", scale="log"), Axis("value", scale="log")
    ).drawing(),
    "bars": lambda: Chart(
        [Bars([1, 2, -3, 0.5], "train", [0, 1, -4, 0], [2, 3, -2, 1]), Bars([2, np.nan, 1, 1], "test")],
        Axis(names=NAMES), Axis("gain", unit=" dB"),
    ).drawing(),
    "numbered bars": lambda: Chart([Bars([4, -3], numbers=["4", "−3"])], Axis(names=["a", "b"])).drawing(),
    "lying bars": lambda: Chart(
        [Bars([12, 5, 3, 1], numbers=["12", "5", "3", "1"])], Axis(ticks=()), Axis(names=NAMES), height=0
    ).drawing(),
    "many names": lambda: Chart([Bars(range(60))], Axis(names=[f"class {at}" for at in range(60)])).drawing(),
    "dots": lambda: Chart(
        [Reference(0.3, "edges", "across"),
         Dots([0.5, 0.2, np.nan, 0.9], [0.4, 0.1, np.nan, 0.8], [0.7, 0.3, np.nan, 1], numbers=["0.5", "0.2", "", "1"],
              missing=["no value"] * 4)],
        Axis("correlation", low=-0.2, high=1), Axis(names=NAMES), height=0,
    ).drawing(),
    "standing dots": lambda: Chart(
        [Dots([0.5, 0.2], [0.4, 0.1], [0.7, 0.3], "a"), Dots([0.4, 0.3], [0.3, 0.2], [0.6, 0.4], "b")],
        Axis("shots", names=["1", "5"]), Axis("accuracy"),
    ).drawing(),
    "points": lambda: Chart([Points(*each, f"class {at}") for at, each in enumerate(CLOUD)], Axis("x")).drawing(),
    "histogram": lambda: Chart(
        [Histogram(range(9), [8, 4, 2, 1, 0, 1, 0, 0.02]), Rug([6, 7.9]),
         *(Reference(at, f"{at} %", "across") for at in (7.5, 7.6, 7.9))],
        Axis("activation; strokes: the patches"), Axis("share", scale="log", unit=" %"),
    ).drawing(),
    "narrow": lambda: over_steps(NOISE[:2], ["by itself", "pushed apart"], up="mean of a long objective", width=150),
}  # fmt: skip


@pytest.fixture(params=CHARTS, scope="module")
def drawing(request):
    return CHARTS[request.param]()


def texts(drawing):
    return [mark for mark in drawing.marks if isinstance(mark, Text)]


def box(mark):
    width = text_width(mark.string, mark.size, mark.weight, mark.mono)
    left = mark.x - {"start": 0, "middle": width / 2, "end": width}[mark.anchor]
    return left, mark.y - 0.72 * mark.size, left + width, mark.y + 0.2 * mark.size


def corners(mark):
    match mark:
        case Rect():
            return [(mark.left, mark.top), (mark.left + mark.width, mark.top + mark.height)]
        case Line():
            return [(mark.x1, mark.y1), (mark.x2, mark.y2)]
        case Circle():
            return [(mark.x, mark.y)]
        case Text():
            left, top, right, bottom = box(mark)
            return [(left, top), (right, bottom)]
        case Polyline() | Polygon():
            return mark.points


def test_every_mark_lies_on_the_drawing(drawing):
    for mark in drawing.marks:
        for x, y in corners(mark):
            assert -0.5 <= x <= drawing.width + 0.5, mark
            assert -0.5 <= y <= drawing.height + 0.5, mark


def test_no_label_lies_on_another(drawing):
    for one, other in itertools.combinations(texts(drawing), 2):
        a, b = box(one), box(other)
        apart = a[2] <= b[0] + 0.5 or b[2] <= a[0] + 0.5 or a[3] <= b[1] + 0.5 or b[3] <= a[1] + 0.5
        assert apart, (one, other)


def test_the_same_chart_gives_the_same_bytes(drawing, request):
    name = request.node.callspec.params["drawing"]
    again = CHARTS[name]()
    assert to_svg(drawing) == to_svg(again)
    assert rasterise(drawing).tobytes() == rasterise(again).tobytes()


@pytest.mark.parametrize("theme", THEMES)
def test_charts_are_drawn_in_both_themes(drawing, theme):
    assert len(np.unique(np.asarray(rasterise(drawing, theme).convert("L")))) > 4
    ET.fromstring(to_svg(drawing, theme))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(), max_size=12), max_size=5), st.text(max_size=30), st.floats(200, 900),
    st.floats(80, 500), st.booleans(),
)  # fmt: skip
def test_any_numbers_give_a_chart_whose_words_are_whole_and_apart(series, name, width, height, log):
    names = [f"{name} {at}" for at in range(len(series))]
    drawing = over_steps(series, names, up=name, width=width, height=height, log=log)
    for mark in drawing.marks:
        for x, y in corners(mark):
            assert np.isfinite([x, y]).all()
            assert -0.5 <= x <= width + 0.5
    words = [mark for mark in texts(drawing) if mark.mono]
    for one, other in itertools.combinations(words, 2):
        a, b = box(one), box(other)
        assert a[2] <= b[0] + 0.5 or b[2] <= a[0] + 0.5 or a[3] <= b[1] + 0.5 or b[3] <= a[1] + 0.5


def lines(drawing):
    return [mark.points for mark in drawing.marks if isinstance(mark, Polyline)]


def test_points_lie_where_their_values_do():
    (line,) = lines(over_steps([[0, 1, 4]]))
    (x0, y0), (x1, y1), (x2, y2) = line
    assert x1 - x0 == pytest.approx(x2 - x1)
    assert (y0 - y1) * 4 == pytest.approx(y0 - y2)
    assert y0 > y1 > y2


def test_a_logarithmic_axis_sets_equal_factors_equally_far_apart():
    (line,) = lines(over_steps([[1, 10, 100, 1000]], log=True))
    assert np.diff([y for _, y in line]) == pytest.approx(np.full(3, line[1][1] - line[0][1]))


def test_what_is_not_finite_leaves_a_gap_and_a_single_point_is_a_dot():
    drawing = over_steps([[0, 1, float("nan"), 2, 3, float("inf"), 1]])
    assert [len(line) for line in lines(drawing)] == [2, 2]
    assert len([mark for mark in drawing.marks if isinstance(mark, Circle)]) == 1


def test_a_band_lies_between_its_ends():
    chart = Chart([Curve([0, 1, 2], [1, 2, 1], low=[0, 1, 0], high=[3, 3, 3])])
    (band,) = [mark for mark in chart.drawing().marks if isinstance(mark, Polygon)]
    assert {round(y, 6) for _, y in band.points} == {round(chart.frame.y(value), 6) for value in (0, 1, 3)}
    assert 0 < band.opacity < 0.5


def test_intervals_have_caps_and_end_where_they_are_said_to():
    chart = Chart([Dots([0.5], [0.25], [0.75])], Axis(low=0, high=1), Axis(names=["one"]))
    level = [mark for mark in chart.drawing().marks if isinstance(mark, Line) and mark.y1 == mark.y2]
    caps = [mark for mark in chart.drawing().marks if isinstance(mark, Line) and mark.stroke == "accent"]
    assert (level[-1].x1, level[-1].x2) == pytest.approx((chart.frame.x(0.25), chart.frame.x(0.75)))
    assert len(caps) == 3


def test_bars_begin_at_0_and_stand_side_by_side():
    chart = Chart([Bars([2, -1], "a"), Bars([1, 3], "b")], Axis(names=["x", "y"]))
    bars = [
        mark for mark in chart.drawing().marks if isinstance(mark, Rect) and mark.fill != "panel" and mark.width > 11
    ]
    foot, scale = chart.frame.y(0), chart.frame.y(0) - chart.frame.y(1)
    assert [round(bar.height / scale, 6) for bar in bars] == [2, 1, 1, 3]
    assert bars[0].top + bars[0].height == pytest.approx(foot)
    assert bars[1].top == pytest.approx(foot)
    assert bars[0].left + bars[0].width <= bars[2].left
    assert bars[2].left + bars[2].width <= bars[1].left


@pytest.mark.parametrize("lying", [False, True])
def test_the_lowest_bar_of_a_logarithmic_axis_is_seen(lying):
    names, values = Axis(names=["a", "b"]), Axis(scale="log")
    drawing = Chart([Bars([1, 100])], values if lying else names, names if lying else values).drawing()
    bars = [mark for mark in drawing.marks if isinstance(mark, Rect) and mark.fill == "accent"]
    assert min(bar.width if lying else bar.height for bar in bars) > 5
    assert len(bars) == 2


def test_bars_of_a_histogram_have_their_edges_and_heights():
    chart = Chart([Histogram([0, 1, 2, 4], [1, 0, 3])])
    bars = [mark for mark in chart.drawing().marks if isinstance(mark, Rect) and mark.fill == "accent"]
    assert len(bars) == 2
    assert bars[1].height == pytest.approx(3 * bars[0].height)
    assert bars[1].width + 1 == pytest.approx(2 * (bars[0].width + 1))


def test_series_of_one_name_have_one_colour_and_one_entry():
    chart = Chart([Points([0], [0], "a"), Points([1], [1], "b"), Points([2], [2], "a")])
    assert chart.colours == ("accent", "accent2", "accent")
    assert [mark.string for mark in texts(chart.drawing()) if mark.string in "ab"] == ["a", "b"]


def test_a_chart_without_values_says_so():
    assert "no values" in [mark.string for mark in texts(CHARTS["no values"]())]
    bars = Chart([Bars([np.nan, np.nan]), Reference(1.0)], Axis(names=["a", "b"]))
    assert "no values" in [mark.string for mark in texts(bars.drawing())]
    assert "no values" not in [mark.string for mark in texts(CHARTS["steps"]())]


def test_panels_of_charts_with_the_same_margins_line_up():
    one, other = (Chart([Curve(STEPS, scale * NOISE[0])], margins=(60, 40)).frame for scale in (1, 1000))
    assert (one.left, one.right) == (other.left, other.right)


def test_series_of_unequal_lengths_are_refused():
    with pytest.raises(ValueError, match="as many xs as ys"):
        Curve([1, 2], [1])
    with pytest.raises(ValueError, match="as many low as high"):
        Curve([1], [1], low=[1])
    with pytest.raises(ValueError, match="2 bars have 3 edges, not 2"):
        Histogram([0, 1], [1, 2])
    with pytest.raises(ValueError, match="2 xs and 1 ys"):
        Points([1, 2], [1])
    with pytest.raises(ValueError, match="high has 1 entries for 2 values"):
        Dots([1, 2], [0, 1], [2])
    with pytest.raises(ValueError, match="two ends; give low and high"):
        Bars([1, 2], low=[0, 1])
    with pytest.raises(ValueError, match="3 values for 2 names"):
        Chart([Bars([1, 2, 3])], Axis(names=["a", "b"]))


def test_axes_that_have_no_sense_are_refused():
    with pytest.raises(ValueError, match="from a lower end to a higher one, not from 2 to 1"):
        Axis(low=2, high=1)
    with pytest.raises(ValueError, match="logarithmic axis has ends above 0"):
        Axis(low=0, scale="log")


def test_a_chart_is_a_drawing_of_its_size():
    found = Chart([Curve([0, 1], [0, 1])], width=300, height=170).drawing()
    assert isinstance(found, Drawing)
    assert (found.width, found.height) == (300, 170)


def test_counts_are_said_with_their_noun():
    assert [counted(count, "step") for count in (0, 1, 2, 1000)] == ["0 steps", "1 step", "2 steps", "1,000 steps"]
