"""A convolutional encoder and decoder for images of 28 to 64 pixels, shared by the systems so that they compare."""

from __future__ import annotations

from torch import nn

CHANNELS = (32, 64)


def encoder(shape: tuple[int, ...], outputs: int, hidden: int) -> nn.Sequential:
    """Images (N, C, H, W) to (N, outputs): two convolutions of stride 2, then two linear layers."""
    channels, height, width = _checked(shape)
    first, second = CHANNELS
    return nn.Sequential(
        nn.Conv2d(channels, first, 4, 2, 1), nn.ReLU(),
        nn.Conv2d(first, second, 4, 2, 1), nn.ReLU(),
        nn.Flatten(),
        nn.Linear(second * (height // 4) * (width // 4), hidden), nn.ReLU(),
        nn.Linear(hidden, outputs),
    )  # fmt: skip


def decoder(shape: tuple[int, ...], inputs: int, hidden: int) -> nn.Sequential:
    """Codes (N, inputs) to values (N, C, H, W): the encoder's layers the other way round."""
    channels, height, width = _checked(shape)
    first, second = CHANNELS
    small = (second, height // 4, width // 4)
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(),
        nn.Linear(hidden, second * small[1] * small[2]), nn.ReLU(),
        nn.Unflatten(1, small),
        nn.ConvTranspose2d(second, first, 4, 2, 1), nn.ReLU(),
        nn.ConvTranspose2d(first, channels, 4, 2, 1),
    )  # fmt: skip


def _checked(shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) != 3 or shape[1] % 4 or shape[2] % 4:
        raise ValueError(f"the convolutions take images (C, H, W) with sides that 4 divides, not {shape}; take net=mlp")
    channels, height, width = shape
    return channels, height, width
