"""Transforms: small random changes of an image before the network sees it.

An image that must please a unit wherever it stands, a little larger, smaller or turned, can't rely on single pixels;
what remains of it is larger and clearer (Olah et al. 2017). A transform is a value: `transform(images, generator)`
gives images (N, 3, H, W) of the same size, changed, and the same generator gives the same changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .options import count, positive

Transform = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Roll:
    """Each batch shifted by whole pixels, up to `most` each way; what leaves on one side enters on the other.

    The jitter of DeepDream (A. Mordvintsev, C. Olah and M. Tyka, 2015): nothing is lost and nothing blurred.
    """

    most: int

    def __post_init__(self) -> None:
        count(self.most, "a jitter", 0)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        down, right = torch.randint(-self.most, self.most + 1, (2,), generator=generator).tolist()
        return images.roll((down, right), (-2, -1))


@dataclass(frozen=True)
class Moved:
    """Each image shifted, scaled and turned about its middle, in one resampling; what comes in from outside is grey.

    Shifts are even in ± `shift` of the image's side, scales in 1 ± `scale` or between two of them, angles in ± `turn`
    degrees.
    """

    shift: float = 16 / 224
    scale: float | tuple[float, float] = 0.1
    turn: float = 10.0

    def __post_init__(self) -> None:
        positive(self.shift, "a shift", zero=True)
        positive(self.turn, "a rotation", zero=True)
        if isinstance(self.scale, tuple):
            span(*self.scale, "a scale")
        elif positive(self.scale, "a scale", zero=True) >= 1:
            raise ValueError(f"a scale is a range such as 0.9-1.1, or 0.1 for 1 ± 0.1, not {self.scale!r}")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        draw = 2 * torch.rand(4, len(images), generator=generator) - 1
        if isinstance(self.scale, tuple):
            low, high = self.scale
            factor = low + (high - low) * (draw[1] + 1) / 2
        else:
            factor = 1 + self.scale * draw[1]
        angle, size = draw[0] * math.radians(self.turn), 1 / factor
        right, down = 2 * self.shift * draw[2], 2 * self.shift * draw[3]  # a grid's side is 2
        return resampled(images - 0.5, size, angle, right, down, "zeros") + 0.5


@dataclass(frozen=True)
class Cropped:
    """Of each image another piece, brought to the image's own size: `low` to `high` of its side, turned by ± `turn` °.

    A piece lies anywhere in the image; one larger than the image has all of it, small, and the rest is mirrored.
    Units see the image at many sizes, as in the crops of MACO (T. Fel et al., 2023).
    """

    low: float = 0.5
    high: float = 1.2
    turn: float = 10.0

    def __post_init__(self) -> None:
        span(self.low, self.high, "a crop")
        positive(self.turn, "a rotation", zero=True)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        draw = torch.rand(4, len(images), generator=generator)
        size = self.low + (self.high - self.low) * draw[0]
        angle = math.radians(self.turn) * (2 * draw[1] - 1)
        room = (1 - size).abs()  # of the grid's side of 2, half
        right, down = room * (2 * draw[2] - 1), room * (2 * draw[3] - 1)
        return resampled(images, size, angle, right, down, "reflection")


@dataclass(frozen=True)
class Noised:
    """Each pixel with normal noise of standard deviation `deviation` added, so that faint patterns are lost in it."""

    deviation: float = 0.05

    def __post_init__(self) -> None:
        positive(self.deviation, "noise", zero=True)

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return images + self.deviation * torch.randn(images.shape, generator=generator).to(images)


@dataclass(frozen=True)
class Several:
    """One transform after the other."""

    transforms: tuple[Transform, ...]

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        for transform in self.transforms:
            images = transform(images, generator)
        return images


def span(low: float, high: float, name: str) -> None:
    """ValueError for two numbers that are no range above 0."""
    if positive(low, name) > positive(high, name):
        raise ValueError(f"{name} goes from a smaller number to a larger one, not from {low:g} to {high:g}")


def resampled(
    images: Tensor, size: Tensor, angle: Tensor, right: Tensor, down: Tensor, outside: Literal["zeros", "reflection"]
) -> Tensor:
    """Each image's piece of `size` times its sides, turned by `angle`, its middle moved, in units of half a side."""
    height, width = images.shape[-2:]
    cos, sin = angle.cos() * size, angle.sin() * size
    rows = [torch.stack([cos, -sin * height / width, right], 1), torch.stack([sin * width / height, cos, down], 1)]
    grid = F.affine_grid(torch.stack(rows, 1).to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode=outside, align_corners=False)


ROBUST = Moved()  # near the published choice for images of units: padded by 16 px, scaled by ± 10 %, turned by ± 10°
PIECES = Several((Cropped(), Noised()))  # of many sizes; how they were found: docs/methods/class_image.md
