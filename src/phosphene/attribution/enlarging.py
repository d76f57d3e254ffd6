"""A coarse map brought to the input's pixels, each number laid where its unit looks.

The unit in row i of a layer looks at a window of the input whose middle lies at

    start + size / 2 + i * stride                                        (pixels; the receptive field's own numbers)

and its number belongs there; between the middles the map is linear, beyond the outermost it stays. Stretching a map
evenly over the image, as `interpolate` does, puts row i of n at (i + 1/2) H / n instead. The two differ by up to half a
cell where padding is not symmetric about the image: in a ResNet at 224 px the last layer's units look at 0.5, 32.5 ...
192.5 and not at 16, 48 ... 208. Where windows are the whole image, irregular or not known, maps are stretched evenly.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..network import Field, Network
from ..picture.overlay import blend


def enlarged(maps: Tensor, network: Network, layer: str, size: tuple[int, int]) -> Tensor:
    """Maps (N, h, w) of a layer at every pixel (N, H, W) of an input of `size`."""
    field = network.layer(layer, size).field
    axes = (field.height, field.width) if isinstance(field, Field) else (None, None)
    weights = []
    for pixels, count, axis in zip(size, maps.shape[-2:], axes, strict=True):
        middles = np.arange(pixels) + 0.5
        places = (
            middles * count / pixels if axis is None else (middles - axis.start - axis.size / 2) / axis.stride + 0.5
        )
        weights.append(torch.from_numpy(blend(places, count)).to(maps))
    return weights[0] @ maps @ weights[1].T


def where_laid(network: Network, layer: str, size: tuple[int, int]) -> str:
    """How `enlarged` lays the layer's maps, in words."""
    return "where its units look" if isinstance(network.layer(layer, size).field, Field) else "evenly"
