"""Examples as pixels: images in grids, and rows of images that belong together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...picture import ImageBlock, grid

SIDE = 56  # pixels of a tile, about


def is_image(shape: Sequence[int]) -> bool:
    """Whether examples of this shape can be drawn as images: (1 or 3, H, W)."""
    return len(shape) == 3 and shape[0] in (1, 3)


def pixels(x: Tensor) -> np.ndarray:
    """Images (N, H, W, 3) as bytes, from values of which 0 is black and 1 white; beyond these they are cut."""
    values = (x.detach().float().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    return values.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()


def block(x: Tensor, columns: int, heading: str = "", caption: str = "", side: int = SIDE) -> ImageBlock:
    """Images row by row."""
    scale = max(1, round(side / max(x.shape[2:])))
    tiles = grid(pixels(x), columns=columns, scale=scale, gutter=3)
    return ImageBlock(tiles.pixels, heading, caption, cells=tiles.cells)
