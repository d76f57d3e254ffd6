"""Wilson's interval: equal to SciPy's, and sensible at the ends."""

import math

import pytest
from scipy.stats import binomtest

from phosphene.measures.proportion import Proportion


@pytest.mark.parametrize(("count", "total"), [(0, 1), (1, 1), (0, 20), (20, 20), (1, 3), (7, 9), (75, 79), (512, 1000)])
def test_the_interval_is_wilsons(count, total):
    expected = binomtest(count, total).proportion_ci(0.95, method="wilson")
    ours = Proportion(count, total)
    assert (ours.low, ours.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= ours.low <= ours.share <= ours.high <= 1


def test_of_none_nothing_is_known():
    assert math.isnan(Proportion(0, 0).share)
    assert math.isnan(Proportion(0, 0).low)
    with pytest.raises(ValueError, match="a proportion is of 0 to 3, not 4"):
        Proportion(4, 3)
