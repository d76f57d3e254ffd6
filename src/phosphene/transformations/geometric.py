"""Transformations that move places: flips, turns, changes of size, shifts and crops."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from .affine import Affine, rotation
from .transformation import Transformation

Direction = Literal["horizontal", "vertical"]


def text(number: float) -> str:
    """A number as the grammar writes it."""
    return f"{number:.10g}"


def check_number(value: float, what: str, low: float, high: float) -> None:
    """ValueError for what is no finite number strictly between the bounds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low < value < high:
        raise ValueError(f"{what} is a number between {low:g} and {high:g}, not {value!r}")


@dataclass(frozen=True)
class Flip(Transformation):
    """Left and right exchanged ("horizontal"), or top and bottom ("vertical")."""

    direction: Direction = "horizontal"

    def __post_init__(self) -> None:
        if self.direction not in get_args(Direction):
            raise ValueError(f"a flip is horizontal or vertical, not {self.direction!r}")

    def __str__(self) -> str:
        return f"flip-{self.direction}"

    def affine(self, height: float, width: float) -> Affine:
        x = -1.0 if self.direction == "horizontal" else 1.0
        return Affine(((x, 0.0), (0.0, -x)))

    @property
    def inverse(self) -> Flip:
        return self


@dataclass(frozen=True)
class Rotate(Transformation):
    """Turned counter-clockwise about the middle by so many degrees."""

    degrees: float

    def __post_init__(self) -> None:
        check_number(self.degrees, "a rotation's angle in degrees", -100_000, 100_000)

    def __str__(self) -> str:
        return f"rotate:{text(self.degrees)}"

    def affine(self, height: float, width: float) -> Affine:
        return Affine(rotation(self.degrees))

    @property
    def inverse(self) -> Rotate:
        return Rotate(-self.degrees)

    def power(self, exponent: float) -> Rotate:
        return Rotate(self.degrees * exponent)


@dataclass(frozen=True)
class Scale(Transformation):
    """Enlarged about the middle by a factor; made smaller by one below 1."""

    factor: float

    def __post_init__(self) -> None:
        check_number(self.factor, "a factor of scale", 0, 1000)

    def __str__(self) -> str:
        return f"scale:{text(self.factor)}"

    def affine(self, height: float, width: float) -> Affine:
        return Affine(((self.factor, 0.0), (0.0, self.factor)))

    @property
    def inverse(self) -> Scale:
        return Scale(1 / self.factor)

    def power(self, exponent: float) -> Scale:
        return Scale(self.factor**exponent)


@dataclass(frozen=True)
class Translate(Transformation):
    """Moved to the right and down, by shares of the image's width and height."""

    right: float
    down: float = 0.0

    def __post_init__(self) -> None:
        check_number(self.right, "a shift to the right, as a share of the width,", -1, 1)
        check_number(self.down, "a shift down, as a share of the height,", -1, 1)

    def __str__(self) -> str:
        return f"translate:{text(self.right)},{text(self.down)}"

    def affine(self, height: float, width: float) -> Affine:
        return Affine(shift=(self.right * width, self.down * height))

    @property
    def inverse(self) -> Translate:
        return Translate(-self.right, -self.down)

    def power(self, exponent: float) -> Translate:
        return Translate(self.right * exponent, self.down * exponent)


@dataclass(frozen=True)
class Crop(Transformation):
    """A part of the image, resized to the whole frame.

    `left` alone is the share of each side that the middle part has; otherwise the four edges of the part, as shares of
    the width and height.
    """

    left: float
    top: float | None = None
    right: float | None = None
    bottom: float | None = None

    def __post_init__(self) -> None:
        if self.top is self.right is self.bottom is None:
            if not (isinstance(self.left, (int, float)) and 0 < self.left <= 1):
                raise ValueError(f"a crop is a share of each side, above 0 and at most 1, not {self.left!r}")
            return
        left, top, right, bottom = self.box
        if not all(math.isfinite(edge) for edge in self.box) or not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise ValueError(
                "a crop's edges are left < right and top < bottom, all from 0 to 1, "
                f"not {left}, {top}, {right}, {bottom}"
            )

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom, as shares."""
        if self.top is None or self.right is None or self.bottom is None:
            edge = (1 - self.left) / 2
            return edge, edge, 1 - edge, 1 - edge
        return self.left, self.top, self.right, self.bottom

    def __str__(self) -> str:
        edges = (self.left,) if self.top is None else self.box
        return f"crop:{','.join(map(text, edges))}"

    def affine(self, height: float, width: float) -> Affine:
        left, top, right, bottom = self.box
        across, down = 1 / (right - left), 1 / (bottom - top)
        x, y = ((left + right) / 2 - 0.5) * width, ((top + bottom) / 2 - 0.5) * height
        return Affine(((across, 0.0), (0.0, down)), (-across * x, -down * y))
