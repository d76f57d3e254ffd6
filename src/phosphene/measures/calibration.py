"""Whether a network is as sure as it is right.

The expected calibration error sorts answers by their confidence into bins of equal width and takes the mean distance of
confidence and accuracy, each bin weighed by its share of the answers (M. Naeini, G. Cooper and M. Hauskrecht, AAAI
2015; C. Guo, G. Pleiss, Y. Sun and K. Weinberger, *On calibration of modern neural networks*, ICML 2017).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

BINS = 15


@dataclass(frozen=True, eq=False)
class Calibration:
    """The bins that hold answers: mean confidence, accuracy and number of each, and the error over all."""

    confidence: np.ndarray = field(repr=False)
    accuracy: np.ndarray = field(repr=False)
    counts: np.ndarray = field(repr=False)
    error: float


def calibration(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> Calibration:
    """The calibration of answers with confidences (n,) in [0, 1] that are right or not (n,)."""
    number = np.minimum((np.asarray(confidence, np.float64) * bins).astype(int), bins - 1)
    counts = np.bincount(number, minlength=bins)
    used = counts > 0
    sums = [np.bincount(number, each, minlength=bins)[used] for each in (confidence, np.asarray(right, float))]
    means = [each / counts[used] for each in sums]
    error = float((np.abs(means[0] - means[1]) * counts[used]).sum() / max(1, counts.sum()))
    return Calibration(means[0], means[1], counts[used], error)
