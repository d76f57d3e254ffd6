"""What the units of a layer see of the network's input, read from its survey."""

from __future__ import annotations

from .addresses import OUTPUTS, Address
from .frame import Box
from .geometry import UNKNOWN, WHOLE, Extent, Field
from .picking import check_place
from .survey import Layer, Survey


def seen_by(address: Address, layer: Layer, survey: Survey) -> Field | Extent | Box:
    """What a layer's units see, or a channel's; of an address with a place, the box that this one unit sees."""
    place = survey.places[layer.name]
    channel = None if address.channel is None or address.layer in OUTPUTS else int(address.channel)
    if address.place is None:
        return layer.field if channel is None else place.field(*survey.size, channel)
    window = place.window if channel is None else place.channel(channel)
    if layer.layout is None and (window is None or place.spatial):
        return UNKNOWN
    check_place(address, layer)
    if layer.field is WHOLE:
        return Box(0, 0, survey.size[1], survey.size[0])
    if window is None:
        return UNKNOWN
    (top, bottom), (left, right) = (
        (int(span.first[min(at, len(span) - 1)]), int(span.last[min(at, len(span) - 1)]) + 1)
        for span, at in zip(window, address.place, strict=True)
    )
    return Box(left, top, right, bottom) if left < right and top < bottom else Box(0, 0, 0, 0)
