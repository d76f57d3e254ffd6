"""How sure a mean over images is: bootstrap intervals (B. Efron, 1979).

The images are drawn anew with replacement, and the middle 95 % of the means of these draws are the interval. Methods
that were run on the same images are compared by the mean of their differences, image by image, which is sharper than
comparing two intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DRAWS, LEVEL = 2000, 0.95


@dataclass(frozen=True)
class Interval:
    """A mean with the ends of its interval, over `count` values; NaN where they are not known."""

    mean: float
    low: float
    high: float
    count: int

    def to_dict(self) -> dict[str, float]:
        return {"mean": self.mean, "low": self.low, "high": self.high, "count": self.count}


def interval(values: np.ndarray, seed: int = 0) -> Interval:
    """The mean of the values (n,) that are not NaN, and its 95 % bootstrap interval; one value alone has none."""
    numbers = np.asarray(values, np.float64)
    numbers = numbers[~np.isnan(numbers)]
    if len(numbers) == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    if len(numbers) == 1:
        return Interval(float(numbers[0]), np.nan, np.nan, 1)
    draws = np.random.default_rng(seed).integers(len(numbers), size=(DRAWS, len(numbers)))
    low, high = np.quantile(numbers[draws].mean(1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(numbers.mean()), float(low), float(high), len(numbers))


def difference(one: np.ndarray, other: np.ndarray, seed: int = 0) -> Interval:
    """The mean of one - other over the images that both have a value for, and its interval."""
    return interval(np.asarray(one, np.float64) - np.asarray(other, np.float64), seed)


def ratio(numerators: np.ndarray, denominators: np.ndarray, seed: int = 0) -> Interval:
    """The ratio of two sums over images, (n,) each, and its 95 % bootstrap interval."""
    above, below = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    count = len(above)
    if count == 0 or not below.sum() > 0:
        return Interval(np.nan, np.nan, np.nan, count)
    if count == 1:
        return Interval(float(above.sum() / below.sum()), np.nan, np.nan, 1)
    draws = np.random.default_rng(seed).integers(count, size=(DRAWS, count))
    sums = below[draws].sum(1)
    ratios = above[draws].sum(1)[sums > 0] / sums[sums > 0]
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(above.sum() / below.sum()), float(low), float(high), count)
