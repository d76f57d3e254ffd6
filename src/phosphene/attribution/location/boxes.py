"""Boxes from maps: where the thing is that a map speaks of (B. Zhou et al., CVPR 2016, section 3.2).

A pixel belongs to the thing if its number is at least a share of the map's largest; the box is that of the largest
connected region. Pixels that touch at a corner are connected (8 neighbours).
"""

from __future__ import annotations

import numpy as np

from ..maps.attribution import Attribution

PixelBox = tuple[int, int, int, int]


def boxes(map_result: Attribution, threshold: float = 0.2) -> list[PixelBox]:
    """One box (left, top, right, bottom) for each map, in its photo's pixels; right and bottom are the first outside.

    The box encloses the largest connected region of pixels with at least `threshold` times the map's largest value. For
    signals, the map is the one that is drawn. Raises ValueError for a threshold outside (0, 1] and for a map without a
    value above 0, because nothing in it is evidence for the target.
    """
    if not isinstance(map_result, Attribution):
        kind = type(map_result).__name__
        raise TypeError(f"boxes are drawn round what an attribution shows, such as ph.cam(...), not a {kind}")
    if not 0 < threshold <= 1:
        raise ValueError(f"a threshold is a share of the map's largest number, in (0, 1], not {threshold!r}")
    result = []
    for index, target in enumerate(map_result.targets):
        values = np.nan_to_num(map_result.in_photo(index), nan=-np.inf)
        highest = float(values.max())
        if not highest > 0:
            raise ValueError(
                f"the map of {target} has no number above 0: nothing in {map_result.photo(index)[0].name} speaks for "
                "it, so there is nothing to draw a box round"
            )
        result.append(largest_region(values >= threshold * highest))
    return result


def largest_region(mask: np.ndarray) -> PixelBox:
    """The box of the largest connected region of a mask (height, width); of several as large, the uppermost one's.

    Rows are cut into runs, runs that touch those of the row above are joined. An empty mask has no box.
    """
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, left = np.nonzero(edges == 1)
    right = np.nonzero(edges == -1)[1]
    if not len(row):
        raise ValueError("a box is drawn round something; the mask is empty")
    begins = np.searchsorted(row, np.arange(len(mask) + 1))
    parent = list(range(len(row)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = run = parent[parent[run]]
        return run

    for line in range(1, len(mask)):
        above, below = begins[line - 1], begins[line]
        end_above, end_below = begins[line], begins[line + 1]
        while above < end_above and below < end_below:
            if left[above] <= right[below] and left[below] <= right[above]:
                one, other = sorted((root(above), root(below)))
                parent[other] = one
            if right[above] < right[below]:
                above += 1
            else:
                below += 1
    region = np.array([root(run) for run in range(len(row))])
    sizes = np.bincount(region, right - left)
    largest = region == sizes.argmax()
    return int(left[largest].min()), int(row[largest].min()), int(right[largest].max()), int(row[largest].max()) + 1
