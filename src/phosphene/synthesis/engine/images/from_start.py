"""Images that keep their start: what is optimised is added to it, and fades where no gradient renews it.

    image = sigmoid(start + window · change),   start = logit of the image to begin at,   change = a spectrum

A spectrum that itself begins at a photo forgets it within some dozens of steps: Adam moves every frequency as fast as
any other, and a decay towards zero takes the start away as well. Here the decay leads back to the start.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .image import Fourier, coloured

DECAY = 1.65  # power of the frequency, as in `recipes.fourier`


class FromStart(Fourier):
    """Starts at images (N, 3, H, W) in [0, 1]; black and white come in by 0.001."""

    start: Tensor
    window: Tensor

    def __init__(self, images: Tensor, *, decay: float = DECAY, decorrelated: bool = True) -> None:
        size = (int(images.shape[-2]), int(images.shape[-1]))
        super().__init__(len(images), size, deviation=0.0, decay=decay, decorrelated=decorrelated)
        self.register_buffer("start", logits(images))
        self.register_buffer("window", torch.ones(1, 1, *size))

    def forward(self) -> Tensor:
        spectrum = torch.view_as_complex(self.spectrum) * self.scale
        change = coloured(torch.fft.irfft2(spectrum, s=self.size, norm="ortho"), self.colours)
        return (self.start + self.window * change).sigmoid()

    def settle(self, margin: float = 0.0) -> None:
        """What is shown now becomes the start. From here on the `margin`, a share of each side, stays as it is; the
        change sets in over half as much beyond it.
        """
        with torch.no_grad():
            self.start.copy_(logits(self.forward()))
            self.spectrum.zero_()
            self.window.copy_(middle(self.size, margin))


def logits(images: Tensor) -> Tensor:
    return torch.logit(images.detach().clamp(1e-3, 1 - 1e-3))


def middle(size: tuple[int, int], margin: float) -> Tensor:
    """0 within `margin` (a share of each side) of the border, 1 in the middle, a ramp between (height, width)."""
    if margin == 0:
        return torch.ones(size)
    ramps = []
    for side in size:
        positions = (torch.arange(side) + 0.5) / side
        ramps.append(((torch.minimum(positions, 1 - positions) - margin) / (margin / 2)).clamp(0, 1))
    return ramps[0][:, None] * ramps[1]
