"""Bootstrap intervals: they cover what they should, and pairs are kept together."""

import math

import numpy as np
import pytest

from phosphene.measures import intervals
from phosphene.measures.intervals import difference, interval, ratio


def test_intervals_cover_the_true_mean_about_as_often_as_they_say():
    generator = np.random.default_rng(0)
    held = [found.low <= 3.0 <= found.high for found in (interval(generator.normal(3, 2, 40)) for _ in range(200))]
    assert 0.88 <= np.mean(held) <= 0.99


def test_an_interval_is_that_of_the_normal_distribution_for_many_values():
    values = np.random.default_rng(1).normal(0, 1, 2000)
    found = interval(values)
    half = 1.96 * values.std() / math.sqrt(len(values))
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_differences_of_the_same_images_are_sharper_than_two_intervals():
    generator = np.random.default_rng(2)
    images = generator.normal(0, 5, 30)
    one, other = images + 0.3 + generator.normal(0, 0.1, 30), images
    assert difference(one, other).low > 0
    assert interval(one).low < interval(other).high


def test_the_same_seed_draws_the_same_and_unknown_values_are_left_out():
    values = np.random.default_rng(3).random(9)
    assert interval(values, 4) == interval(values, 4)
    assert interval(values, 4) != interval(values, 5)
    assert interval(np.append(values, np.nan), 4) == interval(values, 4)


def test_what_is_not_known_is_nan():
    assert interval(np.array([np.nan])).count == 0
    alone = interval(np.array([2.0]))
    assert alone.mean == 2.0
    assert math.isnan(alone.low)


@pytest.mark.parametrize("at_once", [1, 700, 1 << 30])
def test_draws_in_bounded_parts_are_those_at_once(monkeypatch, at_once):
    values, others = np.random.default_rng(1).random((2, 101))
    expected = np.random.default_rng(5).integers(101, size=(2000, 101))
    means, ratios = values[expected].mean(1), values[expected].sum(1) / others[expected].sum(1)
    monkeypatch.setattr(intervals, "AT_ONCE", at_once)
    for result, drawn in ((interval(values, 5), means), (ratio(values, others, 5), ratios)):
        assert (result.low, result.high) == tuple(np.quantile(drawn, [(1 - 0.95) / 2, (1 + 0.95) / 2]))
