"""Several transformations, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from torch import Tensor

from .affine import Affine, Resampling
from .transformation import IDENTITY, Transformation, moved


class Compose(Transformation):
    """The transformations one after the other, the first one first.

    Those that move places and follow each other are one movement, so that pixels are interpolated once.
    """

    def __init__(self, parts: Sequence[Transformation]) -> None:
        flat = [
            inner for part in parts for inner in (part.parts if isinstance(part, Compose) else (part,))
        ]  # fmt: skip
        wrong = next((part for part in flat if not isinstance(part, Transformation)), None)
        if wrong is not None:
            raise TypeError(f"Compose takes transformations such as Flip('horizontal'), not {wrong!r}")
        if not flat:
            raise ValueError("Compose takes at least one transformation")
        self.parts: tuple[Transformation, ...] = tuple(flat)

    def __str__(self) -> str:
        return "+".join(map(str, self.parts))

    def __repr__(self) -> str:
        return f"Compose([{', '.join(map(repr, self.parts))}])"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Compose) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def affine(self, height: float, width: float) -> Affine:
        return _after(self.parts, height, width)

    def images(self, images: Tensor) -> Tensor:
        height, width = int(images.shape[-2]), int(images.shape[-1])
        for geometric, group in groupby(self.parts, _moves):
            parts = list(group)
            if geometric:
                images = moved(images, _after(parts, height, width))
            else:
                for part in parts:
                    images = part.images(images)
        return images

    def resampling(self, grid: tuple[int, int], frame: tuple[int, int]) -> Resampling:
        """Valid are places whose values lay inside of the frame before each movement, not only before the first."""
        whole = super().resampling(grid, frame)
        valid, after = whole.valid, IDENTITY
        for geometric, group in reversed([(key, list(some)) for key, some in groupby(self.parts, _moves)]):
            if geometric:
                after = _after(group, *frame).then(after)
                valid = valid & after.resampling(grid, frame).valid
        return replace(whole, valid=valid)

    @property
    def geometric(self) -> bool:
        return any(part.geometric for part in self.parts)

    @property
    def inverse(self) -> Compose | None:
        inverses = [part.inverse for part in reversed(self.parts)]
        return None if None in inverses else Compose([each for each in inverses if each is not None])


def _moves(part: Transformation) -> bool:
    return part.geometric


def _after(parts: Sequence[Transformation], height: float, width: float) -> Affine:
    affine = IDENTITY
    for part in parts:
        affine = affine.then(part.affine(height, width))
    return affine
