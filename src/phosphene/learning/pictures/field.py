"""Points of a plane: examples, samples, and where a critic takes points for real, as pixels for sheets and films."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...picture import colour
from ..abilities import Discriminates, Samples

SIDE, MARGIN, DOT = 360, 0.25, 2  # pixels; of the examples' extent; half of a dot's side
REAL, MADE = (0, 0, 0), (255, 255, 255)  # colours of examples and of samples
SHOWN = 400  # samples


def is_plane(shape: Any) -> bool:
    """Whether examples of this shape are points of a plane."""
    return tuple(shape) == (2,)


def plane_pixels(system: Any, examples: Tensor) -> np.ndarray | None:
    """The plane (h, w, 3): the critic's probability "real" as its colour, examples black and samples white.

    None for a system that makes no samples.
    """
    if not isinstance(system, Samples) or not len(examples):
        return None
    points = examples.detach().cpu().double()
    middle = (points.amax(0) + points.amin(0)) / 2
    reach = float((points - middle).abs().max()) * (1 + MARGIN) or 1.0
    axis = torch.linspace(-reach, reach, SIDE, dtype=torch.float64)
    if isinstance(system, Discriminates):
        rows, columns = torch.meshgrid(axis.flip(0), axis, indexing="ij")
        grid = torch.stack([columns, rows], -1).view(-1, 2) + middle
        real = system.real_probability(grid.float()).view(SIDE, SIDE).cpu().numpy()
        pixels = colour(real, "diverging")
    else:
        pixels = np.full((SIDE, SIDE, 3), 150, np.uint8)
    for cloud, ink in ((points, REAL), (system.sample(SHOWN, seed=1).detach().cpu().double(), MADE)):
        at = ((cloud - middle) / reach + 1) / 2 * (SIDE - 1)
        for x, y in at.round().long().tolist():
            if DOT <= x < SIDE - DOT and DOT <= y < SIDE - DOT:
                pixels[SIDE - 1 - y - DOT : SIDE - y + DOT, x - DOT : x + DOT + 1] = ink
    return pixels
