"""Transformations that change values and move nothing."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .colour import grey
from .filters import blurred
from .geometric import check_number, text
from .transformation import Transformation


class Photometric(Transformation):
    """A transformation under which everything stays at its place."""

    @property
    def geometric(self) -> bool:
        return False


@dataclass(frozen=True)
class Grey(Photometric):
    """The luma in every channel; images of one channel stay."""

    def __str__(self) -> str:
        return "grey"

    def images(self, images: Tensor) -> Tensor:
        return grey(images) if images.shape[1] == 3 else images


@dataclass(frozen=True)
class Brightness(Photometric):
    """Every value times a factor, cut at 1."""

    factor: float

    def __post_init__(self) -> None:
        check_number(self.factor, "a factor of brightness", 0, 1000)

    def __str__(self) -> str:
        return f"brightness:{text(self.factor)}"

    def images(self, images: Tensor) -> Tensor:
        return (images * self.factor).clamp(0, 1)

    def power(self, exponent: float) -> Brightness:
        return Brightness(self.factor**exponent)


@dataclass(frozen=True)
class Contrast(Photometric):
    """Every value's distance from the image's mean colour times a factor, cut at 0 and 1."""

    factor: float

    def __post_init__(self) -> None:
        check_number(self.factor, "a factor of contrast", 0, 1000)

    def __str__(self) -> str:
        return f"contrast:{text(self.factor)}"

    def images(self, images: Tensor) -> Tensor:
        mean = images.mean((2, 3), keepdim=True)
        return (mean + self.factor * (images - mean)).clamp(0, 1)

    def power(self, exponent: float) -> Contrast:
        return Contrast(self.factor**exponent)


@dataclass(frozen=True)
class Blur(Photometric):
    """Under a Gaussian of so many pixels of the network's input."""

    sigma_px: float

    def __post_init__(self) -> None:
        check_number(self.sigma_px, "a blur's standard deviation in pixels", 0, 1000)

    def __str__(self) -> str:
        return f"blur:{text(self.sigma_px)}"

    def images(self, images: Tensor) -> Tensor:
        return blurred(images, self.sigma_px)
