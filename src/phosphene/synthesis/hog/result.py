"""What images made from a HOG descriptor give: how close the descriptors came, and how far apart the images are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...network.hog import Settings
from ...picture import Block, Drawing, DrawingBlock, ImageBlock, Photo, Row, Sheet, compact
from ...picture.chart import over_steps
from ..engine.synthesis import Synthesis, pixels
from .glyphs import energies, glyphs
from .hog import descriptor
from .images import ERROR, apart, distance

WIDE = 330.0


@dataclass(frozen=True, eq=False, kw_only=True)
class HogImages(Synthesis):
    """Grey images (N, 3, H, W) whose descriptors are close to that of `goal`, the photo as it was fitted.

    `start` is the image that they began at, None for noise; `exact` are images, with their names, whose descriptor is
    the goal's by the descriptor's own laws.
    """

    goal: Photo
    start: Photo | None = None
    exact: tuple[tuple[str, Photo], ...] = ()
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
        return (
            "Images with the descriptor of a photo" if self.start is None else "Images that differ, and one descriptor"
        )

    @property
    def caption(self) -> str:
        return (
            f"{super().caption} HOG: {self.settings.text}. Distances between descriptors are relative; the "
            "descriptors are scikit-image's, of images rounded to 8 bits. Distances between pixels are root mean "
            "squares, in [0, 1]. Strokes: black is 0, white the largest value of each image."
        )

    def sheet(self, *, columns: int = 3) -> Sheet:
        """The photo, the starting image, and each image, with their descriptors as strokes.

        - `columns`: images in a row
        """
        tiles = [(self.goal.pixels, "the photo", self.goal.name)]
        tiles += [(each.pixels, name, self._far(each.pixels)) for name, each in self.exact]
        if self.start is not None:
            tiles.append((self.start.pixels, "where it began", self._far(self.start.pixels)))
        for index, image in enumerate(pixels(self.images)):
            name = "made from its HOG" if len(self.images) == 1 else f"made from its HOG, {index + 1}"
            tiles.append((image, name, self._far(image)))
        blocks: list[Block] = []
        for first in range(0, len(tiles), columns):
            row = tiles[first : first + columns]
            blocks.append(
                Row([ImageBlock(each, name, caption, width=WIDE, crisp=False) for each, name, caption in row])
            )
            blocks.append(Row([DrawingBlock(self._strokes(each)) for each, _, _ in row]))
        if len(self.history) > 1:
            blocks.append(Row([DrawingBlock(self._way())]))
        width = min(columns, len(tiles)) * (WIDE + 32) - 32 + 96
        return Sheet(
            self.heading,
            f"{self.goal.name}, in grey",
            blocks,
            caption=self.caption,
            width=max(700, width),
            description=f"{self.heading}; {self.caption}",
        )

    def _far(self, image: np.ndarray) -> str:
        near = distance(image, self.goal.pixels, self.settings)
        distance_text = "0" if near < 1e-9 else compact(near)
        return f"descriptor {distance_text} apart, pixels {compact(apart(image, self.goal.pixels))}"

    def _way(self) -> Drawing:
        """How far the descriptors were at each step, the mean over the images."""
        errors = (-self.history.double()).clamp(min=1e-16).sqrt().mean(1)
        return over_steps([errors.tolist()], up="distance of the descriptors", log=True)

    def _strokes(self, image: np.ndarray) -> Drawing:
        rows, columns = (side // self.settings.cell - self.settings.block + 1 for side in image.shape[:2])
        shape = rows, columns, self.settings.block, self.settings.block, self.settings.orientations
        return glyphs(energies(descriptor(image, self.settings).numpy().reshape(shape)), WIDE)

    def to_dict(self) -> dict[str, Any]:
        exact = {
            name: {
                "distance": distance(each.pixels, self.goal.pixels, self.settings),
                "apart": apart(each.pixels, self.goal.pixels),
            }
            for name, each in self.exact
        }
        return super().to_dict() | {"distances": self.distances.tolist(), "apart": self.apart.tolist(), "exact": exact}


def results_of(moments: Iterable[tuple[Tensor, Tensor]], steps: int, **fields: Any) -> Iterator[HogImages]:
    """A result for each moment: the images (N, 3, H, W) and their scores (N,), minus the descriptor's squared error.

    `fields` are the fields that do not change from step to step.
    """
    history: list[Tensor] = []
    for step, (images, scores) in enumerate(moments, 1):
        history.append(scores)
        yield HogImages(
            network="HOG", images=images, scores=scores, history=torch.stack(history), step=step, steps=steps,
            objective=ERROR, **fields,
        )  # fmt: skip
