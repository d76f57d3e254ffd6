import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from phosphene.picture import Range, apply_range, compact, map_range, ranges_caption, rule_name
from phosphene.picture.numbers import pair

RULES = ["minmax", "symmetric", "symmetric:90", "percentile", "percentile:5:95", "unit", "-1:1", (0.25, 4.0)]
values = hnp.arrays(
    st.sampled_from([np.float32, np.float64]),
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=0, max_side=5),
    elements=st.floats(width=32),
)


@settings(max_examples=200, deadline=None)
@given(values, st.sampled_from(RULES), st.sampled_from(["picture", "tile"]))
def test_any_values_map_into_the_unit_interval_in_order(array, rule, per):
    mapped = map_range(array, rule, per)
    assert mapped.values01.shape == array.shape
    assert mapped.values01.dtype == np.float32
    good = np.isfinite(array)
    assert np.array_equal(np.isnan(mapped.values01), ~good)
    assert ((mapped.values01[good] >= 0) & (mapped.values01[good] <= 1)).all()
    assert len(mapped.ranges) == (1 if per == "picture" else len(array))
    assert sum(shown.missing for shown in mapped.ranges) == array.size - good.sum()
    assert mapped.caption() or not array.size
    if per == "picture":
        order = np.argsort(array[good], kind="stable")
        assert (np.diff(mapped.values01[good][order]) >= 0).all()


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(np.float64, (3, 2, 2), elements=st.floats(-1e300, 1e300)))
def test_the_stated_range_gives_the_same_pixels_again(array):
    for rule in RULES:
        mapped = map_range(array, rule)
        again = apply_range(array, mapped.ranges[0])
        assert np.array_equal(again, mapped.values01)
        assert rule_name(mapped.ranges[0].rule) == mapped.ranges[0].rule


def test_tiles_equal_the_weights_after_the_range_pixel_for_pixel():
    weights = np.random.default_rng(0).normal(size=(8, 5, 5, 3)).astype(np.float32)
    mapped = map_range(weights, "minmax")
    low, high = float(weights.min()), float(weights.max())
    slow = [[[[(float(v) - low) / (high - low) for v in p] for p in row] for row in tile] for tile in weights]
    assert np.array_equal(mapped.values01, np.float32(slow))
    each = map_range(weights, "minmax", "tile")
    for tile, got, shown in zip(weights, each.values01, each.ranges, strict=True):
        assert np.array_equal(got, map_range(tile[None], "minmax").values01[0])
        assert (shown.low, shown.high) == (tile.min(), tile.max())


def test_symmetric_about_a_percentile_of_the_magnitudes():
    values = np.array([[0.0, -1.0, 2.0, 3.0, -100.0]])
    mapped = map_range(values, "symmetric:75")
    assert (mapped.ranges[0].low, mapped.ranges[0].high) == (-3.0, 3.0)
    assert mapped.values01.tolist() == [[0.5, pytest.approx(1 / 3), pytest.approx(5 / 6), 1.0, 0.0]]
    assert "percentile 75 of the magnitudes" in mapped.caption()
    for wrong in ("symmetric:0", "symmetric:101", "symmetric:a", "symmetric:1:2"):
        with pytest.raises(ValueError, match=r"range rule|symmetric:99"):
            map_range(values, wrong)


@settings(max_examples=100, deadline=None)
@given(hnp.arrays(np.float64, (1, 3, 3), elements=st.floats(allow_nan=False, allow_infinity=False)))
def test_symmetric_puts_zero_at_exactly_one_half(array):
    array[0, 0, 0] = 0
    assert map_range(array, "symmetric").values01[0, 0, 0] == 0.5


def test_constant_arrays_are_mid_grey_and_say_so():
    for rule in ("minmax", "percentile"):
        assert (map_range(np.full((1, 2, 2), 3.0), rule).values01 == 0.5).all()
    assert map_range(np.full((1, 2, 2), 3.0)).caption() == "every value 3.00 (min–max)"
    sparse = np.zeros(1000)
    sparse[0], sparse[1] = 5, -5
    assert sorted(set(map_range(sparse.reshape(1, 10, 100), "percentile").values01.ravel().tolist())) == [0, 0.5, 1]


def test_nothing_is_drawn_as_the_least_where_zero_is_not_the_middle():
    for rule, drawn in (("minmax", 0.0), ("percentile:0:99.5", 0.0), ("symmetric", 0.5), ("symmetric:99.5", 0.5)):
        assert (map_range(np.zeros((1, 2, 2)), rule).values01 == drawn).all()


def test_empty_and_missing_values_are_said():
    assert map_range(np.zeros((0, 3, 3))).caption() == "no values"
    assert map_range(np.zeros((0, 3, 3)), per="tile").ranges == ()
    assert map_range(np.full((1, 2, 2), np.nan)).caption() == "no finite value (4 values missing)"
    assert map_range(np.array([[[0.0, 1.0, np.inf]]])).caption() == "range 0 to 1.00 (min–max; 1 value missing)"


def test_tensors_integers_and_halves_are_mapped():
    assert map_range(torch.tensor([[[0, 5, 10]]])).values01.tolist() == [[[0, 0.5, 1]]]
    assert map_range(torch.tensor([[[0, 1.0]]], dtype=torch.bfloat16, requires_grad=True)).ranges[0].high == 1
    assert map_range(np.array([[0, 1]], np.float16)).values01.shape == (1, 2)
    with pytest.raises(TypeError, match="complex128 can't be drawn"):
        map_range(np.zeros((1, 2, 2), complex))
    with pytest.raises(ValueError, match=r"shape \(3,\) are not tiles"):
        map_range(np.zeros(3))
    with pytest.raises(ValueError, match="per 'picture' or per 'tile', not per 'layer'"):
        map_range(np.zeros((1, 2, 2)), per="layer")


@pytest.mark.parametrize(
    ("shown", "caption"),
    [
        (Range(-0.52, 1.30), "range −0.52 to 1.30 (min–max)"),
        (Range(-1.2e-6, 1.2e-6, "symmetric"), "range ±1.2e−6 (symmetric about zero)"),
        (Range(-1.0, 1.0, "symmetric"), "range ±1.00 (symmetric about zero)"),
        (Range(0, 1, "unit"), "range 0 to 1.00 (clipped to 0 to 1)"),
        (Range(0.001, 12345.0), "range 0.00100 to 12,345 (min–max)"),
        (Range(-3, 7, "percentile:1:99"), "range −3.00 to 7.00 (percentiles 1 to 99)"),
        (Range(1.00001, 1.00002), "range 1.00001 to 1.00002 (min–max)"),
        (Range(0, 2e8, "0.0:200000000.0"), "range 0 to 2e8 (fixed)"),
    ],
)
def test_captions_are_short_and_exact(shown, caption):
    assert shown.caption() == caption


@settings(max_examples=300, deadline=None)
@given(st.floats(-1e307, 1e307), st.floats(-1e307, 1e307))
def test_two_different_numbers_never_look_the_same(low, high):
    first, second = pair(low, high)
    assert (first == second) == (low == high)
    for text, value in ((first, low), (second, high)):
        number = float(text.replace("−", "-").replace(",", ""))
        assert number == pytest.approx(value, rel=0.05)  # common decimals are those of the larger one


def test_compact_numbers_have_three_significant_digits():
    assert [compact(v) for v in (0, 0.5234, 1.3, 12.345, 12345, 99999, 1e6, 1.234e-6, -0.001, 0.9999, math.nan)] == [
        "0", "0.523", "1.30", "12.3", "12,345", "1e5", "1e6", "1.23e−6", "−0.00100", "1.00", "NaN",
    ]  # fmt: skip


def test_rules_have_one_full_form_and_wrong_ones_get_the_near():
    assert rule_name("percentile") == "percentile:1:99"
    assert rule_name(" −1:1 ") == rule_name((-1, 1)) == "-1.0:1.0"
    with pytest.raises(ValueError, match="'symetric' is no range rule; near it: symmetric"):
        rule_name("symetric")
    with pytest.raises(ValueError, match="names no percentiles"):
        rule_name("percentile:99:1")
    for bad in ((1, 1), (2, 1), (0, math.nan), (1, 2, 3)):
        with pytest.raises(ValueError, match="two numbers, the lower first"):
            rule_name(bad)
    with pytest.raises(TypeError, match="not NoneType"):
        rule_name(None)


def test_ranges_of_tiles_are_said_together():
    assert ranges_caption((Range(0, 1), Range(0, 1))) == "range 0 to 1.00 (min–max)"
    several = ranges_caption((Range(-1, 1), Range(0, 1e-6, missing=2), Range(math.nan, math.nan, missing=1)))
    assert several == "each has its own range (min–max; 3 values missing), from [0, 1e−6] to ±1.00"
    assert ranges_caption(()) == ""
    assert Range(math.nan, math.nan).as_dict() == {"low": None, "high": None, "rule": "minmax", "missing": 0}
