"""Images and their transformed versions through a network, and the values of layers for both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...network import Layer, Network
from ...network.picking import laid
from ...network.running.outputs import main_tensor
from ...transformations import Transformation

BEYOND = 1e-2  # of [0, 1]: what is further out is no rounding of 16-bit numbers
HELD = 256 << 20  # bytes of the layers' values of one batch


@dataclass(frozen=True, eq=False)
class Pair:
    """The network's inputs for images x and for g(x), both (N, C, H, W)."""

    before: Tensor = field(repr=False)
    after: Tensor = field(repr=False)


def changed(network: Network, x: Tensor, transformation: Transformation) -> Tensor:
    """The network's input for the transformed images of an input (N, C, H, W).

    Raises ValueError for an input that is of no image: transformations act on values in [0, 1].
    """
    images = network.denormalise(x).float()
    inside = images.clamp(0, 1)
    if float((images - inside).abs().max()) > BEYOND:
        low, high = float(images.min()), float(images.max())
        raise ValueError(
            f"the images of this input lie from {low:.3g} to {high:.3g} once {network.name}'s normalisation is undone, "
            "and transformations act on values from 0 to 1; give photos, or a tensor of the network's own input"
        )
    return network.normalise(transformation.images(inside)).to(x)


def pair(network: Network, x: Tensor, transformation: Transformation) -> Pair:
    return Pair(x, changed(network, x, transformation))


def maps_of(network: Network, x: Tensor, layers: Iterable[Layer]) -> Mapping[str, Tensor]:
    """The values of layers as maps (N, C, rows, columns), in float32, all from one run. ValueError if not finite."""
    layers = list(layers)
    values = network.record(x, *(layer.name for layer in layers))
    maps: dict[str, Tensor] = {}
    for layer in layers:
        tensor = main_tensor(values[layer.name])
        assert tensor is not None
        one = laid(tensor, layer, network.name).detach().float()
        if not torch.isfinite(one.sum()) and not torch.isfinite(one).all():
            raise ValueError(f"{layer.name} of {network.name} gives values that are not finite")
        maps[layer.name] = one
    return maps


def batch_for(layers: Iterable[Layer], most: int = 16) -> int:
    """How many images at once keep the values of these layers, of both versions, within `HELD` bytes."""
    each = sum(4 * torch.Size(layer.maps_shape).numel() for layer in layers)
    return max(1, min(most, HELD // max(1, 2 * each)))
