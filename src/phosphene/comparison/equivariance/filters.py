"""The filters of a network's first layer, which a picture of its map can draw."""

from __future__ import annotations

import numpy as np
from torch import nn

from ...network import Layer, Network
from ...network.blocks import convolutions


def kernels_of(network: Network, layer: Layer) -> np.ndarray | None:
    """The filters (channels, 1 or 3, h, w) of a convolution whose input is the image; None for any other layer."""
    module = dict(network.module.named_modules()).get(layer.name)
    first = convolutions(network)[:1]
    if not isinstance(module, nn.Conv2d) or [layer.name] != first or module.weight.shape[1] not in (1, 3):
        return None
    return module.weight.detach().float().cpu().numpy()
