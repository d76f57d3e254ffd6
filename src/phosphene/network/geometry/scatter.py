"""Values whose places are spread over several dimensions: window partitions, patches of patches, attention's heads.

A `Place` can say that a dimension holds rows, columns or tokens. Where a network cuts its map into windows and permutes
the pieces no dimension holds any of these; a `Scatter` then says for every element which unit of the map it came from
(its home) and which pixels it sees, as arrays with the value's dimensions, of size 1 along those where nothing varies.
As soon as the homes lie in rows and columns again, it is a `Place` again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .fields import NOWHERE, UNKNOWN, Extent, Field, Window, blank, field_of
from .layout import Layout
from .places import Place, groups
from .sight import (
    NOTHING,
    SIGHT,
    along,
    levelled,
    numbers,
    ordered,
    raised,
    sight_of,
    span_of,
    tight,
    varies,
    window_of,
)

MOST = 1 << 22  # elements that are followed one by one


@dataclass(frozen=True, eq=False)
class Scatter:
    """For every element of a value its home and what it sees."""

    home: np.ndarray  # (2, *sizes): row and column of the unit it came from; -1 for tokens without a place
    sight: np.ndarray | None  # (8, *sizes), or None: not known
    regular: tuple[bool, bool]  # whether rows and columns are seen through regular windows

    @classmethod
    def of(cls, place: Place, shape: Sequence[int]) -> Scatter:
        """The same as `place`, of a value of `shape`, element by element."""
        sizes = [size if role in "hwt" else 1 for role, size in zip(place.roles, shape, strict=True)]
        if "t" in place.roles:
            height, width = place.grid
            at = np.indices((height, width)).reshape(2, -1)
            extra = sizes[place.roles.index("t")] - at.shape[1] - place.prefix
            before, after = np.full((2, place.prefix), -1), np.full((2, extra), -1)
            home = np.concatenate([before, at, after], 1).reshape(2, *sizes)
        else:
            home = np.zeros((2, *sizes), np.int64)
            for axis, role in enumerate("hw"):
                if role in place.roles:
                    home[axis] = np.arange(sizes[d := place.roles.index(role)]).reshape(along(d, len(sizes)))
        window = place.window
        if window is None or ("t" in place.roles and None in place.extras):
            return cls(home, None, (False, False))
        rows, columns = (sight_of(span, at) for span, at in zip(window, home, strict=True))
        empty = (rows[0] == NOWHERE) | (columns[0] == NOWHERE)  # what sees no row sees no column: padding
        for part in (rows, columns):
            part[0][empty], part[1][empty] = NOWHERE, 1
        sight = np.concatenate([rows, columns])
        if blank(window):
            sight[:] = NOTHING.reshape(SIGHT, *[1] * len(sizes))
        if "t" in place.roles and place.extras:
            extras = np.stack([numbers(extra) for extra in place.extras if extra], 1)
            sight[home[:1].repeat(SIGHT, 0) < 0] = extras.ravel()
        return cls(home, sight, tuple(span.axis is not None for span in window))  # type: ignore[arg-type]

    @property
    def spatial(self) -> bool:
        """Whether elements see differently, or may."""
        return self.sight is None or any(varies(self.sight, d) for d in range(1, self.sight.ndim))

    @property
    def window(self) -> Window | None:
        """What all elements see together."""
        if self.sight is None:
            return None
        return window_of(self.sight.reshape(SIGHT, -1).min(1))

    @property
    def seen(self) -> Window | None:
        return self.window

    def fits(self, shape: Sequence[int]) -> bool:
        """Whether it can be that of a value of `shape`."""
        sizes = self._sizes()
        return len(sizes) == len(shape) and all(a in (1, b) for a, b in zip(sizes, shape, strict=True))

    def field(self, height: int, width: int, channel: int | None = None) -> Field | Extent:
        """The receptive field of the layer: regular only if all elements see the same."""
        return UNKNOWN if self.spatial else field_of(self.window, height, width)

    def layout(self, shape: Sequence[int]) -> Layout | None:
        """None: its units lie in no rows and columns."""

    def channel(self, index: int) -> Window | None:
        """None: what the units of one channel see is followed no further."""

    def blind(self) -> Scatter:
        """At home where it was, seeing no one knows what."""
        return replace(self, sight=None)

    def moved(self, move: Callable[[np.ndarray], np.ndarray]) -> Scatter:
        """After `move` of arrays (numbers, *sizes), which leaves the first dimension alone."""
        home = tight(move(self.home))
        return replace(self, home=home, sight=None if self.sight is None else tight(move(self.sight)))

    def reshaped(self, old: Sequence[int], new: Sequence[int]) -> Scatter:
        """Of the same values in row-major order under another shape."""

        def move(array: np.ndarray) -> np.ndarray:
            full, sizes = list(array.shape), [1] * len(new)
            for left, right in groups(old, new):
                if any(array.shape[d + 1] > 1 for d in left):
                    for d in left:
                        full[d + 1] = old[d]
                    for d in right:
                        sizes[d] = new[d]
            if np.prod(sizes) > MOST:
                raise ValueError(f"{sizes} elements are too many to follow each")
            return np.broadcast_to(array, full).reshape(len(array), *sizes)

        return self.moved(move)

    def joined(self, dims: Sequence[int], *, homes: bool = True) -> Scatter:
        """After an operation along `dims` whose results see all that was there; `homes`: and which lie there once."""
        axes = tuple(d + 1 for d in dims)
        sight = None if self.sight is None else self.sight.min(axes, keepdims=True)
        return replace(self, home=self.home.min(axes, keepdims=True) if homes else self.home, sight=sight)

    def with_sight_of(self, others: Sequence[Scatter]) -> Scatter:
        """At home where this one is, seeing what the others see too, broadcast from the last dimension."""
        everyone = [self, *others]
        sights = [one.sight for one in everyone if one.sight is not None]
        if len(sights) < len(everyone):
            return self.blind()
        sight = sights[0]
        for other in sights[1:]:
            sight = np.minimum(*levelled(sight, other))
        regular = tuple(all(one.regular[axis] for one in everyone) for axis in (0, 1))
        return Scatter(levelled(self.home, sight)[0], sight, regular)  # type: ignore[arg-type]

    def place(self, shape: Sequence[int]) -> Place | None:
        """As a `Place`, if the homes lie in rows and columns, or in one dimension row by row; else None."""
        result = self._grid(len(shape))
        if result is None or self.sight is None:
            return result
        if result.prefix:
            before = np.broadcast_to(self.sight, (SIGHT, *self._sizes())).reshape(SIGHT, -1)[:, : result.prefix]
            result = replace(result, extras=tuple(window_of(one) for one in before.T))
        sight = self._laid_out(np.broadcast_to(self.sight, (SIGHT, *self._sizes())), result)
        rows, columns = sight[:4], sight[4:]
        if varies(rows, 2) or varies(columns, 1):
            return result
        window = span_of(rows[:, :, 0], self.regular[0]), span_of(columns[:, 0], self.regular[1])
        return result.seeing(window)

    def _sizes(self) -> tuple[int, ...]:
        return np.broadcast_shapes(self.home.shape[1:], () if self.sight is None else self.sight.shape[1:])

    def _grid(self, ndim: int) -> Place | None:
        """Where rows and columns, or tokens, lie; what they see is left open."""
        varying = [d for d, size in enumerate(self._sizes()) if size > 1]
        roles, (rows, columns) = ["-"] * ndim, self.home
        if not varying:
            return Place("-" * ndim, ((0, None),))
        if len(varying) == 1:
            roles[varying[0]] = "t"
            prefix = int((rows.reshape(-1) < 0).argmin())
            rows, columns = rows.reshape(-1)[prefix:], columns.reshape(-1)[prefix:]
            height = len(np.unique(rows))
            grid = height, len(rows) // height
            whole = grid[0] * grid[1] == len(rows) and rows.min() >= 0
            if whole and ordered(rows.reshape(grid), 0) and ordered(columns.reshape(grid), 1):
                return Place("".join(roles), ((0, None),), grid, prefix, (None,) * prefix)
        if len(varying) == 2:
            for h, w in (varying, varying[::-1]):
                if ordered(rows, h) and ordered(columns, w):
                    roles[h], roles[w] = "h", "w"
                    return Place("".join(roles), ((0, None),))
        return None

    def _laid_out(self, array: np.ndarray, place: Place) -> np.ndarray:
        """An array (numbers, *sizes) as (numbers, rows, columns)."""
        if "t" in place.roles:
            return array.reshape(SIGHT, -1)[:, place.prefix :].reshape(SIGHT, *place.grid)
        if "h" not in place.roles:
            return array.reshape(SIGHT, 1, 1)
        h, w = place.roles.index("h"), place.roles.index("w")
        array = array.reshape(SIGHT, array.shape[min(h, w) + 1], array.shape[max(h, w) + 1])
        return array if h < w else array.swapaxes(1, 2)


def nothing(ndim: int) -> Scatter:
    """Of a value that holds nothing of the image: weights, zeros, a learned token."""
    ones = (1,) * ndim
    return Scatter(np.full((2, *ones), -1), NOTHING.reshape(SIGHT, *ones), (True, True))


def pointwise(several: Sequence[Scatter]) -> Scatter | None:
    """Values joined element by element, broadcasting from the last dimension.

    The finest homes stand: what is the same for several of their elements was joined before and spread again. None if
    two values that are equally fine lie differently.
    """
    ndim = max(one.home.ndim for one in several)
    homes = sorted((raised(one.home, ndim) for one in several if (one.home >= 0).any()), key=np.size)
    home = homes[-1] if homes else raised(several[0].home, ndim)
    if any(other.shape == home.shape and not np.array_equal(other, home) for other in homes):
        return None
    if any(
        size not in (1, home_size) for other in homes for size, home_size in zip(other.shape, home.shape, strict=True)
    ):
        return None
    return replace(several[0], home=home).with_sight_of(several[1:])
