"""Small folders of photos with classes, and small networks, for tests of transfer."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

import phosphene as ph

COLOURS = {"red": (200, 60, 50), "green": (60, 180, 70), "blue": (60, 80, 210)}
SIDE = 24


def folder(
    path: Path, count: int = 10, noise: float = 60.0, seed: int = 0, names: tuple[str, ...] = tuple(COLOURS)
) -> Path:
    """Photos of noisy colours, a sub-folder a class."""
    chance = np.random.default_rng(seed)
    for name in names:
        (path / name).mkdir(parents=True, exist_ok=True)
        for at in range(count):
            pixels = chance.normal(COLOURS[name], noise, (SIDE, SIDE + 4, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(path / name / f"{seed}-{at:03d}.png")
    return path


class Small(nn.Module):
    """Convolution, batch norm, ReLU, pooling, dropout, and a layer of scores called `top`."""

    def __init__(self, classes: int = 7, channels: int = 3, width: int = 12) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 5, 2),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3),
            nn.ReLU(),
        )
        self.drop = nn.Dropout(0.1)
        self.top = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.top(self.drop(self.body(x).mean((2, 3))))


def build() -> ph.Network:
    """A small network, the same each time; this file's `build` is its name."""
    return ph.Network(seeded(Small), ph.Preprocessing.plain(SIDE - 4))


def seeded(make, seed: int = 0) -> nn.Module:
    state = torch.get_rng_state()
    torch.manual_seed(seed)
    module = make().eval()
    torch.set_rng_state(state)
    return module
