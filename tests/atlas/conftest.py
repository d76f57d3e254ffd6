"""A small network, and a folder of small pictures in class folders."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import phosphene as ph


def build():
    """Two convolutions with strides, and scores; also opened by its name, in processes of their own."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU6(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5),
    ).eval()  # fmt: skip


@pytest.fixture(scope="session")
def network():
    return ph.Network(build(), ph.Preprocessing((32, 32), resize=(36, 36)), ["a", "b", "c", "d", "e"])


def draw(seed, size=(40, 52)):
    """A picture with large and small forms."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    image = np.array(Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC)).astype(int)
    return (image + generator.integers(-40, 40, (*size, 3))).clip(0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    """37 pictures of three classes, one of them broken and one empty."""
    root = tmp_path / "set"
    for index in range(37):
        name = root / "abc"[index % 3] / f"{index:02}.png"
        name.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(index)).save(name)
    (root / "b" / "07b.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    (root / "c" / "11c.png").write_bytes(b"")
    return root
