"""Layers that recipes take where none is named, and their values as maps."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from ....network import OUTPUTS, Address, Layer, Network
from ....network.running.outputs import main_tensor
from ....network.running.seam import OUTPUT
from ..objectives import Size


def last_maps(network: Network, size: Size) -> Layer:
    """The last layer before the answer that still has more than one place. ValueError where none has.

    The maps that a segmentation network answers with, and what only scales them up, are not among them; of tokens,
    modules' values count, not slices of them or what attention is made of.
    """
    grids = [layer for layer in network.layers(size) if layer.layout is not None and cell_count(layer) > 1]
    answer = grids[-1].channels if grids and grids[-1].name == OUTPUT else None
    while grids and grids[-1].channels == answer:
        grids.pop()
    if not grids:
        raise ValueError(f"{network.name} has no layer with a grid of places; no map of it can be compared")
    tokens = grids[-1].layout is not None and grids[-1].layout.tokens is not None
    return next((layer for layer in reversed(grids) if layer.module), grids[-1]) if tokens else grids[-1]


def maps_layer(network: Network, layer: str | None, address: Address, size: Size) -> Layer:
    """The layer of that name, or the target's own; for a class or a vector the last one that has maps."""
    if layer is not None:
        result = network.layer(Address.parse(layer).layer, size)
        if result.layout is None or cell_count(result) < 2:
            raise ValueError(f"{layer!r} of {network.name} has no grid of places; name a layer of maps")
        return result
    if address.layer not in OUTPUTS:
        target_layer = network.layer(address.layer, size)
        if target_layer.layout is not None and cell_count(target_layer) > 1:
            return target_layer
    return last_maps(network, size)


def as_maps(layer: Layer) -> Callable[[object], Tensor]:
    """What brings the layer's recorded value into maps (N, C, rows, columns)."""

    def maps(value: object) -> Tensor:
        tensor = main_tensor(value)
        assert tensor is not None
        return tensor if layer.layout is None else layer.layout.maps(tensor.movedim(layer.batch, 0))

    return maps


def cell_count(layer: Layer) -> int:
    """How many places a channel has."""
    _, rows, columns = layer.maps_shape
    return rows * columns
