"""Many points on a plane whose axes have one scale and no ticks, such as a map of images."""

from __future__ import annotations

import numpy as np

SIDE, INSET = 720.0, 22.0  # the plane's longer side in pixels, and the points' distance from its edge
FLATTEST = 0.4  # of the longer side that the shorter has at least


def on_plane(positions: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The points (N, 2) in pixels, y downwards, and the plane's width and height, of their shape within limits."""
    low, high = positions.min(0), positions.max(0)
    reach = np.maximum(high - low, 1e-12 + FLATTEST * (high - low).max())
    scale = (SIDE - 2 * INSET) / reach.max()
    width, height = (round(float(length) * scale + 2 * INSET) for length in reach)
    middle = (low + high) / 2
    points = (positions - middle) * scale * [1, -1] + [width / 2, height / 2]
    return points, float(width), float(height)
