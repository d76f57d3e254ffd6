"""The map M_g of a layer's values: places are moved as the image was, then a local linear map mixes the channels.

    M_g φ = W * (P_g φ) + b

P_g takes each place's values from where g took them; W is a convolution over m × m places and all channels (Lenc and
Vedaldi, 2015, section 3). A layer without places, such as a vector, has one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class LinearMap:
    """A convolution of moved maps: `weight` (channels, channels, m, m), `bias` (channels,)."""

    weight: Tensor = field(repr=False)
    bias: Tensor = field(repr=False)

    @property
    def side(self) -> int:
        """How many places it reads in each direction."""
        return int(self.weight.shape[-1])

    def __call__(self, maps: Tensor) -> Tensor:
        """The mapped values of maps (N, C, rows, columns)."""
        return F.conv2d(maps, self.weight.to(maps), self.bias.to(maps), padding=self.side // 2)

    @classmethod
    def of(cls, weight: Tensor, bias: Tensor, side: int) -> LinearMap:
        """The map of a regression's weight (channels · m · m, channels), in the order of `neighbourhoods`."""
        inputs, outputs = weight.shape
        kernel = weight.T.reshape(outputs, inputs // side**2, side, side)
        return cls(kernel.float(), bias.float())


def neighbourhoods(maps: Tensor, side: int) -> Tensor:
    """(N, channels · side · side, rows · columns): the values around each place of maps, zero beyond the border."""
    return maps.flatten(2) if side == 1 else F.unfold(maps, side, padding=side // 2)


def unchanged(channels: int, side: int) -> Tensor:
    """The regression's weight (channels · side · side, channels) of the map that changes nothing."""
    weight = torch.zeros(channels, side, side, channels, dtype=torch.float64)
    index = torch.arange(channels)
    weight[index, side // 2, side // 2, index] = 1
    return weight.reshape(-1, channels)
