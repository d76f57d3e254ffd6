"""Ticks: round, in order, holding the values, with 0 among them; labels that differ and say the tick's number."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.picture.chart.axis import Axis, fitted
from phosphene.picture.chart.ticks import log_ends, log_ticks, round_ticks, sound, tick_labels

ANY = st.floats(allow_nan=True, allow_infinity=True)
MIDDLE = st.floats(-1e12, 1e12)


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0, 1, 5, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 40, 5, [0, 10, 20, 30, 40]),
        (-3, 17, 5, [-5, 0, 5, 10, 15, 20]),
        (0.3, 0.7, 5, [0.3, 0.4, 0.5, 0.6, 0.7]),
        (-2e-9, 1e-9, 4, [-2e-9, -1e-9, 0, 1e-9]),
        (3e8, 9e8, 4, [2e8, 4e8, 6e8, 8e8, 1e9]),
        (2, 2, 3, [1, 2, 3]),
        (0, 0, 2, [0, 1]),
        (math.nan, math.nan, 2, [0, 1]),
    ],
)
def test_ticks_of_some_ranges(low, high, most, expected):
    assert round_ticks(low, high, most) == expected


def value_of(label):
    return float(label.replace("−", "-").replace(",", ""))


@settings(max_examples=400, deadline=None)
@given(ANY, ANY, st.integers(2, 12), st.booleans())
def test_ticks_of_any_range_are_round_in_order_and_hold_it(low, high, most, whole):
    ticks = round_ticks(low, high, most, whole)
    first, last = sound(low, high)
    slack = 1e-8 * (last / 2 - first / 2)
    assert all(math.isfinite(tick) for tick in ticks)
    assert ticks[0] - slack <= first
    assert ticks[-1] + slack >= last
    assert 2 <= len(ticks) <= 1.3 * most + 2
    gaps = np.diff(np.array(ticks) / 2)
    assert (gaps > 0).all()
    assert np.allclose(gaps, gaps[0], rtol=1e-4, atol=0)
    digit = f"{gaps[0] * 2:.3e}"[0] if not whole or gaps[0] >= 0.4 else "1"
    assert digit in "125"
    if first <= 0 <= last:
        assert 0.0 in ticks
    if whole:
        assert all(tick == round(tick) for tick in ticks)


@settings(max_examples=300, deadline=None)
@given(MIDDLE, st.floats(1e-12, 1e12), st.integers(2, 9))
def test_labels_differ_and_say_the_number(low, span, most):
    ticks = round_ticks(low, low + span, most)
    labels = tick_labels(ticks)
    step = ticks[1] - ticks[0]
    assert len(set(labels)) == len(labels)
    for tick, label in zip(ticks, labels, strict=True):
        assert re.fullmatch(r"−?[\d,]+(\.\d+)?(e−?\d+)?", label)
        assert value_of(label) == pytest.approx(tick, abs=1e-3 * step)


@settings(max_examples=300, deadline=None)
@given(st.floats(-280, 280), st.floats(0, 40), st.integers(2, 8))
def test_logarithmic_ticks_are_round_and_inside(power, decades, most):
    low, high = 10.0**power, 10.0 ** min(power + decades, 285)
    first, last = log_ends(low, high)
    assert first <= low * (1 + 1e-8)
    assert last >= high * (1 - 1e-8)
    assert last > first
    ticks = log_ticks(first, last, most)
    assert 1 <= len(ticks) <= most + 1
    assert all(b > a for a, b in itertools.pairwise(ticks))
    assert all(first * 0.99 <= tick <= last * 1.01 for tick in ticks)
    assert all(f"{tick:.6e}"[:8] in ("1.000000", "2.000000", "5.000000") for tick in ticks)
    assert len(set(tick_labels(ticks, log=True))) == len(ticks)


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (1e-3, 1e3, 7, [1e-3, 1e-2, 0.1, 1, 10, 100, 1e3]),
        (1e-3, 1e3, 4, [1e-2, 1, 100]),
        (1, 10, 5, [1, 2, 5, 10]),
    ],
)
def test_logarithmic_ticks_of_some_ranges(low, high, most, expected):
    assert log_ticks(low, high, most) == expected


def test_labels_of_some_ticks():
    assert tick_labels([0, 0.5, 1.0]) == ["0", "0.5", "1.0"]
    assert tick_labels([-2000, 0, 2000]) == ["−2,000", "0", "2,000"]
    assert tick_labels([0, 2e-9]) == ["0", "2e−9"]
    assert tick_labels([0, 50, 100], " %") == ["0 %", "50 %", "100 %"]
    assert tick_labels([1e6, 1.5e6]) == ["1e6", "1.5e6"]
    assert tick_labels([0.001, 1, 1000], log=True) == ["0.001", "1", "1,000"]
    assert tick_labels([]) == []


@settings(max_examples=150, deadline=None)
@given(st.lists(ANY, max_size=8), st.sampled_from(["linear", "log"]), st.booleans(), st.booleans(), st.floats(20, 2000))
def test_a_scale_holds_its_values_and_has_a_tick(values, scale, level, tight, room):
    values = np.array(values, float)
    found = fitted(Axis(scale=scale), values, room, level=level, tight=tight)
    assert math.isfinite(found.low)
    assert found.high > found.low
    assert len(found.ticks) == len(found.labels)
    assert found.ticks
    good = values[np.isfinite(values) & ((values > 0) | (scale == "linear"))]
    share = found.at(values)
    assert np.isfinite(share).sum() == len(good)
    inside = np.abs(good) < 1e289 if scale == "linear" else (good > 1e-289) & (good < 1e289)
    slack = 1e-6 * (found.low if scale == "log" else found.high - found.low)
    assert (good[inside] >= found.low - slack).all()
    assert (good[inside] <= found.high * (1 + 1e-6 * (scale == "log")) + slack).all()
    if scale == "linear" and found.low <= 0 <= found.high and len(found.ticks) > 1:
        assert 0.0 in found.ticks


def test_ends_near_0_move_to_0_and_far_ones_do_not():
    near = fitted(Axis(), np.array([1.0, 512.0]), 400, level=True, tight=True)
    assert (near.low, near.ticks[0]) == (0, 0)
    few = fitted(Axis(whole=True), np.array([1.0, 3.0]), 400, level=True, tight=True)
    assert (few.low, few.high, few.ticks) == (1, 3, (1, 2, 3))
    assert fitted(Axis(), np.array([-9.0, -1.0]), 400, level=False).high == 0


def test_fixed_ends_stay_and_what_lies_beyond_stands_at_the_edge():
    scale = fitted(Axis(low=0, high=1), np.array([-3.0, 7.0]), 400, level=False)
    assert (scale.low, scale.high) == (0, 1)
    assert scale.at([-3, 0.25, 7]).tolist() == [0, 0.25, 1]


def test_a_logarithmic_scale_has_no_place_for_0():
    scale = fitted(Axis(scale="log"), np.array([0.0, 1.0, 100.0]), 400, level=False)
    assert scale.at([1, 10, 100]).tolist() == pytest.approx([0, 0.5, 1])
    assert np.isnan(scale.at([0, -1, np.nan])).all()
