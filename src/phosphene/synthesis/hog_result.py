"""What images made from a HOG descriptor give: how close the descriptors came, and how far apart the images are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..picture import Block, Drawing, DrawingBlock, ImageBlock, Photo, Picture, Row, compact, sheet
from .hog import descriptor
from .hog_descriptor import Settings
from .hog_glyphs import energies, glyphs
from .hog_images import apart, distance
from .synthesis import Synthesis, pixels, trace

WIDE = 330.0


@dataclass(frozen=True, eq=False, kw_only=True)
class HogImages(Synthesis):
    """Grey images (N, 3, H, W) whose descriptors are close to that of `goal`, the photo as it was fitted.

    `start` is the image that they began at, None for noise.
    """

    goal: Photo
    start: Photo | None = None
    settings: Settings = field(default_factory=Settings)

    @property
    def distances(self) -> np.ndarray:
        """|phi(x) - phi(goal)| / |phi(goal)| (N,) with scikit-image's descriptor, of images rounded to 8 bits."""
        return np.array([distance(each, self.goal.pixels, self.settings) for each in pixels(self.images)])

    @property
    def apart(self) -> np.ndarray:
        """How different the images are from the goal (N,): the root of the mean square, of pixels in [0, 1]."""
        return np.array([apart(each, self.goal.pixels) for each in pixels(self.images)])

    @property
    def progress(self) -> str:
        return f"error of the descriptor {compact(float((-self.scores.mean()).clamp(min=0).sqrt()))}"

    @property
    def heading(self) -> str:
        return "Images with the descriptor of a photo" if self.start is None else "Two images, nearly one descriptor"

    @property
    def caption(self) -> str:
        return (
            f"{super().caption} HOG: {self.settings.told}. Distances of descriptors are relative, scikit-image's of "
            f"images rounded to 8 bits; those of pixels are roots of mean squares, in [0, 1]. Strokes: black 0, white "
            "the largest of each."
        )

    def picture(self, *, columns: int = 3) -> Picture:
        """The photo, where it began, and each image, with their descriptors as strokes.

        - `columns`: images in a row
        """
        shown: list[tuple[np.ndarray, str, str]] = [(self.goal.pixels, "the photo", self.goal.name)]
        if self.start is not None:
            told = (
                f"descriptor {compact(distance(self.start.pixels, self.goal.pixels, self.settings))} apart, "
                f"pixels {compact(apart(self.start.pixels, self.goal.pixels))}"
            )
            shown.append((self.start.pixels, "where it began", told))
        for index, (image, near, far) in enumerate(zip(pixels(self.images), self.distances, self.apart, strict=True)):
            name = "made from its HOG" if len(self.images) == 1 else f"made from its HOG, {index + 1}"
            shown.append((image, name, f"descriptor {compact(float(near))} apart, pixels {compact(float(far))}"))
        blocks: list[Block] = []
        for first in range(0, len(shown), columns):
            some = shown[first : first + columns]
            blocks.append(Row([ImageBlock(each, name, told, width=WIDE, crisp=False) for each, name, told in some]))
            blocks.append(Row([DrawingBlock(self._strokes(each)) for each, _, _ in some]))
        if len(self.history) > 1:
            blocks.append(trace(self.history, self.objective))
        width = min(columns, len(shown)) * (WIDE + 32) - 32 + 96
        drawing = sheet(self.heading, f"{self.goal.name}, in grey", blocks, caption=self.caption, width=max(700, width))
        return self.drawn(drawing, f"{self.heading}; {self.caption}", columns=columns)

    def _strokes(self, image: np.ndarray) -> Drawing:
        rows, columns = (side // self.settings.cell - self.settings.block + 1 for side in image.shape[:2])
        shape = rows, columns, self.settings.block, self.settings.block, self.settings.orientations
        return glyphs(energies(descriptor(image, self.settings).numpy().reshape(shape)), WIDE)

    def to_dict(self) -> dict[str, Any]:
        return super().to_dict() | {"distances": self.distances.tolist(), "apart": self.apart.tolist()}
