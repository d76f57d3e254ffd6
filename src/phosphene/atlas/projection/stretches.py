"""Wide empty stretches of a map, drawn shorter, so that a few far-off groups don't squeeze all others into a corner.

Of t-SNE's and UMAP's maps distances between groups say little, so nothing is lost; who stands left of whom or above
stays as it is. Along each axis for itself, no gap between one point and the next is wider than an eighth of the whole.
"""

from __future__ import annotations

import numpy as np

WIDEST = 1 / 8  # of the whole
FEWEST = 30  # points; gaps between fewer are what there is to see
WORTH = 0.85  # it is left as it is, if it would not become so much narrower


def shortened(positions: np.ndarray) -> tuple[np.ndarray, bool]:
    """Positions (N, 2) with no wide gap along either axis, and whether there was one."""
    if len(positions) < FEWEST:
        return positions, False
    axes = [_shortened(positions[:, axis]) for axis in (0, 1)]
    changed = any(np.ptp(new) < WORTH * np.ptp(positions[:, axis]) for axis, new in enumerate(axes))
    return (np.stack(axes, 1), True) if changed else (positions, False)


def _shortened(values: np.ndarray) -> np.ndarray:
    order = values.argsort(kind="stable")
    gaps = np.diff(values[order])
    for _ in range(4):  # the whole has become smaller
        gaps = np.minimum(gaps, WIDEST * gaps.sum())
    result = np.empty(len(values))
    result[order] = np.concatenate([[0.0], gaps.cumsum()])
    return result
