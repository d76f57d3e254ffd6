"""What elements see, as numbers in arrays.

The numbers are such that what two elements see together is their minimum: the first pixel and minus the last one,
inside the image; and the same of the regular window, which may reach outside.
"""

from __future__ import annotations

import numpy as np

from . import fields
from .fields import NOWHERE, Axis, Span, Window, blank

SIGHT = 8  # numbers an axis pair: rows first, -last, start, -end; then columns
NOTHING = np.array([NOWHERE, 1, NOWHERE, 1] * 2)


def sight_of(span: Span, at: np.ndarray) -> np.ndarray:
    """(4, *sizes) of the units at home `at` along one axis; those without a place see what all see."""
    start, end = span.first, span.last + 1
    if span.axis is not None:
        start = span.axis.start + span.axis.stride * np.arange(len(span))
        end = start + span.axis.size
    table = np.stack([span.first, -span.last, start, -end])
    if len(span) == 1:
        return np.broadcast_to(table.reshape(4, *[1] * at.ndim), (4, *at.shape)).copy()
    windows = table[:, at]
    everyone = table.min(1).reshape(4, *[1] * at.ndim)
    return np.where(at < 0, everyone, windows)


def numbers(window: Window) -> np.ndarray:
    """The numbers (8,) of one unit; `_window` turns them back."""
    if blank(window):
        return NOTHING
    ends = [(int(span.first.min()), int(span.last.max())) for span in window]
    return np.array([number for first, last in ends for number in (first, -last, first, -last - 1)])


def window_of(numbers: np.ndarray) -> Window:
    window = span_of(numbers[:4, None], False), span_of(numbers[4:, None], False)
    return fields.NOTHING if blank(window) else window


def span_of(sight: np.ndarray, regular: bool) -> Span:
    """Of units along one axis, from their numbers (4, n)."""
    first, last, start, end = sight[0], -sight[1], sight[2], -sight[3]
    steps, sizes = np.diff(start), end - start
    axis = None
    if regular and len(steps) and steps[0] > 0 and (steps == steps[0]).all() and (sizes == sizes[0]).all():
        axis = Axis(int(sizes[0]), int(steps[0]), int(start[0]))
    return Span(axis, first, last)


def along(d: int, ndim: int) -> list[int]:
    return [-1 if other == d else 1 for other in range(ndim)]


def varies(array: np.ndarray, axis: int) -> bool:
    return array.shape[axis] > 1 and bool((array != array.take([0], axis)).any())


def tight(array: np.ndarray) -> np.ndarray:
    """With size 1 along dimensions in which nothing varies."""
    for axis in range(1, array.ndim):
        if array.shape[axis] > 1 and not varies(array, axis):
            array = array.take([0], axis)
    return array


def raised(array: np.ndarray, ndim: int) -> np.ndarray:
    """With dimensions of size 1 put before the value's own, as broadcasting does."""
    return array.reshape(len(array), *[1] * (ndim - array.ndim), *array.shape[1:])


def levelled(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ndim = max(one.ndim, other.ndim)
    return raised(one, ndim), raised(other, ndim)


def ordered(array: np.ndarray, axis: int) -> bool:
    """Whether it rises along `axis` and is the same along every other."""
    same = all(not varies(array, other) for other in range(array.ndim) if other != axis)
    return same and bool((np.diff(array, axis=axis) > 0).all())
