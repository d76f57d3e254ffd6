"""How sure a mean over images is: bootstrap intervals (B. Efron, 1979).

The images are drawn anew with replacement, and the middle 95 % of the means of these draws are the interval. Methods
that were run on the same images are compared by the mean of their differences, image by image, which is sharper than
comparing two intervals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

DRAWS, LEVEL = 2000, 0.95
AT_ONCE = 1 << 20  # values that are drawn at once: some 16 MB


@dataclass(frozen=True)
class Interval:
    """A mean with the ends of its interval, over `count` values; NaN where they are not known."""

    mean: float
    low: float
    high: float
    count: int

    def to_dict(self) -> dict[str, float]:
        return {"mean": self.mean, "low": self.low, "high": self.high, "count": self.count}


def draws(count: int, times: int, seed: int) -> Iterator[np.ndarray]:
    """So many draws with replacement of `count` images, (some, count) at once, as memory allows."""
    generator, rows = np.random.default_rng(seed), max(1, AT_ONCE // count)
    for first in range(0, times, rows):
        yield generator.integers(count, size=(min(rows, times - first), count))


def interval(values: np.ndarray, seed: int = 0) -> Interval:
    """The mean of the values (n,) that are not NaN, and its 95 % bootstrap interval; one value alone has none."""
    numbers = np.asarray(values, np.float64)
    numbers = numbers[~np.isnan(numbers)]
    if len(numbers) == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    if len(numbers) == 1:
        return Interval(float(numbers[0]), np.nan, np.nan, 1)
    means = np.concatenate([numbers[some].mean(1) for some in draws(len(numbers), DRAWS, seed)])
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
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
    parts = [(above[some].sum(1), below[some].sum(1)) for some in draws(count, DRAWS, seed)]
    tops, bottoms = (np.concatenate(each) for each in zip(*parts, strict=True))
    ratios = tops[bottoms > 0] / bottoms[bottoms > 0]
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(above.sum() / below.sum()), float(low), float(high), count)
