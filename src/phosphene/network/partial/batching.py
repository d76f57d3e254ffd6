"""Which edits go through a network together: those whose changed rectangles grow alike.

The rectangles of a batch are all as large as its largest. Near the border they are cut off, and where strides divide
places unevenly they differ by one; so rows and columns are put into a few groups each. How large they get on the
network's maps is known from the receptive fields; those two groups become one that lose least by it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..geometry import Field
from ..survey import Layer

EACH = 16  # edits that a batch should have on average; fewer use a processor badly
MOST = 64  # starts along an axis beyond which neighbours are taken together before


def batches(
    layers: Sequence[Layer], patch: tuple[int, int], top: Sequence[int], left: Sequence[int], at_once: int
) -> list[list[int]]:
    """The indices of the edits of each batch, at most `at_once`; `patch` is their height and width."""
    group_count = max(1, round((len(top) / EACH) ** 0.5))
    rows, columns = (
        _groups(sorted(set(starts)), _sizes(layers, axis, starts, patch[axis]), group_count)
        for axis, starts in enumerate((top, left))
    )
    by_group: dict[tuple[int, int], list[int]] = {}
    for index, (t, x) in enumerate(zip(top, left, strict=True)):
        by_group.setdefault((rows[t], columns[x]), []).append(index)
    return [group[i : i + at_once] for group in by_group.values() for i in range(0, len(group), at_once)]


def _sizes(layers: Sequence[Layer], axis: int, starts: Sequence[int], length: int) -> np.ndarray:
    """(starts, layers): the share of a map's rows (or columns) that change, by the root of what the layer costs."""
    distinct_starts = np.array(sorted(set(starts)))
    columns = [np.zeros(len(distinct_starts))]
    for layer in layers:
        if layer.operations and isinstance(layer.field, Field) and layer.layout is not None:
            units = layer.maps_shape[1 + axis]
            along = (layer.field.height, layer.field.width)[axis]
            stride = max(along.stride, 1)  # 0 where there is one unit
            first = -((along.start + along.size - 1 - distinct_starts) // stride)
            last = (distinct_starts + length - 1 - along.start) // stride
            columns.append((last.clip(0, units - 1) - first.clip(0, units - 1) + 1) / units * layer.operations**0.5)
    return np.stack(columns, 1)


def _groups(starts: Sequence[int], sizes: np.ndarray, most_groups: int) -> dict[int, int]:
    """The group of each place: at first alone, then joined, each time the two that lose least by it."""
    step = -(-len(starts) // MOST)
    groups = [list(range(i, min(i + step, len(starts)))) for i in range(0, len(starts), step)]
    weight = sizes.mean(0)  # of the other axis, about the same

    def cost(group: Sequence[int]) -> float:
        return len(group) * float(sizes[list(group)].max(0) @ weight)

    costs = [cost(group) for group in groups]
    while len(groups) > most_groups:
        pairs = [(a, b) for b in range(len(groups)) for a in range(b)]
        lost = [cost(groups[a] + groups[b]) - costs[a] - costs[b] for a, b in pairs]
        a, b = pairs[int(np.argmin(lost))]
        groups[a], costs[a] = groups[a] + groups[b], cost(groups[a] + groups[b])
        del groups[b], costs[b]
    return {starts[i]: index for index, group in enumerate(groups) for i in group}
