"""Where the network's input lies in the photo, exact to the pixel.

An input is a photo resized to `resized` and then cut (or padded) to `size` with its upper left corner at `corner`:

    photo y  =  (input y + top) * photo height / resized height                    (x alike)

Coordinates are pixel *edges*: the first pixel reaches from 0 to 1, so an image `height` pixels high reaches from 0 to
`height`, and resizing is a plain scaling without half-pixel shifts. A `Frame` keeps the four integers pairs and no
rounded scale, so that going there and back loses nothing but float rounding.
"""

import math
from dataclasses import dataclass
from typing import Any


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

    def clip(self, height: float, width: float) -> "Box":
        """The part inside an image of this size; empty (width or height 0), on the nearest edge, if none is inside."""
        left, right = (min(max(x, 0), width) for x in (self.left, self.right))
        top, bottom = (min(max(y, 0), height) for y in (self.top, self.bottom))
        return Box(left, top, right, bottom)

    def round(self) -> "Box":
        """The same box on whole pixels, each edge to the nearest; a box that holds anything keeps at least one pixel.

        Halves go up, so that boxes that touch still touch.
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
    """The map between a photo's pixels and the network's input pixels; every pair is (height or top, width or left)."""

    photo: tuple[int, int]
    size: tuple[int, int]
    resized: tuple[int, int]
    corner: tuple[int, int] = (0, 0)

    @classmethod
    def whole(cls, height: int, width: int) -> "Frame":
        """The frame of an input that is the photo itself, pixel for pixel."""
        return cls((height, width), (height, width), (height, width))

    @property
    def scale(self) -> tuple[float, float]:
        """Input pixels per photo pixel, (vertical, horizontal)."""
        return self.resized[0] / self.photo[0], self.resized[1] / self.photo[1]

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

    @property
    def seen(self) -> Box:
        """The part of the photo that the network sees, in the photo's pixels."""
        return self.to_photo(Box(0, 0, self.size[1], self.size[0])).clip(*self.photo)

    @property
    def filled(self) -> Box:
        """The part of the input that shows photo rather than padding, in the input's pixels."""
        return self.to_input(Box(0, 0, self.photo[1], self.photo[0])).clip(*self.size)

    def to_dict(self) -> dict[str, Any]:
        """The frame as JSON-able values."""
        return {name: list(getattr(self, name)) for name in ("photo", "size", "resized", "corner")}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Frame":
        """The frame that `to_dict` wrote."""
        pairs = {name: (int(pair[0]), int(pair[1])) for name, pair in values.items()}
        return cls(**pairs)
