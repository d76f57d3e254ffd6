"""Where in a tensor the image's places lie, and what each of them sees.

A `Place` says for every dimension of a tensor what it holds, as one letter: `c` channels, `h` rows, `w` columns,
`t` tokens (rows and columns of a grid in one dimension, among others that have no place, such as cls) and `-` anything
else. `parts` gives the windows of consecutive channels, since the branches that a concatenation joins see
differently much. A value whose rows and columns are spread over more dimensions is a `Scatter`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from .fields import Extent, Field, Span, Window, alike, field_of, hull, join
from .layout import Layout

Parts = tuple[tuple[int, Window | None], ...]  # (channels, what they see), in order


@dataclass(frozen=True, eq=False)
class Place:
    """The places of one tensor: a letter for each dimension, and the windows of its channels."""

    roles: str
    parts: Parts
    grid: tuple[int, int] = (0, 0)
    prefix: int = 0  # tokens without a place that stand before the grid
    extras: tuple[Window | None, ...] = ()  # what each of the tokens without a place sees, first those before the grid

    @classmethod
    def image(cls, images: Tensor) -> Place:
        """Of the network's input (N, C, H, W)."""
        _, channels, height, width = images.shape
        return cls("-chw", ((channels, (Span.image(height), Span.image(width))),))

    @property
    def window(self) -> Window | None:
        """What the units of all channels see together."""
        return join([window for _, window in self.parts])

    @property
    def seen(self) -> Window | None:
        """What all units see together, tokens without a place included."""
        return join([hull(self.window), *self.extras]) if "t" in self.roles else hull(self.window)

    @property
    def spatial(self) -> bool:
        """Whether units at different places of this tensor still see differently, or may."""
        window = self.window
        if window is None or any(len(span) > 1 or span.axis is not None for span in window):
            return True
        return "t" in self.roles and not all(alike(extra, window) for extra in self.extras)

    def merged(self, roles: str | None = None) -> Place:
        """The same with all channels taken together."""
        return replace(self, roles=self.roles if roles is None else roles, parts=((0, self.window),))

    def blind(self) -> Place:
        """The same units, seeing no one knows what."""
        return replace(self, parts=((0, None),), extras=(None,) * len(self.extras))

    def seeing(self, window: Window | None, roles: str | None = None) -> Place:
        return replace(self, roles=self.roles if roles is None else roles, parts=((0, window),))

    def contracted(self, dims: Sequence[int], *, keep: bool) -> Place:
        """After an operation that joins all units along `dims`: these are gone, or (keep) each unit sees them all."""
        letters = {self.roles[d] for d in dims}
        roles = self.roles if keep else "".join(role for d, role in enumerate(self.roles) if d not in dims)

        def joined(window: Window | None) -> Window | None:
            if window is None:
                return None
            if "t" in letters:
                return join([hull(window), *self.extras])
            rows, columns = window
            return rows.hull() if "h" in letters else rows, columns.hull() if "w" in letters else columns

        if not letters & set("chwt"):
            return replace(self, roles=roles)
        parts = ((0, self.window),) if "c" in letters else self.parts
        parts = tuple((count, joined(window)) for count, window in parts)
        extras = (self.seen,) * len(self.extras) if "t" in letters else self.extras
        return replace(self, roles=roles, parts=parts, extras=extras)

    def field(self, height: int, width: int, channel: int | None = None) -> Field | Extent:
        """The receptive field of the layer, or of one of its channels, for an input of height x width pixels."""
        return field_of(self.window if channel is None else self.channel(channel), height, width)

    def channel(self, index: int) -> Window | None:
        """What the units of channel `index` see."""
        end = 0
        for count, window in self.parts:
            end += count
            if index < end:
                return window
        return self.window

    def channels(self, start: int, stop: int) -> Parts:
        """The windows of the channels start ... stop - 1."""
        if len(self.parts) == 1:
            return ((stop - start, self.parts[0][1]),)
        channel_parts, at = [], 0
        for count, window in self.parts:
            inside = min(stop, at + count) - max(start, at)
            if inside > 0:
                channel_parts.append((inside, window))
            at += count
        return tuple(channel_parts)

    def layout(self, shape: Sequence[int]) -> Layout | None:
        """How to see the value as maps (N, C, rows, columns), or None where it has no grid of places."""
        if "t" in self.roles and sum(s > 1 for s, role in zip(shape, self.roles, strict=True) if role in "c-") <= 1:
            return Layout(tokens=self.roles.index("t"), grid=self.grid, prefix=self.prefix)
        if "h" in self.roles and "w" in self.roles and (len(self.roles) == 4 or self.roles in ("-hw", "-wh")):
            return Layout(rows=self.roles.index("h"), columns=self.roles.index("w"))
        return None


def pointwise(places: Sequence[tuple[Place, Sequence[int]]], shape: Sequence[int]) -> Place | None:
    """Of an operation that joins tensors place by place, broadcasting; each given as (its place, its shape).

    None if a dimension holds rows in one and columns or tokens in another.
    """
    roles, grid, prefix = ["-"] * len(shape), (0, 0), 0
    for place, sizes in places:
        for back in range(1, len(sizes) + 1):
            role, at = place.roles[-back], len(shape) - back
            if role == "-" or sizes[-back] != shape[at]:
                continue
            if roles[at] not in ("-", role):
                return None
            roles[at] = role
        if "t" in place.roles:
            grid, prefix = place.grid, place.prefix
    tokens = [p for p, _ in places if "t" in p.roles]
    if len({(p.grid, p.prefix, len(p.extras)) for p in tokens}) > 1:
        return None
    other_windows = [hull(p.window) for p, _ in places if "t" not in p.roles] if tokens and tokens[0].extras else []
    extras = tuple(join([*windows, *other_windows]) for windows in zip(*(p.extras for p in tokens), strict=True))
    return Place("".join(roles), _zip_parts([place.parts for place, _ in places]), grid, prefix, extras)


def _zip_parts(several: Sequence[Parts]) -> Parts:
    """Parts joined channel by channel; parts of one window stand for all channels."""
    split = [parts for parts in several if len(parts) > 1]
    if not split:
        count = max(parts[0][0] for parts in several)
        return ((count, join([parts[0][1] for parts in several])),)
    total = sum(count for count, _ in split[0])
    if any(sum(count for count, _ in parts) != total for parts in split):
        return ((0, join([window for parts in several for _, window in parts])),)
    ends = sorted({end for parts in split for end in _ends(parts)})
    merged, start = [], 0
    for end in ends:
        windows = [_at(parts, start) if len(parts) > 1 else parts[0][1] for parts in several]
        merged.append((end - start, join(windows)))
        start = end
    return tuple(merged)


def _ends(parts: Parts) -> list[int]:
    ends, at = [], 0
    for count, _ in parts:
        at += count
        ends.append(at)
    return ends


def _at(parts: Parts, index: int) -> Window | None:
    return next(window for (_, window), end in zip(parts, _ends(parts), strict=True) if index < end)


def reshaped(place: Place, old: Sequence[int], new: Sequence[int]) -> Place | None:
    """Of the same values in row-major order under another shape; None if rows or columns are spread by it."""
    roles = ["-"] * len(new)
    parts, grid, prefix = place.parts, place.grid, place.prefix
    for left, right in groups(old, new):
        letters = "".join(place.roles[d] for d in left)
        sizes = tuple(new[d] for d in right)
        if len(left) == len(right) == 1:
            roles[right[0]] = letters
        elif not set(letters) & set("hwt"):
            if "c" in letters:  # channels split, or joined with something else
                parts = ((0, place.window),) if len(parts) > 1 else parts
                roles[right[0]] = "c" if len(right) == 1 else "-"
        elif letters == "hw" and len(right) == 1:
            roles[right[0]], grid, prefix = "t", tuple(old[d] for d in left), 0  # type: ignore[assignment]
        elif letters == "t" and place.prefix == 0 and sizes == place.grid:
            roles[right[0]], roles[right[1]] = "h", "w"
        else:
            return None
    return Place("".join(roles), parts, grid, prefix, place.extras if "t" in roles and "t" in place.roles else ())


def groups(old: Sequence[int], new: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Runs of dimensions of two shapes that hold the same elements; dimensions of size 1 are in none."""
    lefts, rights = ([d for d, size in enumerate(shape) if size != 1] for shape in (old, new))
    result, i, j = [], 0, 0
    while i < len(lefts) and j < len(rights):
        left, right = [lefts[i]], [rights[j]]
        a, b = old[lefts[i]], new[rights[j]]
        i, j = i + 1, j + 1
        while a != b:
            if a < b:
                a *= old[lefts[i]]
                left.append(lefts[i])
                i += 1
            else:
                b *= new[rights[j]]
                right.append(rights[j])
                j += 1
        result.append((left, right))
    return result
