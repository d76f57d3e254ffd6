"""Where the network's input lies in the photo, exact to the pixel.

An input is a photo resized to `resized` and then cut (or padded) to `size` with its upper left corner at `corner`:

    photo y  =  (input y + top) * photo height / resized height                    (x alike)

Coordinates are pixel *edges*: the first pixel reaches from 0 to 1, so an image `height` pixels high reaches from 0 to
`height`, and resizing is a plain scaling without half-pixel shifts. A `Frame` keeps the four integers pairs and no
rounded scale, so that going there and back loses nothing but float rounding.

Two questions lead from a box of the input to the photo. Where does it lie there? `to_photo` scales it, and maps are
drawn so. Which pixels was it made of? `source` adds the reach of the resizing filter, as `reach` has it for each axis.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .reach import margin, sources


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels, half-open: `right` and `bottom` are the first edges no longer inside."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def empty(self) -> bool:
        """Whether the box contains nothing."""
        return self.right <= self.left or self.bottom <= self.top

    def clip(self, height: float, width: float) -> "Box":
        """The part inside an image of this size; empty (width or height 0), on the nearest edge, if none is inside."""
        return self.within(Box(0, 0, width, height))

    def within(self, other: "Box") -> "Box":
        """The part inside another box; empty, on its nearest edge, if none is inside."""
        left, right = (min(max(x, other.left), other.right) for x in (self.left, self.right))
        top, bottom = (min(max(y, other.top), other.bottom) for y in (self.top, self.bottom))
        return Box(left, top, right, bottom)

    def round(self) -> "Box":
        """The same box on whole pixels, each edge at the nearest; a box that is not empty keeps at least one pixel.

        Halves are rounded up, so that boxes that touch still touch.
        """
        left, right = _whole(self.left, self.right)
        top, bottom = _whole(self.top, self.bottom)
        return Box(left, top, right, bottom)

    def as_tuple(self) -> tuple[float, float, float, float]:
        """(left, top, right, bottom), as PIL and torchvision take it."""
        return self.left, self.top, self.right, self.bottom


def _whole(low: float, high: float) -> tuple[int, int]:
    start, stop = math.floor(low + 0.5), math.floor(high + 0.5)
    if stop == start and high > low:
        start = math.floor((low + high) / 2)
        stop = start + 1
    return start, stop


@dataclass(frozen=True)
class Frame:
    """The map between a photo's pixels and the network's input pixels; every pair is (height or top, width or left).

    `interpolation` is the filter that resized the photo, None for one without influence from pixels beyond a plain
    scaling. `piece`: only the part inside the crop was resized.
    """

    photo: tuple[int, int]
    size: tuple[int, int]
    resized: tuple[int, int]
    corner: tuple[int, int] = (0, 0)
    interpolation: str | None = None
    antialias: bool = True
    piece: bool = False

    @classmethod
    def whole(cls, height: int, width: int) -> "Frame":
        """The frame of an input that is the photo itself, pixel for pixel."""
        return cls((height, width), (height, width), (height, width))

    @property
    def scale(self) -> tuple[float, float]:
        """Input pixels per photo pixel, (vertical, horizontal)."""
        return self.resized[0] / self.photo[0], self.resized[1] / self.photo[1]

    @property
    def whole_input(self) -> Box:
        """All of the input, in its own pixels."""
        return Box(0, 0, self.size[1], self.size[0])

    def to_photo(self, box: Box) -> Box:
        """A box of the input in the photo's pixels. Not clipped: padding lies outside the photo."""
        (top, left), (resized_h, resized_w), (photo_h, photo_w) = self.corner, self.resized, self.photo
        return Box(
            (box.left + left) * photo_w / resized_w,
            (box.top + top) * photo_h / resized_h,
            (box.right + left) * photo_w / resized_w,
            (box.bottom + top) * photo_h / resized_h,
        )

    def to_input(self, box: Box) -> Box:
        """A box of the photo in the input's pixels. Not clipped: parts may have been cropped away."""
        (top, left), (resized_h, resized_w), (photo_h, photo_w) = self.corner, self.resized, self.photo
        return Box(
            box.left * resized_w / photo_w - left,
            box.top * resized_h / photo_h - top,
            box.right * resized_w / photo_w - left,
            box.bottom * resized_h / photo_h - top,
        )

    def source(self, box: Box) -> Box:
        """The pixels of the photo that a box of the input was computed from: whole pixels, within the photo.

        Every row and column of the result contributes to some pixel of the box, and no pixel outside does. It is empty
        (width or height 0), on the nearest edge, if the box contains only padding.
        """
        edges = []
        for axis, (low, high) in enumerate(((box.top, box.bottom), (box.left, box.right))):
            shift, limit = self.corner[axis], min(self.corner[axis] + self.size[axis], self.resized[axis])
            first, stop = max(math.floor(low) + shift, shift, 0), min(math.ceil(high) + shift, limit)
            if not (high > low and stop > first):
                return self.to_photo(Box(box.left, box.top, box.left, box.top)).clip(*self.photo)
            edges.append(self._sources(axis, first, stop))
        (top, bottom), (left, right) = edges
        return Box(left, top, right, bottom)

    def _sources(self, axis: int, first: int, stop: int) -> tuple[int, int]:
        before, after = self.photo[axis], self.resized[axis]
        if self.photo == self.resized:
            return first, stop
        if self.interpolation is None:
            return math.floor(first * before / after), math.ceil(stop * before / after)
        piece = None
        if self.piece:
            # PIL takes the edges of a part in single precision
            start, end = (self.seen.top, self.seen.bottom) if axis == 0 else (self.seen.left, self.seen.right)
            low, high = max(self.corner[axis], 0), min(self.corner[axis] + self.size[axis], after)
            piece = (float(np.float32(start)), float(np.float32(end)), low, high - low)
        return sources(first, stop, before, after, self.interpolation, self.antialias, piece)

    @property
    def margin(self) -> tuple[float, float]:
        """How far `source` reaches at most beyond `to_photo`, on each side, in pixels of the input: down, across."""
        if self.interpolation is None or self.photo == self.resized:
            return 0.0, 0.0
        down, across = (
            margin(before, after, self.interpolation, self.antialias)
            for before, after in zip(self.photo, self.resized, strict=True)
        )
        return down, across

    @property
    def seen(self) -> Box:
        """The part of the photo that the network's input shows, in the photo's pixels."""
        return self.to_photo(self.whole_input).clip(*self.photo)

    @property
    def filled(self) -> Box:
        """The part of the input that shows photo rather than padding, in the input's pixels."""
        return self.to_input(Box(0, 0, self.photo[1], self.photo[0])).clip(*self.size)

    def to_dict(self) -> dict[str, Any]:
        """The frame as JSON-able values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Frame":
        """The frame that `to_dict` wrote."""
        settings: dict[str, Any] = {
            name: (int(value[0]), int(value[1])) if isinstance(value, list | tuple) else value
            for name, value in values.items()
        }
        return cls(**settings)
