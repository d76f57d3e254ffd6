"""What every transformation can do."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from .affine import Affine, Resampling
from .filters import blurred

IDENTITY = Affine()


class Transformation(ABC):
    """A change g of images: a value that knows how it acts on pixels, and on a grid of places.

    `str(g)` is the text that makes it again.
    """

    @abstractmethod
    def __str__(self) -> str: ...

    def affine(self, height: float, width: float) -> Affine:
        """Where it moves the points of an image of this size; the identity for one that moves nothing."""
        return IDENTITY

    def images(self, images: Tensor) -> Tensor:
        """The changed images (N, C, H, W), values in [0, 1]; what comes in from outside the frame is mirrored."""
        height, width = int(images.shape[-2]), int(images.shape[-1])
        return moved(images, self.affine(height, width))

    def resampling(self, grid: tuple[int, int], frame: tuple[int, int]) -> Resampling:
        """How it moves the values of a grid (rows, columns) that lies over a frame (height, width)."""
        return self.affine(*frame).resampling(grid, frame)

    @property
    def geometric(self) -> bool:
        """Whether it moves places."""
        return True

    @property
    def inverse(self) -> Transformation | None:
        """The transformation that undoes it, but for what leaves the frame; None where there is none."""
        return None

    def power(self, exponent: float) -> Transformation | None:
        """The member g^t of the family that it belongs to: g itself for 1, nearly nothing for a small t.

        None for a transformation without such a family, as a flip.
        """
        return None


def moved(images: Tensor, affine: Affine) -> Tensor:
    """Images (N, C, H, W) in [0, 1] under an affine map: exact where pixels fall on pixels, else bicubic.

    Where it shrinks, images are smoothed before, so that no detail is aliased.
    """
    height, width = int(images.shape[-2]), int(images.shape[-1])
    resampling = affine.resampling((height, width), (height, width))
    if resampling.permutes:
        return resampling(images)
    scale = abs(affine.determinant) ** 0.5
    if scale < 1:
        images = blurred(images, 0.5 * (1 / scale**2 - 1) ** 0.5)
    return resampling(images, "bicubic").clamp(0, 1)
