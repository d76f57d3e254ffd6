"""An address against the layer that it names: checked before a run, and picked out of the layer's value after it."""

from __future__ import annotations

from torch import Tensor

from .addresses import OUTPUTS, Address
from .labels import Labels
from .survey import Layer


def names_a_layer(address: Address) -> bool:
    """Whether it names all of a layer, and no channel, place or token of it."""
    return address.channel is None and address.place is None and address.token is None


def within(address: Address, layer: Layer, labels: Labels, network: str) -> Address:
    """The address with a class's name replaced by its number. LookupError for what is not in the layer."""
    channel = channel_of(address, layer.channels, labels, network)
    check_place(address, layer)
    if address.token and _token(address.token) >= (layer.layout.prefix if layer.layout else 0):
        raise LookupError(f"{address.layer} has no token '{address.token}'")
    return Address(address.layer, channel, address.place, address.token)


def channel_of(address: Address, channels: int, labels: Labels, network: str) -> int | None:
    """The number of the address's channel, or class, of a layer with so many. LookupError for one that is not there."""
    channel = address.channel
    if address.layer in OUTPUTS and channel is not None:
        if not labels and isinstance(channel, str):
            raise LookupError(f"{network} came without class names; give the class's number, not {channel!r}")
        channel = labels.index(channel) if labels else channel
    if channel is not None and int(channel) >= channels:
        last = channels - 1
        raise LookupError(f"{address.layer} of {network} has {channels} channels (0 to {last}), no {channel}")
    return None if channel is None else int(channel)


def check_place(address: Address, layer: Layer) -> None:
    """LookupError for a place that is not in the layer."""
    _, rows, columns = layer.maps_shape
    if address.place and not (0 <= address.place[0] < rows and 0 <= address.place[1] < columns):
        raise LookupError(
            f"{address.layer} has {rows} rows and {columns} columns of units, no place {address.place[0]},"
            f"{address.place[1]} (counted from 0)"
        )


def picked(value: Tensor, address: Address, layer: Layer) -> Tensor:
    """The channel, the place or the token of a layer's value."""
    value = value.movedim(layer.batch, 0)
    if address.token is not None and layer.layout is not None:
        value = layer.layout.extras(value)[:, _token(address.token)]
    elif layer.layout is not None:
        value = layer.layout.maps(value)
        value = value if address.place is None else value[..., address.place[0], address.place[1]]
    elif value.ndim > 2 and value.ndim != 4:
        value = value.movedim(-1, 1)
    return value if address.channel is None else value[:, int(address.channel)]


def laid(value: Tensor, layer: Layer, network: str) -> Tensor:
    """The layer's value as maps (N, C, rows, columns); a vector has one place. ValueError where there are no places."""
    if layer.layout is not None:
        return layer.layout.maps(value.movedim(layer.batch, 0))
    if value.ndim == 2:
        return value[:, :, None, None]
    raise ValueError(
        f"{layer.name} of {network} is {' × '.join(map(str, layer.shape))} an image and has no grid of places that "
        "Phosphene could follow; choose another layer"
    )


def _token(name: str) -> int:
    return 0 if name == "cls" else int(name.removeprefix("register"))
