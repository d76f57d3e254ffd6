"""Small networks with something to be raised: channels, a hidden layer in place, and classes."""

import pytest
import torch
from torch import nn

import phosphene as ph


@pytest.fixture
def network():
    """Four classes, 24 px, float64; the same weights every time."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 6, 5, 2), nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.Conv2d(6, 8, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    ).double().train()  # fmt: skip
    for _ in range(3):
        module(torch.randn(8, 3, 24, 24).double())
    scale = ph.Preprocessing((24, 24), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.25))
    return ph.Network(module.eval(), scale, ["cat", "dog", "goose", "gull"])
