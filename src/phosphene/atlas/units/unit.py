"""Which unit of an atlas is meant: its sweep, its network, and its checked address."""

from __future__ import annotations

from ...network import Address, Network
from ..opened import OpenedAtlas
from ..store.work import Sweep


def unit_of(atlas: OpenedAtlas, unit: str, sweep: str | None = None) -> tuple[Sweep, Network, Address]:
    """The sweep that holds a unit, its network opened again, and the unit's address, a layer with a channel.

    Raises LookupError for a layer whose units the atlas does not hold or a channel that it does not have, ValueError
    for a whole layer and for one place.
    """
    address = Address.parse(unit)
    found = atlas.sweep(address.layer, name=sweep)
    network = atlas.network(found)
    checked = network.address(address)
    if checked.channel is None:
        raise ValueError(f"{unit!r} is a whole layer; name one of its channels, such as '{address.layer}:17'")
    if checked.place is not None:
        raise ValueError(f"{unit!r} is one place; an atlas holds channels, such as '{address.layer}:{checked.channel}'")
    return found, network, Address(checked.layer, int(checked.channel))
