"""Which unit of an atlas is meant: its sweep and its checked address, by what the atlas itself holds."""

from __future__ import annotations

from ...network import Address, Labels
from ...network.picking import channel_of
from ..opened import OpenedAtlas
from ..store.work import Sweep


def unit_of(atlas: OpenedAtlas, unit: str, sweep: str | None = None) -> tuple[Sweep, Address]:
    """The sweep that holds a unit, and the unit's address: a layer with a channel's number. Opens no network.

    Raises LookupError for a layer whose units the atlas does not hold or a channel that it does not have, ValueError
    for a whole layer and for one place.
    """
    address = Address.parse(unit)
    swept = atlas.sweep(address.layer, name=sweep)
    channel = channel_of(address, atlas.fields(swept, address.layer).channels, class_names(swept), swept.network)
    if channel is None:
        raise ValueError(f"{unit!r} is a whole layer; name one of its channels, such as '{address.layer}:17'")
    if address.place is not None or address.token is not None:
        raise ValueError(f"{unit!r} is one place; an atlas holds channels, such as '{address.layer}:{channel}'")
    return swept, Address(address.layer, channel)


def class_names(sweep: Sweep) -> Labels:
    """The class names of a sweep's network, as the atlas holds them."""
    return Labels(sweep.labels) if sweep.labels else Labels()
