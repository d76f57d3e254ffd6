"""An image as a function of the place: a small network that paints every pixel from where the pixel is.

    colour(x, y) = sigmoid(W_9 a(W_8 a(… a(W_1 (x, y) + b_1) …) + b_8) + b_9),   a(s) = (t / 0.67, (t² − 0.45) / 0.396),
    t = atan s

What is optimised are the weights. No weight belongs to a pixel, so that what comes out are areas, bands and waves with
clean edges in place of textures, and it can be painted at any size. Compositional pattern-producing networks are K.
Stanley's (2007), who evolves them (`patterns.py`); to train them by a network's gradient, and the activation, whose two
halves have a mean square near 1 for normal s, are from A. Mordvintsev, N. Pezzotti, L. Schubert and C. Olah,
Differentiable image parameterizations, Distill 2018: 8 layers of 24 units, x and y of standard deviation 1, and last
weights of 0, so that all images begin grey.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ..objectives import Size
from .image import Image

LAYERS, UNITS = 8, 24
BAND = 1 << 16  # places that are painted at once


class CPPN(Image):
    """Functions of the place, one an image, with weights of their own; `at` paints them at any size."""

    def __init__(
        self, count: int, size: Size, *, layers: int = LAYERS, units: int = UNITS,
        generator: torch.Generator | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.size = size
        inputs = [2, *[2 * units] * layers]  # the activation gives two values for each unit
        weights = [torch.randn(count, units, each, generator=generator) / math.sqrt(each) for each in inputs[:-1]]
        self.weights = nn.ParameterList([*weights, torch.zeros(count, 3, inputs[-1])])
        self.biases = nn.ParameterList([torch.zeros(count, len(weight[0]), 1) for weight in self.weights])

    def forward(self) -> Tensor:
        return self.at(self.size)

    def at(self, size: Size) -> Tensor:
        """The images painted with (height, width) pixels: (N, 3, height, width); finer, not only larger."""
        bands = [self._painted(band) for band in pixel_middles(size).to(self.weights[0]).split(BAND, 1)]
        return torch.cat(bands, 2).unflatten(2, size)

    def _painted(self, band: Tensor) -> Tensor:
        """The colours (N, 3, P) at places (2, P)."""
        values = band.expand(len(self.weights[0]), -1, -1)
        *before, last = zip(self.weights, self.biases, strict=True)
        for weight, bias in before:
            values = both_halves(torch.baddbmm(bias, weight, values))
        return torch.baddbmm(last[1], last[0], values).sigmoid()


def both_halves(sums: Tensor) -> Tensor:
    """t / 0.67 and (t² − 0.45) / 0.396 with t = atan(sums), (N, 2 C, P): of mean square near 1 for normal sums."""
    angle = sums.atan()
    return torch.cat([angle / 0.67, (angle.square() - 0.45) / 0.396], 1)


def pixel_middles(size: Size) -> Tensor:
    """x and y of the pixels' middles, (2, height · width): 0 in the middle, ± √3 at the ends of the shorter side."""
    short = min(size)
    down, right = (math.sqrt(3) * (2 * torch.arange(side).double() + 1 - side) / short for side in size)
    return torch.stack(torch.meshgrid(right, down, indexing="xy")).flatten(1)
