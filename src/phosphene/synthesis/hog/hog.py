"""The HOG descriptor of a photo and its picture (N. Dalal and B. Triggs, CVPR 2005).

What a photo was before features were learned: histograms of the directions of its edges, cell by cell, normalised block
by block. `hog_inverse` shows what the descriptor keeps of the photo, and `hog_twins` what it does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...instrument import Result, instrument
from ...network.hog import HOG, Normalise, Settings
from ...network.room import check_room
from ...picture import DrawingBlock, ImageBlock, Photo, Range, Row, Sheet
from .glyphs import energies, glyphs

WIDE = 520.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Hog(Result):
    """`values` (D,) is the descriptor: blocks row by row, in each its cells row by row, in each its directions."""

    photo: Photo
    settings: Settings
    values: Tensor = field(repr=False)  # float64

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        """Rows and columns of blocks, rows and columns of cells in a block, directions."""
        s = self.settings
        rows, columns = (side // s.cell - s.block + 1 for side in (self.photo.height, self.photo.width))
        return rows, columns, s.block, s.block, s.orientations

    @property
    def blocks(self) -> Tensor:
        """The descriptor in its shape."""
        return self.values.view(self.shape)

    def sheet(self) -> Sheet:
        """The photo beside the descriptor's strokes, which lie along the edges."""
        energy = energies(self.blocks.numpy())
        used = np.array(energy.shape[:2]) * self.settings.cell  # what is left over at the right and below is not seen
        energy_range = Range(0.0, float(energy.max()), "minmax")
        return Sheet(
            "Histograms of oriented gradients",
            f"{self.photo.name} · {self.photo.height} × {self.photo.width} px · {len(self.values):,} numbers",
            [
                Row(
                    [
                        ImageBlock(self.photo.pixels[: used[0], : used[1]], heading="photo", width=WIDE, crisp=False),
                        DrawingBlock(glyphs(energy, WIDE), heading="HOG"),
                    ],
                    gap=28,
                )
            ],
            caption=(
                f"{self.settings.text}. The brightness of a stroke is the strength of edges in that direction in its "
                "cell, the mean over the blocks that contain the cell."
            ),
            width=2 * WIDE + 28 + 96,
            description=f"HOG of {self.photo.name}; {self.settings.text}",
            ranges=[energy_range],
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "photo": self.photo.name,
            "orientations": self.settings.orientations,
            "cell": self.settings.cell,
            "block": self.settings.block,
            "normalise": self.settings.normalise,
            "shape": list(self.shape),
            "values": self.values.tolist(),
        }


@instrument
def hog(photo: Photo, *, orientations: int = 9, cell: int = 8, block: int = 2, normalise: Normalise = "L2-Hys") -> Hog:
    """Histograms of oriented gradients of a photo (Dalal and Triggs), as numbers and as strokes along its edges.

    The numbers are those of scikit-image: `skimage.feature.hog(photo.pixels, orientations, (cell, cell), (block,
    block), normalise, channel_axis=-1)`. Raises ValueError for a photo without room for a block.

    - `photo`: the photo
    - `orientations`: how many directions between 0 and 180 degrees
    - `cell`: pixels along a cell's side
    - `block`: cells along a block's side
    - `normalise`: the norm of each block: L2-Hys (L2, clipped at 0.2, L2 again), L2, L1 or L1-sqrt
    """
    if not isinstance(photo, Photo):
        raise TypeError(f"hog takes a photo (phosphene.read opens one), not {type(photo).__name__}")
    settings = Settings(orientations, cell, block, normalise)
    settings.check(photo.height, photo.width)
    votes = 16 * photo.height * photo.width
    check_room(settings.orientations, votes, f"orientations={{}}: votes of {photo.height} × {photo.width} pixels")
    return Hog(photo=photo, settings=settings, values=descriptor(photo.pixels, settings))


def descriptor(pixels: np.ndarray, settings: Settings) -> Tensor:
    """The descriptor (D,) in float64 of pixels (H, W, 3), uint8."""
    image = torch.from_numpy(pixels.astype(np.float64)).permute(2, 0, 1)[None]
    with torch.no_grad():
        return HOG(settings, white=255.0)(image)[0]
