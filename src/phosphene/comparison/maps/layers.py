"""Which layers are studied, and how much of a map each one's memory allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...network import Layer, Network
from ...network.blocks import convolutions, distinct_blocks
from ..regression.moments import bytes_of

MOST = 10  # layers where none are named
ROOM = 1 << 30  # bytes of sums of one layer
TOGETHER = 2 << 30  # of all layers that one pass over the images serves


@dataclass(frozen=True)
class Studied:
    """A layer under study: its channels and grid, and over how many places in each direction its map reaches."""

    layer: Layer
    side: int
    note: str = ""

    @property
    def name(self) -> str:
        return self.layer.name

    @property
    def channels(self) -> int:
        return self.layer.maps_shape[0]

    @property
    def grid(self) -> tuple[int, int]:
        return self.layer.maps_shape[1], self.layer.maps_shape[2]

    @property
    def depth(self) -> int:
        """The number of values that a linear map reads for one place."""
        return self.channels * self.side**2

    @property
    def bytes(self) -> int:
        """Of the sums to fit by, and of those to choose by."""
        return 2 * bytes_of(self.depth, self.channels)


def layers_of(network: Network, names: str | Sequence[str] | None, most: int = MOST) -> list[Layer]:
    """The named layers in the network's order, or its first convolution and the outputs of blocks, evenly spread.

    LookupError for a name that is not there, ValueError for a value that does not lie as maps.
    """
    if names is None:
        spread = distinct_blocks(network) or [layer.name for layer in network.layers() if layer.layout is not None]
        first = convolutions(network)[:1]
        places = most - len(first)
        if len(spread) > places:
            spread = [spread[index * (len(spread) - 1) // (places - 1)] for index in range(places)]
        names = [*first, *spread]
    chosen = [network.layer(name) for name in ([names] if isinstance(names, str) else list(names))]
    for layer in chosen:
        if layer.layout is None and len(layer.shape) > 1:
            raise ValueError(f"the values of {layer.name} are neither maps nor a vector; choose another layer")
    order = {layer.name: index for index, layer in enumerate(network.layers())}
    return sorted(dict.fromkeys(chosen), key=lambda layer: order[layer.name])


def studied(layer: Layer, side: int) -> Studied:
    """The layer with the largest neighbourhood, up to `side`, whose sums fit into memory.

    ValueError for a layer whose channels alone are too many.
    """
    channels, rows, columns = layer.maps_shape
    wanted = side if min(rows, columns) > 1 else 1
    for smaller in range(wanted, 0, -2):
        if bytes_of(channels * smaller**2, channels) <= ROOM:
            note = ""
            if smaller < wanted:
                size = 2 * bytes_of(channels * wanted**2, channels) / 2**30
                note = (
                    f"{layer.name}: the map reads {smaller} × {smaller} places and not {wanted} × {wanted}, whose sums "
                    f"over {channels:,} channels would take {size:.1f} GiB"
                )
            return Studied(layer, smaller, note)
    raise ValueError(
        f"a linear map of {layer.name} would mix {channels:,} channels, and its sums take "
        f"{2 * bytes_of(channels, channels) / 2**30:.1f} GiB; choose a layer of fewer channels"
    )


def passes(layers: Sequence[Studied]) -> list[list[Studied]]:
    """The layers in groups, each of which one pass over the images serves within `TOGETHER` bytes."""
    groups: list[list[Studied]] = []
    for each in layers:
        if groups and sum(other.bytes for other in groups[-1]) + each.bytes <= TOGETHER:
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups


def depth_of(network: Network, name: str) -> float:
    """A layer's place among the network's values, from 0 to 1."""
    order = [layer.name for layer in network.layers()]
    return order.index(network.layer(name).name) / max(1, len(order) - 1)
