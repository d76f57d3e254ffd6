"""Histograms of oriented gradients (N. Dalal and B. Triggs, CVPR 2005), as a network without weights.

    gradients   differences of the neighbours two apart, of the colour in which they are largest      (N, 2, H, W)
    cells       for each cell of pixels, how much gradient there is in each of K unsigned directions  (N, K, R, C)
    blocks      cells of a block together, normalised together; blocks overlap                        (N, B B K, R', C')

Computed as in scikit-image: pixels of the border have no gradient, a pixel votes for one direction and one cell (whole
votes), and cells are means. So the descriptor is the same to rounding, that of a photo in levels of 0 to 255. Dalal and
Triggs share votes between neighbouring directions (shared votes): that descriptor follows a turning edge smoothly.
"through" is for images made by gradients: the values of whole votes, and the derivatives of shared ones, which say
which way an edge should turn.

It is a `torch.nn.Module`, so that a `Network` can be made of it and every recipe asks of it what it asks of networks.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .network import Network
from .preprocessing import Preprocessing

Normalise = Literal["L2-Hys", "L2", "L1", "L1-sqrt"]
Votes = Literal["whole", "shared", "through"]
KINDS = ("L2-Hys", "L2", "L1", "L1-sqrt")
SMALL, CLIP = 1e-5, 0.2  # added to a norm; the most that one value keeps of it (L2-Hys), as in the paper
NOTHING = 1e-20  # under the root, so that it has a gradient where an image is flat


@dataclass(frozen=True)
class Settings:
    """How many directions, pixels along a cell's side, cells along a block's side, and which norm."""

    orientations: int = 9
    cell: int = 8
    block: int = 2
    normalise: Normalise = "L2-Hys"

    def __post_init__(self) -> None:
        for name in ("orientations", "cell", "block"):
            object.__setattr__(self, name, _count(getattr(self, name), name))
        if self.normalise not in KINDS:
            raise ValueError(f"blocks are normalised by {', '.join(KINDS)}, not by {self.normalise!r}")

    def check(self, height: int, width: int) -> None:
        """ValueError for an image that has no room for a block."""
        least = self.cell * self.block
        if min(height, width) < least:
            raise ValueError(f"an image of {height} × {width} pixels has no room for a block of {least} × {least}")

    @property
    def text(self) -> str:
        return (
            f"{self.orientations} directions, cells of {self.cell} × {self.cell} px, blocks of {self.block} × "
            f"{self.block} cells, {self.normalise}"
        )


class Gradients(nn.Module):
    """Images (N, 3, H, W) to their gradients down and right (N, 2, H, W), in levels of 0 to 255; `white` has 255."""

    def __init__(self, white: float = 1.0) -> None:
        super().__init__()
        self.white = white

    def forward(self, images: Tensor) -> Tensor:
        images = images * (255 / self.white)
        down = F.pad(images[:, :, 2:] - images[:, :, :-2], (0, 0, 1, 1))
        right = F.pad(images[..., 2:] - images[..., :-2], (1, 1))
        strengths = np.hypot(down.detach().double().cpu().numpy(), right.detach().double().cpu().numpy())
        strongest = torch.from_numpy(strengths.argmax(1)[:, None]).to(images.device)  # the first of equals, as in NumPy
        return torch.cat([down.gather(1, strongest), right.gather(1, strongest)], 1)


class Cells(nn.Module):
    """Gradients (N, 2, H, W) to histograms of directions (N, K, R, C)."""

    def __init__(self, orientations: int, cell: int, votes: Votes = "whole") -> None:
        super().__init__()
        self.orientations, self.cell, self.votes = orientations, cell, votes

    def forward(self, gradients: Tensor) -> Tensor:
        strength = (gradients.square().sum(1) + NOTHING).sqrt() - math.sqrt(NOTHING)
        votes = self._shared(gradients) if self.votes == "shared" else self.whole(gradients)
        if self.votes == "through":
            shared = self._shared(gradients)
            votes = votes + (shared - shared.detach())
        rows, columns = gradients.shape[-2] // self.cell, gradients.shape[-1] // self.cell
        votes = (strength[:, None] * votes)[..., : rows * self.cell, : columns * self.cell]
        return F.avg_pool2d(votes, self.cell)

    def whole(self, gradients: Tensor) -> Tensor:
        """Each pixel's vote (N, K, H, W) for the one direction that its gradient has, as NumPy rounds it."""
        down, right = gradients.detach().double().cpu().numpy().swapaxes(0, 1)
        degrees = torch.from_numpy(np.rad2deg(np.arctan2(down, right)) % 180).to(gradients.device)
        edges = 180.0 / self.orientations * torch.arange(1, self.orientations + 1, dtype=torch.float64)
        number = torch.bucketize(degrees, edges.to(degrees), right=True)  # K, for 180 itself, is no direction
        return F.one_hot(number, self.orientations + 1)[..., :-1].movedim(-1, 1).to(gradients)

    def _shared(self, gradients: Tensor) -> Tensor:
        """Each pixel's vote, shared between the two directions whose middles are nearest to its own."""
        flat = gradients.square().sum(1) < 1e-16
        down = torch.where(flat, 0.0, gradients[:, 0])
        right = torch.where(flat, 1.0, gradients[:, 1])
        position = torch.atan2(down, right) * (self.orientations / math.pi) - 0.5
        middles = torch.arange(self.orientations, device=gradients.device)[:, None, None]
        away = (position[:, None] - middles) % self.orientations
        return (1 - torch.minimum(away, self.orientations - away)).clamp(min=0)


class Blocks(nn.Module):
    """Histograms (N, K, R, C) to normalised blocks (N, B · B · K, R', C'), the cells of a block row by row."""

    def __init__(self, block: int, normalise: Normalise) -> None:
        super().__init__()
        self.block, self.normalise = block, normalise

    def forward(self, cells: Tensor) -> Tensor:
        rows, columns = cells.shape[-2:]
        high, wide = rows - self.block + 1, columns - self.block + 1
        corners = [(row, column) for row in range(self.block) for column in range(self.block)]
        parts = [cells[..., row : row + high, column : column + wide] for row, column in corners]
        return normalised(torch.cat(parts, 1), self.normalise)


def normalised(blocks: Tensor, kind: Normalise) -> Tensor:
    """The blocks (N, D, R, C), each of norm 1 or below over D."""
    if kind in ("L1", "L1-sqrt"):
        result = blocks / (blocks.abs().sum(1, keepdim=True) + SMALL)
        return result if kind == "L1" else (result + NOTHING).sqrt()
    result = blocks / (blocks.square().sum(1, keepdim=True) + SMALL**2).sqrt()
    if kind == "L2":
        return result
    result = result.clamp(max=CLIP)
    return result / (result.square().sum(1, keepdim=True) + SMALL**2).sqrt()


class HOG(nn.Module):
    """Images (N, 3, H, W) to descriptors (N, D): blocks row by row, in each its cells, in each its directions."""

    def __init__(self, settings: Settings, votes: Votes = "whole", white: float = 1.0) -> None:
        super().__init__()
        self.gradients = Gradients(white)
        self.cells = Cells(settings.orientations, settings.cell, votes)
        self.blocks = Blocks(settings.block, settings.normalise)

    def forward(self, images: Tensor) -> Tensor:
        return self.blocks(self.cells(self.gradients(images))).movedim(1, -1).flatten(1)


def _count(value: int, name: str) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is a whole number, not {value!r}") from None
    if number < 1:
        raise ValueError(f"{name} is at least 1, not {number}")
    return number


def hog_network(settings: Settings, size: tuple[int, int], votes: Votes = "through") -> Network:
    """The descriptor as a network whose layers are `gradients`, `cells` and `blocks`, for images of a size."""
    settings.check(*size)
    how = Preprocessing(size=size, resize=size)
    return Network(HOG(settings, votes).eval(), how, spec=None)
