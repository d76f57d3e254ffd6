"""Eight Gaussians on a ring: points of a plane on which the two-player game can be watched."""

from __future__ import annotations

import math

import torch

from .dataset import DataSet
from .examples import TensorExamples

MODES, RADIUS, SIGMA = 8, 2.0, 0.1
TRAIN, TEST = 8000, 2000


def ring() -> DataSet:
    """10,000 points (2,), each with the number of its Gaussian; the ring's radius is 2, a Gaussian's sigma 0.1."""
    chance = torch.Generator().manual_seed(0)
    labels = torch.randint(MODES, (TRAIN + TEST,), generator=chance)
    angles = labels * (2 * math.pi / MODES)
    centres = RADIUS * torch.stack([angles.cos(), angles.sin()], 1)
    x = centres + SIGMA * torch.randn(TRAIN + TEST, 2, generator=chance)
    names = tuple(f"{360 * mode // MODES}°" for mode in range(MODES))
    parts = (slice(0, TRAIN), slice(TRAIN, None))
    train, test = (TensorExamples(x[part], labels[part], names) for part in parts)
    return DataSet("ring", train, test, ("drawn with seed 0",))
