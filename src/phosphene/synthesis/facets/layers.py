"""The layers at which facets are parted, drawn to their photos, and compared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ...network import Address, Layer, Network
from ..engine.layers.default_layers import cell_count, last_maps, maps_layer
from ..engine.objectives import Size


@dataclass(frozen=True)
class FacetLayers:
    """Photos are grouped at `later`; images are drawn to them there and at `earlier`; what is measured is `between`."""

    later: Layer
    earlier: Layer
    between: Layer

    @property
    def pulling(self) -> tuple[Layer, ...]:
        return (self.later,) if self.earlier.name == self.later.name else (self.earlier, self.later)

    @property
    def all(self) -> tuple[Layer, ...]:
        """Each once, the later one first."""
        return tuple({each.name: each for each in (self.later, self.earlier, self.between)}.values())


def facet_layers(network: Network, layer: str | None, size: Size) -> FacetLayers:
    """`layer` or the last one with maps; the last before it with four times its places or more; and one halfway.

    Where the network has no such layer the next best stands for it, at last the later one itself.
    """
    later = last_maps(network, size) if layer is None else maps_layer(network, layer, Address.parse(layer), size)
    before: list[Layer] = []
    for each in network.layers(size):
        if each.name == later.name:
            break
        if each.layout is not None and cell_count(each) > 1:
            before.append(each)
    grids = Counter(each.maps_shape[1:] for each in before)  # a grid of its own is that of a padded map
    finer = [
        number
        for number, each in enumerate(before)
        if cell_count(each) >= 4 * cell_count(later) and grids[each.maps_shape[1:]] > 1
    ]
    if not finer:
        earlier = before[len(before) // 2] if before else later
        return FacetLayers(later, earlier, earlier)
    after = before[finer[-1] + 1 :]
    return FacetLayers(later, before[finer[-1]], after[len(after) // 2] if after else before[finer[-1]])
