"""Whether codes have recovered angles: the circle in them, and the correlation of two angles."""

from __future__ import annotations

import numpy as np


def circular_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """The correlation of angles (N,) in radians, 1 for equal ones up to a turn (Fisher & Lee 1983, eq. 1).

    It takes the sines of all differences, so that it needs no mean direction, which angles all around have not.
    """
    one, other = (np.sin(x[:, None] - x[None]) for x in (np.asarray(a, float), np.asarray(b, float)))
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


def circle(codes: np.ndarray, angles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axes (2, codes) and offset (2,) of the linear map that brings codes closest to (cos, sin) of the angles."""
    ones = np.column_stack([codes, np.ones(len(codes))])
    weights, *_ = np.linalg.lstsq(ones, np.column_stack([np.cos(angles), np.sin(angles)]), rcond=None)
    return weights[:-1].T, weights[-1]


def recovered(codes: np.ndarray, angles: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """The circular correlation of angles, and the correlation of other values (N,), with those read from the codes.

    Both are read by a linear map that is fitted to every second example and measured on the rest.
    """
    fitted, measured = np.arange(0, len(codes), 2), np.arange(1, len(codes), 2)
    axes, offset = circle(codes[fitted], angles[fitted])
    on_circle = codes[measured] @ axes.T + offset
    ones = np.column_stack([codes, np.ones(len(codes))])
    weights, *_ = np.linalg.lstsq(ones[fitted], others[fitted], rcond=None)
    read = ones[measured] @ weights
    linear = float(np.corrcoef(read, others[measured])[0, 1]) if np.ptp(others[measured]) and np.ptp(read) else 0.0
    return circular_correlation(np.arctan2(on_circle[:, 1], on_circle[:, 0]), angles[measured]), linear
