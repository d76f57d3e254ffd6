"""What the units of a layer see of the network's input, read from its survey."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from .addresses import OUTPUTS, Address
from .frame import Box
from .geometry import UNKNOWN, WHOLE, Extent, Field
from .geometry.fields import alike
from .picking import check_place
from .survey import Layer, Survey

Edges = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def seen_by(address: Address, layer: Layer, survey: Survey) -> Field | Extent | Box:
    """What a layer's units see, or a channel's; of an address with a place, the box that this one unit sees."""
    channel = None if address.channel is None or address.layer in OUTPUTS else int(address.channel)
    if address.place is None:
        return layer.field if channel is None else survey.places[layer.name].field(*survey.size, channel)
    edges = edges_of(layer, survey, channel)
    if edges is None and layer.layout is None:
        return UNKNOWN
    check_place(address, layer)
    return UNKNOWN if edges is None else box_of(edges, *address.place)


def runs_of(layer: Layer, survey: Survey) -> Iterator[tuple[int, Field | Extent, Edges | None]]:
    """The layer's channels in runs that see alike: how many, what they see, and its edges at each place."""
    place, count = survey.places[layer.name], layer.maps_shape[0]
    if layer.name in OUTPUTS:
        yield count, layer.field, edges_of(layer, survey, None)
        return
    windows = [place.channel(channel) for channel in range(count)]
    others = [at for at, (one, other) in enumerate(pairwise(windows), 1) if not alike(one, other)]
    for start, stop in pairwise((0, *others, count)):
        yield stop - start, place.field(*survey.size, start), edges_of(layer, survey, start)


def edges_of(layer: Layer, survey: Survey, channel: int | None) -> Edges | None:
    """The first pixel and the one after the last that each row of units sees, then those of each column.

    One number alone where all rows, or columns, see the same. None where it is not known what they see.
    """
    place = survey.places[layer.name]
    window = place.window if channel is None else place.channel(channel)
    if layer.layout is None and (window is None or place.spatial):
        return None
    if layer.field is WHOLE:
        height, width = (np.array([length]) for length in survey.size)
        return np.zeros_like(height), height, np.zeros_like(width), width
    if window is None:
        return None
    rows, columns = window
    return rows.first, rows.last + 1, columns.first, columns.last + 1


def box_of(edges: Edges, row: int, column: int) -> Box:
    """What the unit at a place sees; an empty box where that is no pixel."""
    tops, bottoms, lefts, rights = edges
    down, across = min(row, len(tops) - 1), min(column, len(lefts) - 1)
    top, bottom, left, right = int(tops[down]), int(bottoms[down]), int(lefts[across]), int(rights[across])
    return Box(left, top, right, bottom) if left < right and top < bottom else Box(0, 0, 0, 0)
