"""A bootstrap while images stream gives the intervals of one that holds them all, and its parts merge."""

import numpy as np

from phosphene.measures.redrawn import RedrawnSums


def test_intervals_of_a_ratio_are_those_of_draws_with_replacement():
    generator = np.random.default_rng(0)
    count, draws = 400, 4000
    below = generator.gamma(2, size=count)
    above = below * generator.normal(0.5, 0.3, count)
    sums = RedrawnSums(2, draws, seed=3)
    for place in range(count):
        sums.add(place, np.array([above[place], below[place]]))
    streamed = np.quantile(sums.drawn[:, 0] / sums.drawn[:, 1], [0.025, 0.975])
    images = generator.integers(count, size=(draws, count))
    expected = np.quantile(above[images].sum(1) / below[images].sum(1), [0.025, 0.975])
    np.testing.assert_allclose(streamed, expected, atol=0.1 * (expected[1] - expected[0]))
    np.testing.assert_allclose(sums.all, [above.sum(), below.sum()])


def test_an_images_counts_hang_on_its_place_alone():
    values = np.random.default_rng(1).random((30, 3))

    def summed(places, seed=5):
        sums = RedrawnSums(3, 20, seed)
        for place in places:
            sums.add(place, values[place])
        return sums

    whole, first, second = summed(range(30)), summed(range(11)), summed(range(11, 30))
    first.merge(second)
    np.testing.assert_allclose(first.drawn, whole.drawn)
    again = RedrawnSums(3, 20, 5)
    again.load(first.state())
    np.testing.assert_array_equal(again.drawn, first.drawn)
    assert not np.allclose(summed(range(30), seed=6).drawn, whole.drawn)
